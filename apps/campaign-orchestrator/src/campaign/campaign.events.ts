import type { Actor, JsonValue } from '@muster/contracts';
import type {
  BatchStatus,
  CampaignOutcome,
  CampaignStatus,
  CancelMode,
  ConflictRule,
  Day,
  GateAnswer,
  PauseReason,
  ReleaseMode,
  TargetCounts,
  TargetStatus,
} from '@muster/contracts/campaign-orchestrator/campaign';

// ---- what is stored of a campaign's definition: every default filled in, null where there is nothing --------------------

/** One of the three. With `campaign`: the devices of that one's launch, null: in whatever status. */
export type StoredTarget =
  | { readonly deviceIds: readonly string[] }
  | { readonly filter: string }
  | { readonly campaignId: string; readonly statuses: readonly TargetStatus[] | null };

export interface StoredGate {
  readonly minSuccessPercent: number | null;
  readonly maxFailurePercent: number | null;
  /** Never more than the batch has. */
  readonly minSettled: number;
  /** Absent in what older versions stored: 0. */
  readonly minSettledPercent?: number;
  readonly soakSeconds: number;
  readonly maxWaitSeconds: number | null;
  readonly offline: 'exclude' | 'wait' | 'fail';
}

/** Which of the targets: one of the four. */
export type BatchShare =
  | { readonly percent: number }
  | { readonly count: number }
  | { readonly deviceIds: readonly string[] }
  | { readonly filter: string };

export interface StoredBatch {
  readonly share: BatchShare;
  readonly release: ReleaseMode;
  readonly gate: StoredGate | null;
  readonly recentlySeenFirst: boolean;
}

/** `to` at or before `from` is on the next day. `days` null: every day. */
export interface StoredWindow {
  readonly timeZone: string;
  readonly from: string;
  readonly to: string;
  readonly days: readonly Day[] | null;
}

/** Frozen at launch. */
export interface CampaignDefinition {
  readonly name: string;
  readonly description: string | null;
  readonly target: StoredTarget;
  /** Key → value; null takes the device's own value back. Empty in a revert, whose values are each device's own. */
  readonly configurations: Readonly<Record<string, JsonValue>>;
  /** May be empty: then every desired value must be reported. */
  readonly expectedStates: Readonly<Record<string, JsonValue>>;
  readonly expectedFrom: 'any' | 'stated';
  /** At least one. */
  readonly batches: readonly StoredBatch[];
  readonly spacingSeconds: number;
  readonly startAt: string | null;
  /** Null: so long after the launch as the service says; what counts is `launch.endAt`. */
  readonly endAt: string | null;
  readonly window: StoredWindow | null;
  /** As defined; what is in force is `rate` of the campaign. */
  readonly ratePerMinute: number;
  readonly maxInFlight: number | null;
  /** From the dispatch. */
  readonly deadlineSeconds: number;
  readonly retries: { readonly max: number; readonly firstAfterSeconds: number };
  readonly failureThreshold: { readonly maxFailurePercent: number; readonly minSettled: number } | null;
  readonly waitForDevices: boolean;
  /** Name; devices of others are skipped. Absent: any. */
  readonly deviceType?: string;
  readonly onConflict: ConflictRule;
  /**
   * The ended campaign that this one takes back: each device gets, for every key of that campaign's `configurations`, what the
   * target row of that campaign's launch holds in `previous` (absent there: null), where the desired value is still the one
   * that campaign wrote. Rows without `previous` were never written: nothing is to be done for them.
   */
  readonly revertOf: string | null;
}

// ---- events ---------------------------------------------------------------------------------------------------------

/** What every event says, because who is told of one may have no other. */
export interface CampaignFact {
  readonly at: string;
  readonly name: string;
  /** After the event. */
  readonly status: CampaignStatus;
}

interface BatchFact extends CampaignFact {
  /** From 1. */
  readonly index: number;
  readonly size: number;
  /** Its job. */
  readonly jobId: string;
  /** After the event. */
  readonly batchStatus: BatchStatus;
}

export interface StoredGateNumbers {
  readonly size: number;
  readonly settled: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly timedOut: number;
}

export interface CampaignCreated {
  readonly type: 'CampaignCreated';
  readonly data: CampaignFact & { readonly by: Actor; readonly definition: CampaignDefinition };
}

export interface CampaignEdited {
  readonly type: 'CampaignEdited';
  readonly data: CampaignFact & { readonly revision: number; readonly definition: CampaignDefinition };
}

/** From now on `startAt` of the definition is this. */
export interface CampaignScheduled {
  readonly type: 'CampaignScheduled';
  readonly data: CampaignFact & { readonly startAt: string };
}

export interface CampaignUnscheduled {
  readonly type: 'CampaignUnscheduled';
  readonly data: CampaignFact;
}

/** The last event of the stream. It was never launched. */
export interface CampaignDeleted {
  readonly type: 'CampaignDeleted';
  readonly data: CampaignFact;
}

/** The definition is frozen. Which devices it means is found out from now on. */
export interface CampaignLaunched {
  readonly type: 'CampaignLaunched';
  readonly data: CampaignFact & {
    /** New for every launch; names its target rows. */
    readonly launchId: string;
    readonly by: Actor;
    readonly expectedCount: number | null;
    readonly endAt: string;
  };
}

export interface CampaignTargetsResolved {
  readonly type: 'CampaignTargetsResolved';
  readonly data: CampaignFact & {
    readonly launchId: string;
    /** Devices, those that are skipped from the beginning included. */
    readonly total: number;
    readonly targets: TargetCounts;
    /** As many as in the definition; one may be empty. */
    readonly batches: readonly { readonly index: number; readonly size: number; readonly jobId: string }[];
    readonly jobId: string;
    readonly supervisionId: string;
  };
}

/** Back to a draft. `launchId` null: it failed at the time it was scheduled for, before it began. */
export interface CampaignLaunchFailed {
  readonly type: 'CampaignLaunchFailed';
  readonly data: CampaignFact & {
    readonly launchId: string | null;
    readonly code: string;
    readonly detail: string;
  };
}

/** `by` null: by itself. */
export interface BatchReleased {
  readonly type: 'BatchReleased';
  readonly data: BatchFact & { readonly by: Actor | null };
}

/** Every desired value is written. */
export interface BatchDispatched {
  readonly type: 'BatchDispatched';
  readonly data: BatchFact;
}

/** What was written is known on the interfaces of the devices. */
export interface BatchSynchronised {
  readonly type: 'BatchSynchronised';
  readonly data: BatchFact;
}

export interface BatchGateEvaluated {
  readonly type: 'BatchGateEvaluated';
  readonly data: BatchFact & { readonly answer: GateAnswer; readonly numbers: StoredGateNumbers };
}

/** `overridden` true: although its gate says something else. */
export interface BatchPassed {
  readonly type: 'BatchPassed';
  readonly data: BatchFact & { readonly overridden: boolean };
}

export interface BatchHeld {
  readonly type: 'BatchHeld';
  readonly data: BatchFact;
}

/** `detail`: in words, with the numbers. */
export interface CampaignPaused {
  readonly type: 'CampaignPaused';
  readonly data: CampaignFact & {
    readonly by: Actor;
    readonly reason: PauseReason;
    readonly detail: string;
  };
}

export interface CampaignResumed {
  readonly type: 'CampaignResumed';
  readonly data: CampaignFact & { readonly by: Actor; readonly overrideGate: boolean };
}

export interface CampaignCancelRequested {
  readonly type: 'CampaignCancelRequested';
  readonly data: CampaignFact & { readonly by: Actor; readonly mode: CancelMode };
}

/** Final. */
export interface CampaignCancelled {
  readonly type: 'CampaignCancelled';
  readonly data: CampaignFact & { readonly targets: TargetCounts };
}

export interface TargetExcluded {
  readonly type: 'TargetExcluded';
  readonly data: CampaignFact & { readonly deviceId: string; readonly by: Actor };
}

export interface RateChanged {
  readonly type: 'RateChanged';
  readonly data: CampaignFact & { readonly ratePerMinute: number; readonly maxInFlight: number | null };
}

/** Final, but for an outcome that is `unsettled`. */
export interface CampaignCompleted {
  readonly type: 'CampaignCompleted';
  readonly data: CampaignFact & { readonly outcome: CampaignOutcome; readonly targets: TargetCounts };
}

/** Of a completed campaign: an operator waits for its devices no longer. */
export interface CampaignWaitEnded {
  readonly type: 'CampaignWaitEnded';
  readonly data: CampaignFact & { readonly by: Actor; readonly reason: string | null };
}

/** Of a completed campaign: the outcome that was `unsettled` is known now. */
export interface CampaignSettled {
  readonly type: 'CampaignSettled';
  readonly data: CampaignFact & { readonly outcome: CampaignOutcome; readonly targets: TargetCounts };
}

export type CampaignEvent =
  | CampaignCreated
  | CampaignEdited
  | CampaignScheduled
  | CampaignUnscheduled
  | CampaignDeleted
  | CampaignLaunched
  | CampaignTargetsResolved
  | CampaignLaunchFailed
  | BatchReleased
  | BatchDispatched
  | BatchSynchronised
  | BatchGateEvaluated
  | BatchPassed
  | BatchHeld
  | CampaignPaused
  | CampaignResumed
  | CampaignCancelRequested
  | CampaignCancelled
  | TargetExcluded
  | RateChanged
  | CampaignCompleted
  | CampaignWaitEnded
  | CampaignSettled;
