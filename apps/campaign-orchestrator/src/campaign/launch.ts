import type { EventStore } from '@muster/event-store';
import type { Steps } from '@muster/jobs';
import type pg from 'pg';
import { FINDING } from '../batch/next-step.js';
import type { LaunchCampaign } from './campaign-commands.js';
import type { CampaignPhases } from './campaign-phases.js';
import type { Campaign } from './campaign-state.js';
import { CAMPAIGN_STEP } from './campaign-steps.js';
import { campaign } from './campaign.decider.js';

const DAY_MS = 86_400_000;

/** Launches within the transaction: the event, its first step and its phase, or none of them. */
export const launchIn = async (
  tx: pg.PoolClient,
  parts: {
    readonly store: EventStore;
    readonly steps: Steps;
    readonly phases: CampaignPhases;
    readonly endAfterDays: number;
  },
  request: {
    readonly tenantId: string;
    readonly campaignId: string;
    readonly launch: Omit<LaunchCampaign, 'type' | 'at' | 'defaultEndAt'>;
  },
): Promise<Campaign> => {
  const { store, steps, phases, endAfterDays } = parts;
  const { tenantId, campaignId, launch } = request;
  const now = Date.now();
  const at = new Date(now).toISOString();
  const defaultEndAt = new Date(now + endAfterDays * DAY_MS).toISOString();
  const { state, events } = await store.execute(campaign, {
    tenantId,
    id: campaignId,
    command: { type: 'LaunchCampaign', ...launch, at, defaultEndAt },
    metadata: { actor: launch.by },
    within: tx,
  });
  if (events.length === 0) return state;
  await phases.record(
    tx,
    { tenantId, campaignId, at },
    { phase: FINDING.name, nextAt: null, detail: FINDING.detail },
  );
  await steps.set(tx, { tenantId, name: CAMPAIGN_STEP, key: campaignId, at });
  return state;
};
