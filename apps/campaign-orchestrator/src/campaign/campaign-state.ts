import type { Actor } from '@muster/contracts';
import type {
  BatchStatus,
  CampaignOutcome,
  CampaignStatus,
  CancelMode,
  GateAnswer,
  PauseReason,
  ReleaseMode,
} from '@muster/contracts/campaign-orchestrator/campaign';
import type { CampaignDefinition, StoredGate, StoredGateNumbers } from './campaign.events.js';

export interface Batch {
  /** From 1. */
  readonly index: number;
  readonly size: number;
  readonly jobId: string;
  readonly release: ReleaseMode;
  readonly gate: StoredGate | null;
  readonly status: BatchStatus;
  readonly releasedAt: string | null;
  /** Null: by itself, or not yet. */
  readonly releasedBy: Actor | null;
  readonly dispatchedAt: string | null;
  readonly synchronisedAt: string | null;
  /** From when soak and the longest wait count: since it was synchronised, or resumed. */
  readonly observedSince: string | null;
  readonly passedAt: string | null;
  readonly verdict: {
    readonly answer: GateAnswer;
    readonly at: string;
    readonly numbers: StoredGateNumbers;
  } | null;
  /** With `held`: the status it goes back to when the campaign is resumed. */
  readonly heldFrom: 'writing' | 'syncing' | 'observing' | null;
  /** An operator said that this gate does not count. */
  readonly gateOverridden: boolean;
}

export interface Launch {
  readonly launchId: string;
  readonly at: string;
  readonly by: Actor;
  readonly expectedCount: number | null;
  readonly endAt: string;
  /** False while the devices are found out. */
  readonly resolved: boolean;
}

/** Survives JSON: it is stored beside the stream. */
export interface Campaign {
  /** Null: there is none, or it was deleted. */
  readonly status: CampaignStatus | null;
  readonly deleted: boolean;
  readonly created: { readonly at: string; readonly by: Actor } | null;
  /** Once the devices are known, without those that it names: the events have them. */
  readonly definition: CampaignDefinition | null;
  /** Rises with every edit. */
  readonly revision: number;
  readonly launch: Launch | null;
  /** With `scheduled`. */
  readonly startAt: string | null;
  readonly jobId: string | null;
  readonly supervisionId: string | null;
  readonly total: number | null;
  /** Empty until the devices are known. */
  readonly batches: readonly Batch[];
  readonly pause: {
    readonly at: string;
    readonly by: Actor;
    readonly reason: PauseReason;
    readonly detail: string;
  } | null;
  /** Of a running one: it is to end, and does as soon as nothing is in flight any more. */
  readonly cancel: { readonly at: string; readonly by: Actor; readonly mode: CancelMode } | null;
  readonly outcome: CampaignOutcome | null;
  readonly launchError: { readonly code: string; readonly detail: string; readonly at: string } | null;
  /** In force. */
  readonly rate: { readonly ratePerMinute: number; readonly maxInFlight: number | null };
  /** An operator said that the failure threshold does not count any more. */
  readonly thresholdOverridden: boolean;
  readonly excluded: readonly string[];
  readonly endedAt: string | null;
  /** Of a completed one: its devices are not waited for any more. */
  readonly waitEnded: { readonly at: string; readonly by: Actor; readonly reason: string | null } | null;
}

export const initial: Campaign = {
  status: null,
  deleted: false,
  created: null,
  definition: null,
  revision: 0,
  launch: null,
  startAt: null,
  jobId: null,
  supervisionId: null,
  total: null,
  batches: [],
  pause: null,
  cancel: null,
  outcome: null,
  launchError: null,
  rate: { ratePerMinute: 0, maxInFlight: null },
  thresholdOverridden: false,
  excluded: [],
  endedAt: null,
  waitEnded: null,
};
