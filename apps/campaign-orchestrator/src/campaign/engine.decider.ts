import type { Actor } from '@muster/contracts';
import { devices } from '../batch/devices.js';
import type {
  EngineCommand,
  FailLaunch,
  PassBatch,
  RecordBatchDispatched,
  RecordBatchSynchronised,
  RecordGate,
  ReleaseByItself,
} from './campaign-commands.js';
import type { Batch, Campaign } from './campaign-state.js';
import type { Fact } from './evolve-campaign.js';
import { gateDetail } from './gate-detail.js';

/** Who an automatic decision is by. */
export const ENGINE: Actor = { kind: 'system', id: 'campaign-orchestrator' };

/** Nothing where there is no campaign, or it has ended: of a completed one only its outcome is still found. */
export const found = (command: EngineCommand, state: Campaign): readonly Fact[] => {
  const { at } = command;
  if (command.type === 'SettleCampaign') {
    if (state.outcome !== 'unsettled' || command.outcome === 'unsettled') return [];
    const { outcome, targets } = command;
    return [{ type: 'CampaignSettled', data: { at, outcome, targets } }];
  }
  if (state.status === null || state.status === 'completed' || state.status === 'cancelled') return [];
  switch (command.type) {
    case 'ResolveTargets': {
      const { launch: begun, definition } = state;
      const { launchId, total, targets, batches, jobId, supervisionId } = command;
      if (begun === null || begun.launchId !== launchId || begun.resolved) return [];
      if (batches.length !== definition?.batches.length)
        throw new Error('a batch for each of the definition');
      const numbered = batches.map((batch, place) => ({
        index: place + 1,
        size: batch.size,
        jobId: batch.jobId,
      }));
      const data = { at, launchId, total, targets, batches: numbered, jobId, supervisionId };
      return [{ type: 'CampaignTargetsResolved', data }];
    }
    case 'FailLaunch':
      return failLaunch(command, state);
    case 'HoldByThreshold':
      if (state.status !== 'running' || state.thresholdOverridden || !isGoingOn(state)) return [];
      return [paused({ at, by: ENGINE, reason: 'threshold', detail: command.detail })];
    case 'FinishCancel':
      if (state.cancel === null) return [];
      return [{ type: 'CampaignCancelled', data: { at, targets: command.targets } }];
    case 'CompleteCampaign': {
      if (!isGoingOn(state)) return [];
      const { outcome, targets } = command;
      return [{ type: 'CampaignCompleted', data: { at, outcome, targets } }];
    }
    case 'ReleaseByItself':
    case 'RecordBatchDispatched':
    case 'RecordBatchSynchronised':
    case 'RecordGate':
    case 'PassBatch': {
      const batch = batchOf(state, command.index);
      return batch === undefined || !isGoingOn(state) ? [] : foundOfBatch(command, batch, state);
    }
  }
};

const failLaunch = (command: FailLaunch, state: Campaign): readonly Fact[] => {
  const { launchId, scheduledFor, code, at } = command;
  const isOfLaunch = launchId !== undefined && state.launch?.launchId === launchId && !state.launch.resolved;
  const isOfTime = launchId === undefined && state.status === 'scheduled' && state.startAt === scheduledFor;
  if (!isOfLaunch && !isOfTime) return [];
  const { excluded } = state;
  // Who was taken out during this launch is in the target of the draft again: nobody may find that out by another launch.
  const detail =
    excluded.length === 0
      ? command.detail
      : `${command.detail} Excluded meanwhile, and in its target again: ${devices(excluded.length)}.`;
  const failed: Fact = {
    type: 'CampaignLaunchFailed',
    data: { at, launchId: launchId ?? null, code, detail },
  };
  // What somebody wanted to end does not come back as a draft.
  if (state.cancel === null) return [failed];
  return [failed, { type: 'CampaignCancelled', data: { at, targets: {} } }];
};

const foundOfBatch = (
  command: ReleaseByItself | RecordBatchDispatched | RecordBatchSynchronised | RecordGate | PassBatch,
  batch: Batch,
  state: Campaign,
): readonly Fact[] => {
  const data = { at: command.at, ...ofBatch(batch) };
  const { status } = batch;
  switch (command.type) {
    case 'ReleaseByItself':
      if (state.status !== 'running' || status !== 'waiting' || batch.release !== 'auto') return [];
      return [{ type: 'BatchReleased', data: { ...data, by: null } }];
    case 'RecordBatchDispatched':
      return status === 'writing' ? [{ type: 'BatchDispatched', data }] : [];
    case 'RecordBatchSynchronised':
      if (status === 'writing')
        return [
          { type: 'BatchDispatched', data },
          { type: 'BatchSynchronised', data },
        ];
      return status === 'syncing' ? [{ type: 'BatchSynchronised', data }] : [];
    case 'PassBatch': {
      const isEmpty = status === 'waiting' && batch.size === 0;
      const isWithoutGate = status === 'observing' && (batch.gate === null || batch.gateOverridden);
      if (!isEmpty && !isWithoutGate) return [];
      return [{ type: 'BatchPassed', data: { ...data, overridden: batch.gate !== null && !isEmpty } }];
    }
    case 'RecordGate':
      return judge(command, batch);
  }
};

const judge = ({ answer, numbers, at }: RecordGate, batch: Batch): readonly Fact[] => {
  const { status, gate } = batch;
  const isFollowed = status === 'writing' || status === 'syncing' || status === 'observing';
  if (gate === null || batch.gateOverridden || !isFollowed) return [];
  if (answer !== 'fail' && status !== 'observing') return [];
  const data = { at, ...ofBatch(batch) };
  const evaluated: Fact = { type: 'BatchGateEvaluated', data: { ...data, answer, numbers } };
  if (answer === 'pass') return [evaluated, { type: 'BatchPassed', data: { ...data, overridden: false } }];
  const reason = answer === 'fail' ? 'gate-failed' : 'gate-inconclusive';
  const detail = gateDetail(batch.index, answer, gate, numbers);
  return [evaluated, { type: 'BatchHeld', data }, paused({ at, by: ENGINE, reason, detail })];
};

/** Its devices are known, and nobody wants it to end. */
const isGoingOn = ({ launch: begun, cancel: ending }: Campaign): boolean =>
  begun !== null && begun.resolved && ending === null;

export const batchOf = (state: Campaign, index: number): Batch | undefined => state.batches[index - 1];

export const ofBatch = ({ index, size, jobId }: Batch) => ({ index, size, jobId });

export const paused = (data: Extract<Fact, { type: 'CampaignPaused' }>['data']): Fact => ({
  type: 'CampaignPaused',
  data,
});
