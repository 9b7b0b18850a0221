import type { Actor } from '@muster/contracts';
import type {
  CampaignOutcome,
  CancelMode,
  GateAnswer,
  TargetCounts,
} from '@muster/contracts/campaign-orchestrator/campaign';
import type { CampaignDefinition, StoredGateNumbers } from './campaign.events.js';

interface Timed {
  readonly at: string;
}

interface Wanted extends Timed {
  readonly by: Actor;
}

// ---- what operators want: refused where it is not possible ------------------------------------------------------------

export interface CreateCampaign extends Wanted {
  readonly type: 'CreateCampaign';
  readonly definition: CampaignDefinition;
}

export interface EditCampaign extends Timed {
  readonly type: 'EditCampaign';
  /** Makes the new definition of the one there is, and refuses a bad one. Pure. */
  readonly edited: (before: CampaignDefinition) => CampaignDefinition;
  readonly expectedRevision?: number;
}

export interface DeleteCampaign extends Timed {
  readonly type: 'DeleteCampaign';
  readonly expectedRevision?: number;
}

/** `startAt` absent: the one of the definition. */
export interface ScheduleCampaign extends Timed {
  readonly type: 'ScheduleCampaign';
  readonly startAt?: string;
}

export interface UnscheduleCampaign extends Timed {
  readonly type: 'UnscheduleCampaign';
}

export interface LaunchCampaign extends Wanted {
  readonly type: 'LaunchCampaign';
  readonly launchId: string;
  readonly expectedCount: number | null;
  /** Where the definition has none. */
  readonly defaultEndAt: string;
  /** Of a launch by the clock: nothing happens when it is not scheduled for this time any more. */
  readonly scheduledFor?: string;
}

export interface PauseCampaign extends Wanted {
  readonly type: 'PauseCampaign';
}

export interface ResumeCampaign extends Wanted {
  readonly type: 'ResumeCampaign';
  readonly overrideGate: boolean;
}

export interface CancelCampaign extends Wanted {
  readonly type: 'CancelCampaign';
  readonly mode: CancelMode;
}

export interface ReleaseBatch extends Wanted {
  readonly type: 'ReleaseBatch';
  readonly index: number;
}

export interface ExcludeTarget extends Wanted {
  readonly type: 'ExcludeTarget';
  readonly deviceId: string;
}

/** Of a completed campaign: nobody waits for its devices any more. */
export interface EndWait extends Wanted {
  readonly type: 'EndWait';
  readonly reason: string | null;
}

/** What is absent stays; `maxInFlight` null: no limit. */
export interface ChangeRate extends Timed {
  readonly type: 'ChangeRate';
  readonly ratePerMinute?: number;
  readonly maxInFlight?: number | null;
}

// ---- what the engine has found: never refused, and nothing when it is out of date --------------------------------------

export interface ResolveTargets extends Timed {
  readonly type: 'ResolveTargets';
  readonly launchId: string;
  readonly total: number;
  readonly targets: TargetCounts;
  /** One for each of the definition, in its order. */
  readonly batches: readonly { readonly size: number; readonly jobId: string }[];
  readonly jobId: string;
  readonly supervisionId: string;
}

/** With a `launchId`, that launch; without, the one that was due at `scheduledFor`. */
export interface FailLaunch extends Timed {
  readonly type: 'FailLaunch';
  readonly launchId?: string;
  readonly scheduledFor?: string;
  readonly code: string;
  readonly detail: string;
}

/** Only a batch that needs no operator. */
export interface ReleaseByItself extends Timed {
  readonly type: 'ReleaseByItself';
  readonly index: number;
}

export interface RecordBatchDispatched extends Timed {
  readonly type: 'RecordBatchDispatched';
  readonly index: number;
}

/** Says that it is dispatched, too. */
export interface RecordBatchSynchronised extends Timed {
  readonly type: 'RecordBatchSynchronised';
  readonly index: number;
}

/**
 * `fail` counts from the first write on, so that the rest of the batch is not told; `pass` and `inconclusive` only of a batch
 * that is being observed.
 */
export interface RecordGate extends Timed {
  readonly type: 'RecordGate';
  readonly index: number;
  readonly answer: GateAnswer;
  readonly numbers: StoredGateNumbers;
}

/** A batch that is observed and has no gate, or one that does not count; and an empty one in its turn. */
export interface PassBatch extends Timed {
  readonly type: 'PassBatch';
  readonly index: number;
}

export interface HoldByThreshold extends Timed {
  readonly type: 'HoldByThreshold';
  /** With the numbers. */
  readonly detail: string;
}

export interface FinishCancel extends Timed {
  readonly type: 'FinishCancel';
  readonly targets: TargetCounts;
}

export interface CompleteCampaign extends Timed {
  readonly type: 'CompleteCampaign';
  readonly outcome: CampaignOutcome;
  readonly targets: TargetCounts;
}

/** Of a completed campaign. */
export interface SettleCampaign extends Timed {
  readonly type: 'SettleCampaign';
  readonly outcome: CampaignOutcome;
  readonly targets: TargetCounts;
}

export type OperatorCommand =
  | CreateCampaign
  | EditCampaign
  | DeleteCampaign
  | ScheduleCampaign
  | UnscheduleCampaign
  | LaunchCampaign
  | PauseCampaign
  | ResumeCampaign
  | CancelCampaign
  | ReleaseBatch
  | ExcludeTarget
  | EndWait
  | ChangeRate;

export type EngineCommand =
  | ResolveTargets
  | FailLaunch
  | ReleaseByItself
  | RecordBatchDispatched
  | RecordBatchSynchronised
  | RecordGate
  | PassBatch
  | HoldByThreshold
  | FinishCancel
  | CompleteCampaign
  | SettleCampaign;

export type CampaignCommand = OperatorCommand | EngineCommand;
