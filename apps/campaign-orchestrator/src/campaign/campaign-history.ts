import type {
  CampaignHappening,
  CampaignHistoryItem,
} from '@muster/contracts/campaign-orchestrator/history.requests';
import type { RecordedEvent } from '@muster/event-store';
import type { Fact } from './evolve-campaign.js';

/** What an event says of itself. Its definition was not read: it may name 20,000 devices. */
export const historyItemOf = (event: RecordedEvent<Fact>): CampaignHistoryItem => ({
  version: event.version,
  at: event.data.at,
  // Who appended it; of what goes by itself the engine.
  by: event.metadata.actor,
  ...happeningOf(event),
});

type Happening = Omit<CampaignHistoryItem, 'version' | 'at' | 'by'>;

const happeningOf = (event: Fact): Happening => {
  switch (event.type) {
    case 'CampaignEdited':
      return { what: 'edited', detail: `revision ${event.data.revision}` };
    case 'CampaignScheduled':
      return { what: 'scheduled', detail: `for ${event.data.startAt}` };
    case 'CampaignTargetsResolved':
      return { what: 'resolved', detail: `${event.data.total} devices` };
    case 'CampaignLaunchFailed':
      return { what: 'launch_failed', detail: event.data.detail };
    case 'BatchReleased':
      return { what: 'batch_released', batch: event.data.index, detail: `${event.data.size} devices` };
    case 'BatchGateEvaluated': {
      const { index, answer, numbers } = event.data;
      return { what: 'gate_answered', batch: index, answer, numbers };
    }
    case 'BatchPassed':
      return { what: 'batch_passed', batch: event.data.index, overridden: event.data.overridden };
    case 'BatchDispatched':
      return { what: 'batch_written', batch: event.data.index };
    case 'BatchSynchronised':
      return { what: 'batch_synchronised', batch: event.data.index };
    case 'BatchHeld':
      return { what: 'batch_held', batch: event.data.index };
    case 'CampaignPaused':
      return { what: 'paused', detail: event.data.detail };
    case 'CampaignResumed':
      return { what: 'resumed', overridden: event.data.overrideGate };
    case 'CampaignCancelRequested':
      return { what: 'cancel_requested', detail: event.data.mode };
    case 'TargetExcluded':
      return { what: 'device_excluded', deviceId: event.data.deviceId };
    case 'RateChanged': {
      const { ratePerMinute, maxInFlight } = event.data;
      const inFlight =
        maxInFlight === null ? 'without a limit in flight' : `at most ${maxInFlight} in flight`;
      return { what: 'rate_changed', detail: `${ratePerMinute} a minute, ${inFlight}` };
    }
    case 'CampaignWaitEnded':
      return { what: 'wait_ended', ...(event.data.reason === null ? {} : { detail: event.data.reason }) };
    case 'CampaignCompleted':
    case 'CampaignSettled':
      return { what: PLAIN[event.type], detail: event.data.outcome };
    case 'CampaignCreated':
    case 'CampaignUnscheduled':
    case 'CampaignDeleted':
    case 'CampaignLaunched':
    case 'CampaignCancelled':
      return { what: PLAIN[event.type] };
  }
};

/** Of those that say no more than that it happened. */
const PLAIN = {
  CampaignCreated: 'created',
  CampaignUnscheduled: 'unscheduled',
  CampaignDeleted: 'deleted',
  CampaignLaunched: 'launched',
  CampaignCancelled: 'cancelled',
  CampaignCompleted: 'completed',
  CampaignSettled: 'settled',
} as const satisfies Partial<Record<Fact['type'], CampaignHappening>>;
