import type { Actor } from '@muster/contracts';
import type { CampaignOutcome } from '@muster/contracts/campaign-orchestrator/campaign';
import type { LaunchCampaign } from './campaign-commands.js';
import { initial, type Campaign } from './campaign-state.js';
import { campaign } from './campaign.decider.js';
import type { CampaignCommand } from './campaign-commands.js';
import type {
  CampaignDefinition,
  CampaignEvent,
  StoredBatch,
  StoredGate,
  StoredGateNumbers,
} from './campaign.events.js';

export const anna: Actor = { kind: 'user', id: 'anna' };
const START = Date.UTC(2026, 0, 1);
/** The nth second. */
export const at = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();
export const END_AT = at(30 * 86_400);

export const gate: StoredGate = {
  minSuccessPercent: 90,
  maxFailurePercent: 5,
  minSettled: 50,
  soakSeconds: 0,
  maxWaitSeconds: null,
  offline: 'exclude',
};

export const batchOf = (more: Partial<StoredBatch> = {}): StoredBatch => ({
  share: { percent: 100 },
  release: 'auto',
  gate: null,
  recentlySeenFirst: false,
  ...more,
});

export const definitionOf = (more: Partial<CampaignDefinition> = {}): CampaignDefinition => ({
  name: 'warmer',
  description: null,
  target: { deviceIds: ['d1', 'd2'] },
  configurations: { a: 1 },
  expectedStates: {},
  expectedFrom: 'any',
  batches: [batchOf()],
  spacingSeconds: 0,
  startAt: null,
  endAt: null,
  window: null,
  ratePerMinute: 1_000,
  maxInFlight: null,
  deadlineSeconds: 86_400,
  retries: { max: 2, firstAfterSeconds: 60 },
  failureThreshold: null,
  waitForDevices: false,
  onConflict: 'reject',
  revertOf: null,
  ...more,
});

export const numbers: StoredGateNumbers = { size: 50, settled: 50, succeeded: 46, failed: 4, timedOut: 0 };

export const create = (more: Partial<CampaignDefinition> = {}): CampaignCommand => ({
  type: 'CreateCampaign',
  definition: definitionOf(more),
  by: anna,
  at: at(1),
});

export const launch = (more: Partial<LaunchCampaign> = {}): CampaignCommand => ({
  type: 'LaunchCampaign',
  launchId: 'l1',
  by: anna,
  expectedCount: null,
  defaultEndAt: END_AT,
  at: at(2),
  ...more,
});

export const resolve = (...sizes: readonly number[]): CampaignCommand => ({
  type: 'ResolveTargets',
  launchId: 'l1',
  total: sizes.reduce((sum, size) => sum + size, 0),
  targets: {},
  batches: sizes.map((size, place) => ({ size, jobId: `j${place + 1}` })),
  jobId: 'job',
  supervisionId: 'supervision',
  at: at(3),
});

export const pause: CampaignCommand = { type: 'PauseCampaign', by: anna, at: at(10) };
export const resume = (overrideGate = false): CampaignCommand => ({
  type: 'ResumeCampaign',
  overrideGate,
  by: anna,
  at: at(20),
});
export const cancel = (mode: 'soft' | 'force' = 'soft'): CampaignCommand => ({
  type: 'CancelCampaign',
  mode,
  by: anna,
  at: at(30),
});
export const released = (index: number): CampaignCommand => ({ type: 'ReleaseByItself', index, at: at(4) });
export const dispatched = (index: number): CampaignCommand => ({
  type: 'RecordBatchDispatched',
  index,
  at: at(5),
});
export const synchronised = (index: number): CampaignCommand => ({
  type: 'RecordBatchSynchronised',
  index,
  at: at(6),
});
export const passed = (index: number): CampaignCommand => ({ type: 'PassBatch', index, at: at(7) });
export const judged = (index: number, answer: 'pass' | 'fail' | 'inconclusive'): CampaignCommand => ({
  type: 'RecordGate',
  index,
  answer,
  numbers,
  at: at(8),
});
export const completeAs = (outcome: CampaignOutcome): CampaignCommand => ({
  type: 'CompleteCampaign',
  outcome,
  targets: { succeeded: 2 },
  at: at(40),
});
export const complete = completeAs('succeeded');
export const settle: CampaignCommand = {
  type: 'SettleCampaign',
  outcome: 'succeeded',
  targets: { succeeded: 2 },
  at: at(45),
};
export const endWait: CampaignCommand = { type: 'EndWait', reason: 'sold', by: anna, at: at(44) };
export const finishCancel: CampaignCommand = { type: 'FinishCancel', targets: { cancelled: 2 }, at: at(41) };

/** What these commands lead to, each after the other. Commands that have no events here are a mistake of the spec. */
export const after = (...commands: readonly CampaignCommand[]): readonly CampaignEvent[] => {
  let state: Campaign = initial;
  return commands.flatMap((command) => {
    const events = campaign.decide(command, state);
    if (events.length === 0) throw new Error(`${command.type} did nothing`);
    state = events.reduce(campaign.evolve, state);
    return events;
  });
};

export const stateAfter = (...commands: readonly CampaignCommand[]): Campaign =>
  after(...commands).reduce(campaign.evolve, initial);
