import { AppError, isPassing, newId } from '@muster/contracts';
import { asAppError, type Database, type EventStore } from '@muster/event-store';
import type { StepHandler, Steps } from '@muster/jobs';
import type { LaunchCheck } from '../target/launch-check.js';
import { campaign } from './campaign.decider.js';
import { launchIn } from './launch.js';
import { START_STEP } from './campaign-steps.js';
import { phaseOfFault, type CampaignPhases } from './campaign-phases.js';
import { ENGINE } from './engine.decider.js';

interface Parts {
  readonly database: Database;
  readonly store: EventStore;
  readonly steps: Steps;
  readonly phases: CampaignPhases;
  readonly check: LaunchCheck;
  readonly endAfterDays: number;
}

/**
 * Launches a scheduled campaign when its time has come, with the checks of every launch. What is refused makes it a draft
 * again, which says why; what passes is tried again, and its phase says what it is. A campaign that was moved or taken back meanwhile is left alone.
 */
export const launchScheduled =
  (parts: Parts): StepHandler =>
  async ({ tenantId, key: campaignId }) => {
    const { database, store, steps, phases, check } = parts;
    const { state } = await store.load(campaign, tenantId, campaignId);
    const { startAt: scheduledFor, definition } = state;
    if (state.status !== 'scheduled' || scheduledFor === null || definition === null) return;
    if (Date.parse(scheduledFor) > Date.now()) {
      await database.transaction((tx) =>
        steps.set(tx, { tenantId, name: START_STEP, key: campaignId, at: scheduledFor }),
      );
      return;
    }
    try {
      await check.check({ tenantId, campaignId, definition, expectedCount: null });
      await database.transaction((tx) =>
        launchIn(tx, parts, {
          tenantId,
          campaignId,
          launch: { launchId: newId(), by: ENGINE, expectedCount: null, scheduledFor },
        }),
      );
    } catch (error) {
      const fault = asAppError(error);
      if (!(fault instanceof AppError) || isPassing(fault)) {
        const at = new Date().toISOString();
        // Where the database is away, nobody can read the phase either.
        await database
          .transaction((tx) => phases.record(tx, { tenantId, campaignId, at }, phaseOfFault(error)))
          .catch(() => undefined);
        throw error;
      }
      await store.execute(campaign, {
        tenantId,
        id: campaignId,
        command: {
          type: 'FailLaunch',
          scheduledFor,
          code: fault.code,
          detail: fault.detail,
          at: new Date().toISOString(),
        },
        metadata: { actor: ENGINE },
      });
    }
  };
