import { Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { definePublished } from '../contract.js';
import { Actor } from '../fields.js';
import {
  AreTargetCounts,
  BATCH_STATUSES,
  CAMPAIGN_OUTCOMES,
  CAMPAIGN_PHASES,
  CAMPAIGN_STATUSES,
  type BatchStatus,
  type CampaignOutcome,
  type CampaignPhase,
  type CampaignStatus,
  type TargetCounts,
} from './campaign.js';
import { Cancel, GateVerdict, LaunchError, Pause, WaitEnded } from './campaign-view.js';

/** What is in every event of a campaign. `version` rises by one or more from each to the next. */
class CampaignFact {
  @IsString()
  campaignId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @IsString()
  name!: string;

  /** After the event. */
  @IsIn(CAMPAIGN_STATUSES)
  status!: CampaignStatus;

  /** Who wanted it; `system`: by itself. */
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

export const CAMPAIGN_CHANGES = [
  'created',
  'edited',
  'scheduled',
  'unscheduled',
  'deleted',
  'launched',
  'targets-resolved',
  'launch-failed',
  'paused',
  'resumed',
  'cancel-requested',
  'cancelled',
  'target-excluded',
  'rate-changed',
  'completed',
  'wait-ended',
  'settled',
] as const;
export type CampaignChange = (typeof CAMPAIGN_CHANGES)[number];

export class CampaignChanged extends CampaignFact {
  /** What happened. */
  @IsIn(CAMPAIGN_CHANGES)
  change!: CampaignChange;

  /** With `created`, `edited`: of the definition. */
  @IsOptional()
  @IsInt()
  revision?: number;

  /** With `scheduled`. */
  @IsOptional()
  @IsISO8601()
  startAt?: string;

  /** With `launched`. */
  @IsOptional()
  @IsISO8601()
  endAt?: string;

  /** With `targets-resolved`: devices, those that are left out included. */
  @IsOptional()
  @IsInt()
  total?: number;

  /** With `targets-resolved`. */
  @IsOptional()
  @IsString()
  jobId?: string;

  /** With `targets-resolved`. */
  @IsOptional()
  @IsString()
  supervisionId?: string;

  /** With `launch-failed`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => LaunchError)
  launchError?: LaunchError;

  /** With `paused`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Pause)
  pause?: Pause;

  /** With `cancel-requested`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Cancel)
  cancel?: Cancel;

  /** With `wait-ended`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => WaitEnded)
  waitEnded?: WaitEnded;

  /** With `target-excluded`. */
  @IsOptional()
  @IsString()
  deviceId?: string;

  /** With `rate-changed`. */
  @IsOptional()
  @IsInt()
  ratePerMinute?: number;

  /** With `rate-changed`; absent: no limit. */
  @IsOptional()
  @IsInt()
  maxInFlight?: number;

  /** With `completed`; with `settled` the one that takes the place of `unsettled`. */
  @IsOptional()
  @IsIn(CAMPAIGN_OUTCOMES)
  outcome?: CampaignOutcome;

  /** With `targets-resolved`, `completed`, `settled` and `cancelled`: how the devices stand. */
  @IsOptional()
  @AreTargetCounts()
  @IsObject()
  targets?: TargetCounts;
}

export class CampaignBatchChanged extends CampaignFact {
  /** From 1. */
  @IsInt()
  index!: number;

  /** Of the batch, after the event. */
  @IsIn(BATCH_STATUSES)
  batchStatus!: BatchStatus;

  /** Devices. */
  @IsInt()
  size!: number;

  /** Its job. */
  @IsString()
  jobId!: string;

  /** With `writing`: who released it; absent: it went by itself. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  releasedBy?: Actor;

  /** When its gate was judged. */
  @IsOptional()
  @ValidateNested()
  @Type(() => GateVerdict)
  verdict?: GateVerdict;
}

/** What a running campaign does now, or waits for. Of several the one with the highest `version` counts. */
export class CampaignPhaseChanged {
  @IsString()
  campaignId!: string;

  /** Of its phases, not of its other events. */
  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  /** Null: it is not running, and if it is scheduled nothing keeps it from its launch. */
  @ValidateIf((event: CampaignPhaseChanged) => event.phase !== null)
  @IsIn(CAMPAIGN_PHASES)
  phase!: CampaignPhase | null;

  @IsISO8601()
  since!: string;

  /** When it goes on by itself; null: not at a known time. */
  @ValidateIf((event: CampaignPhaseChanged) => event.nextAt !== null)
  @IsISO8601()
  nextAt!: string | null;

  /** In words. */
  @IsOptional()
  @IsString()
  detail?: string;
}

const service = 'campaign-orchestrator';
const schemaVersion = 1;

export const campaignChanged = definePublished({
  service,
  entity: 'campaign',
  verb: 'changed',
  schemaVersion,
  data: CampaignChanged,
});

export const campaignBatchChanged = definePublished({
  service,
  entity: 'campaign-batch',
  verb: 'changed',
  schemaVersion,
  data: CampaignBatchChanged,
});

export const campaignPhaseChanged = definePublished({
  service,
  entity: 'campaign-phase',
  verb: 'changed',
  schemaVersion,
  data: CampaignPhaseChanged,
});
