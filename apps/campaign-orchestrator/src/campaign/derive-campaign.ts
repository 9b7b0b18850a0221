import { AppError } from '@muster/contracts';
import type { CampaignStatus, TargetStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import { cutText } from '@muster/contracts/cut-text';
import type { Campaign } from './campaign-state.js';
import type { CampaignDefinition } from './campaign.events.js';

export const DERIVATIONS = ['retry', 'revert', 'copy'] as const;
export type Derivation = (typeof DERIVATIONS)[number];

const ENDED: readonly CampaignStatus[] = ['completed', 'cancelled'];
const TO_RETRY: readonly TargetStatus[] = ['failed', 'timed_out'];
const NAME_LENGTH = 128;

/**
 * The definition of a new draft made from another campaign. Pure. Its dates are not taken over: they are past. Throws
 * `campaign-not-found`, `campaign-status`, `campaign-not-revertable`.
 */
export const derivedFrom = (
  how: Derivation,
  campaignId: string,
  state: Campaign,
  name: string | undefined,
): CampaignDefinition => {
  const { definition, status, launch } = state;
  if (definition === null || status === null) throw new AppError('campaign-not-found', 'No such campaign.');
  const undated: CampaignDefinition = {
    ...definition,
    name: name ?? named(definition.name, how),
    startAt: null,
    endAt: null,
  };
  if (how === 'copy') return undated;
  if (!ENDED.includes(status)) {
    throw new AppError(
      'campaign-status',
      `The campaign is ${status}; to ${how} it is possible in ${ENDED.join(', ')}.`,
    );
  }
  if (launch === null || !launch.resolved) {
    throw new AppError(
      'campaign-status',
      `The campaign was cancelled before it was launched: there is nothing to ${how}.`,
    );
  }
  // The batches were made for all devices; these are some of them, in no order that the old plan knows.
  const ofThese = { ...undated, batches: [ALL] };
  if (how === 'retry') return { ...ofThese, target: { campaignId, statuses: TO_RETRY } };
  assertRevertable(definition);
  return {
    ...ofThese,
    target: { campaignId, statuses: null },
    configurations: {},
    expectedStates: {},
    revertOf: campaignId,
  };
};

const ALL: CampaignDefinition['batches'][number] = {
  share: { percent: 100 },
  release: 'auto',
  gate: null,
  recentlySeenFirst: false,
};

const assertRevertable = ({ configurations, revertOf }: CampaignDefinition): void => {
  if (revertOf !== null)
    throw new AppError(
      'campaign-not-revertable',
      'The campaign is a revert itself: copy the campaign that it took back.',
    );
  if (Object.keys(configurations).length === 0)
    throw new AppError('campaign-not-revertable', 'The campaign wrote no values: it only expected states.');
};

const named = (name: string, how: Derivation): string => {
  const suffix = ` (${how})`;
  return `${cutText(name, NAME_LENGTH - suffix.length).trimEnd()}${suffix}`;
};
