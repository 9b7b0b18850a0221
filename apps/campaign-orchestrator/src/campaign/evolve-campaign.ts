import type { BatchStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { Batch, Campaign } from './campaign-state.js';
import type { CampaignDefinition, CampaignEvent } from './campaign.events.js';
import { withoutDevices } from './named-devices.js';

/** What every event says of how things stand after it. */
type Stamp = 'name' | 'status' | 'batchStatus';

/** An event before its stamp. */
export type Fact = Unstamped<CampaignEvent>;
type Unstamped<Event> = Event extends { readonly type: infer Type; readonly data: infer Data }
  ? { readonly type: Type; readonly data: Omit<Data, Stamp> }
  : never;

/** Total: takes every event in whatever state. */
export const evolve = (state: Campaign, event: Fact): Campaign => {
  switch (event.type) {
    case 'CampaignCreated': {
      const { at, by, definition } = event.data;
      return { ...defined(state, definition), status: 'draft', created: { at, by }, revision: 1 };
    }
    case 'CampaignEdited': {
      const { definition, revision } = event.data;
      const startAt = state.status === 'scheduled' ? definition.startAt : null;
      return { ...defined(state, definition), revision, startAt, launchError: null };
    }
    case 'CampaignScheduled': {
      const { startAt } = event.data;
      const definition = state.definition && { ...state.definition, startAt };
      return { ...state, status: 'scheduled', definition, startAt, launchError: null };
    }
    case 'CampaignUnscheduled':
      return { ...state, status: 'draft', startAt: null };
    case 'CampaignDeleted':
      return { ...state, status: null, deleted: true, startAt: null };
    case 'CampaignLaunched': {
      const { launchId, at, by, expectedCount, endAt } = event.data;
      const launch = { launchId, at, by, expectedCount, endAt, resolved: false };
      return { ...state, status: 'running', startAt: null, launchError: null, launch };
    }
    case 'CampaignTargetsResolved': {
      const { total, jobId, supervisionId, batches } = event.data;
      const plan = state.definition?.batches ?? [];
      return {
        ...state,
        ...{ total, jobId, supervisionId },
        // From here on they are rows. Kept here, every further event would write them once more.
        definition: state.definition && withoutDevices(state.definition),
        launch: state.launch && { ...state.launch, resolved: true },
        batches: batches.map(({ index, size, jobId: own }) => ({
          ...{ index, size, jobId: own },
          release: plan[index - 1]?.release ?? 'auto',
          gate: plan[index - 1]?.gate ?? null,
          ...UNTOUCHED,
          status: index === 1 ? 'waiting' : 'planned',
        })),
      };
    }
    case 'CampaignLaunchFailed': {
      const { code, detail, at } = event.data;
      const launchError = { code, detail, at };
      // As it was before: who was taken out and what pace was set meanwhile was said of that launch, and a draft shows neither.
      const draft = state.definition === null ? state : defined(state, state.definition);
      return {
        ...{ ...draft, status: 'draft', startAt: null, launch: null, pause: null, launchError },
        excluded: [],
      };
    }
    case 'CampaignPaused': {
      const { at, by, reason, detail } = event.data;
      return { ...state, status: 'paused', pause: { at, by, reason, detail } };
    }
    case 'CampaignResumed': {
      const { at, overrideGate } = event.data;
      return {
        ...state,
        status: 'running',
        thresholdOverridden:
          state.thresholdOverridden || (overrideGate && state.pause?.reason === 'threshold'),
        pause: null,
        batches: state.batches.map((batch) => taken(batch, at, overrideGate)),
      };
    }
    case 'CampaignCancelRequested': {
      const { at, by, mode } = event.data;
      const isLaunched = state.launch !== null;
      return {
        ...state,
        // To end is work as well, and no pause holds it up.
        status: isLaunched ? 'running' : state.status,
        pause: null,
        cancel: { at, by, mode },
      };
    }
    case 'CampaignCancelled':
      return ended(state, event.data.at, { status: 'cancelled' }, () => 'cancelled');
    case 'CampaignCompleted': {
      const { at, outcome } = event.data;
      return ended(state, at, { status: 'completed', outcome }, ({ releasedAt }) =>
        releasedAt === null ? 'skipped' : 'cancelled',
      );
    }
    case 'CampaignWaitEnded': {
      const { at, by, reason } = event.data;
      return { ...state, waitEnded: { at, by, reason } };
    }
    case 'CampaignSettled':
      return { ...state, outcome: event.data.outcome };
    case 'TargetExcluded':
      return { ...state, excluded: [...state.excluded, event.data.deviceId] };
    case 'RateChanged': {
      const { ratePerMinute, maxInFlight } = event.data;
      return { ...state, rate: { ratePerMinute, maxInFlight } };
    }
    case 'BatchReleased': {
      const { index, at, by } = event.data;
      return withBatch(state, index, { status: 'writing', releasedAt: at, releasedBy: by });
    }
    case 'BatchDispatched': {
      const { index, at } = event.data;
      return withBatch(state, index, { status: 'syncing', dispatchedAt: at });
    }
    case 'BatchSynchronised': {
      const { index, at } = event.data;
      return withBatch(state, index, { status: 'observing', synchronisedAt: at, observedSince: at });
    }
    case 'BatchGateEvaluated': {
      const { index, at, answer, numbers } = event.data;
      return withBatch(state, index, { verdict: { answer, at, numbers } });
    }
    case 'BatchHeld': {
      const { index } = event.data;
      const status = state.batches[index - 1]?.status;
      const heldFrom = status === 'writing' || status === 'syncing' ? status : 'observing';
      return withBatch(state, index, { status: 'held', heldFrom });
    }
    case 'BatchPassed': {
      const { index, at } = event.data;
      const after = withBatch(state, index, { status: 'passed', passedAt: at, heldFrom: null });
      return after.batches[index]?.status === 'planned'
        ? withBatch(after, index + 1, { status: 'waiting' })
        : after;
    }
  }
};

const UNTOUCHED: Omit<Batch, 'index' | 'size' | 'jobId' | 'release' | 'gate' | 'status'> = {
  releasedAt: null,
  releasedBy: null,
  dispatchedAt: null,
  synchronisedAt: null,
  observedSince: null,
  passedAt: null,
  verdict: null,
  heldFrom: null,
  gateOverridden: false,
};

const defined = (state: Campaign, definition: CampaignDefinition): Campaign => {
  const { ratePerMinute, maxInFlight } = definition;
  return { ...state, definition, rate: { ratePerMinute, maxInFlight } };
};

const withBatch = (state: Campaign, index: number, change: Partial<Batch>): Campaign => ({
  ...state,
  batches: state.batches.map((batch) => (batch.index === index ? { ...batch, ...change } : batch)),
});

/** A batch that was held goes on where it stood, and is watched from now on. */
const taken = (batch: Batch, at: string, overrideGate: boolean): Batch => {
  if (batch.status !== 'held') return batch;
  return {
    ...batch,
    status: batch.heldFrom ?? 'observing',
    heldFrom: null,
    observedSince: batch.synchronisedAt === null ? null : at,
    gateOverridden: batch.gateOverridden || overrideGate,
  };
};

const ended = (
  state: Campaign,
  at: string,
  change: Pick<Campaign, 'status'> & Partial<Pick<Campaign, 'outcome'>>,
  statusOf: (batch: Batch) => BatchStatus,
): Campaign => ({
  ...state,
  ...change,
  pause: null,
  startAt: null,
  endedAt: at,
  batches: state.batches.map((batch) =>
    batch.status === 'passed' ? batch : { ...batch, status: statusOf(batch) },
  ),
});
