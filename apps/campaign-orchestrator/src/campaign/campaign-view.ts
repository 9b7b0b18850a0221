import { AppError } from '@muster/contracts';
import type {
  BatchView,
  CampaignDetails,
  CampaignView,
} from '@muster/contracts/campaign-orchestrator/campaign-view';
import type { StoredPhase } from './campaign-phases.js';
import type { Batch, Campaign } from './campaign-state.js';
import type { CampaignDefinition } from './campaign.events.js';
import { batchInputOf, targetViewOf, windowViewOf } from './definition.js';

/** Throws `campaign-not-found` of one that is not there any more. */
export const viewOf = (id: string, state: Campaign, phase: StoredPhase | undefined): CampaignView => {
  const { definition, status, created, launch, startAt, pause, cancel, launchError, waitEnded } = state;
  if (definition === null || status === null || created === null)
    throw new AppError('campaign-not-found', 'No such campaign.');
  const now = status === 'running' || status === 'scheduled' ? phase : undefined;
  return {
    id,
    name: definition.name,
    ...(definition.description === null ? {} : { description: definition.description }),
    status,
    phase: now?.phase ?? null,
    ...(now === undefined ? {} : { phaseDetail: now.detail }),
    phaseSince: now?.since ?? null,
    nextAt: status === 'scheduled' && now === undefined ? startAt : (now?.nextAt ?? null),
    outcome: state.outcome,
    revision: state.revision,
    jobId: state.jobId,
    supervisionId: state.supervisionId,
    total: state.total,
    ...(pause === null ? {} : { pause }),
    ...(cancel === null ? {} : { cancel }),
    ...(launchError === null ? {} : { launchError }),
    ...optional('startAt', definition.startAt),
    ...optional('endAt', launch?.endAt ?? definition.endAt),
    createdAt: created.at,
    createdBy: created.by,
    ...(launch === null ? {} : { launchedAt: launch.at, launchedBy: launch.by }),
    ...optional('endedAt', state.endedAt),
    ...(waitEnded === null
      ? {}
      : { waitEnded: { at: waitEnded.at, by: waitEnded.by, ...optional('reason', waitEnded.reason) } }),
    ...optional('revertOf', definition.revertOf),
  };
};

export const detailsOf = (id: string, state: Campaign, phase: StoredPhase | undefined): CampaignDetails => {
  const view = viewOf(id, state, phase);
  const { definition, rate } = state as { definition: CampaignDefinition } & Campaign; // or there were no view
  const { configurations, expectedStates, expectedFrom, spacingSeconds, window, retries, failureThreshold } =
    definition;
  return {
    ...view,
    target: targetViewOf(definition.target),
    configurations: { ...configurations },
    expectedStates: { ...expectedStates },
    expectedFrom,
    batches: definition.batches.map((batch, place) => ({
      ...batchInputOf(batch),
      ...standingOf(place + 1, state.batches[place]),
    })),
    spacingSeconds,
    ...(window === null ? {} : { window: windowViewOf(window) }),
    ratePerMinute: rate.ratePerMinute,
    ...(rate.maxInFlight === null ? {} : { maxInFlight: rate.maxInFlight }),
    ...(definition.deviceType === undefined ? {} : { deviceType: definition.deviceType }),
    deadlineSeconds: definition.deadlineSeconds,
    retries,
    ...(failureThreshold === null ? {} : { failureThreshold }),
    waitForDevices: definition.waitForDevices,
    onConflict: definition.onConflict,
  };
};

type Standing = Omit<BatchView, keyof ReturnType<typeof batchInputOf>>;

/** Undefined: the devices are not known yet. */
const standingOf = (index: number, batch: Batch | undefined): Standing => {
  if (batch === undefined) return { index, status: 'planned', size: null };
  const { status, size, jobId, releasedBy, verdict } = batch;
  return {
    ...{ index, status, size, jobId },
    ...optional('releasedAt', batch.releasedAt),
    ...(releasedBy === null ? {} : { releasedBy }),
    ...optional('dispatchedAt', batch.dispatchedAt),
    ...optional('synchronisedAt', batch.synchronisedAt),
    ...optional('passedAt', batch.passedAt),
    ...(verdict === null ? {} : { verdict }),
  };
};

const optional = <Name extends string>(
  name: Name,
  value: string | null,
): { readonly [Key in Name]?: string } =>
  value === null ? {} : ({ [name]: value } as { readonly [Key in Name]?: string }); // of one field
