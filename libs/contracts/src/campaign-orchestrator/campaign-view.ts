import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { JSON_VALUE, ValuesAre } from '../described.js';
import { Actor, type JsonValue } from '../fields.js';
import {
  BATCH_STATUSES,
  BatchDefinition,
  CAMPAIGN_OUTCOMES,
  CAMPAIGN_PHASES,
  CAMPAIGN_STATUSES,
  CampaignTarget,
  CANCEL_MODES,
  CONFLICT_RULES,
  FailureThreshold,
  GATE_ANSWERS,
  PAUSE_REASONS,
  Retries,
  Window,
  type BatchStatus,
  type CampaignOutcome,
  type CampaignPhase,
  type CampaignStatus,
  type CancelMode,
  type ConflictRule,
  type GateAnswer,
  type PauseReason,
} from './campaign.js';

/** How many devices of a batch stand how, when something was decided by it. */
export class GateNumbers {
  @IsInt()
  size!: number;

  /** Succeeded, failed, timed out; and with `offline: fail` those that are away. */
  @IsInt()
  settled!: number;

  @IsInt()
  succeeded!: number;

  @IsInt()
  failed!: number;

  @IsInt()
  timedOut!: number;
}

/** What the gate of a batch said last. */
export class GateVerdict {
  @IsIn(GATE_ANSWERS)
  answer!: GateAnswer;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => GateNumbers)
  numbers!: GateNumbers;
}

/** What was given of a batch, and how it stands. */
export class BatchView extends BatchDefinition {
  /** From 1. */
  @IsInt()
  index!: number;

  @IsIn(BATCH_STATUSES)
  status!: BatchStatus;

  /** Devices; null: not launched yet. */
  @ValidateIf((batch: BatchView) => batch.size !== null)
  @IsInt()
  size!: number | null;

  /** Its job, a part of the campaign's. */
  @IsOptional()
  @IsString()
  jobId?: string;

  @IsOptional()
  @IsISO8601()
  releasedAt?: string;

  /** Who released it; absent: it went by itself. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  releasedBy?: Actor;

  /** Every desired value is written. */
  @IsOptional()
  @IsISO8601()
  dispatchedAt?: string;

  /** And known on the interfaces of the devices. */
  @IsOptional()
  @IsISO8601()
  synchronisedAt?: string;

  @IsOptional()
  @IsISO8601()
  passedAt?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => GateVerdict)
  verdict?: GateVerdict;
}

export class Pause {
  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  by!: Actor;

  @IsIn(PAUSE_REASONS)
  reason!: PauseReason;

  /** In words, with the numbers. */
  @IsString()
  detail!: string;
}

/** Somebody has ended the wait for devices of a completed campaign. */
export class WaitEnded {
  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  by!: Actor;

  @IsOptional()
  @IsString()
  reason?: string;
}

export class Cancel {
  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  by!: Actor;

  @IsIn(CANCEL_MODES)
  mode!: CancelMode;
}

/** Why the last launch came to nothing. */
export class LaunchError {
  /** Of the error catalogue. */
  @IsString()
  code!: string;

  @IsString()
  detail!: string;

  @IsISO8601()
  at!: string;
}

/** A campaign in the list: how it stands. */
export class CampaignView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  @IsOptional()
  @IsString()
  description?: string;

  @IsIn(CAMPAIGN_STATUSES)
  status!: CampaignStatus;

  /** Null unless it is running; of a scheduled one `awaiting_service` when its time has come and something keeps it from its launch. */
  @ValidateIf((view: CampaignView) => view.phase !== null)
  @IsIn(CAMPAIGN_PHASES)
  phase!: CampaignPhase | null;

  /** The phase, in words. */
  @IsOptional()
  @IsString()
  phaseDetail?: string;

  @ValidateIf((view: CampaignView) => view.phaseSince !== null)
  @IsISO8601()
  phaseSince!: string | null;

  /** When it goes on by itself; null: not at a known time. Of a scheduled one: its launch, unless that is being tried already. */
  @ValidateIf((view: CampaignView) => view.nextAt !== null)
  @IsISO8601()
  nextAt!: string | null;

  @ValidateIf((view: CampaignView) => view.outcome !== null)
  @IsIn(CAMPAIGN_OUTCOMES)
  outcome!: CampaignOutcome | null;

  /** Rises with every edit; for `If-Match`. */
  @IsInt()
  revision!: number;

  /** Null until it is launched, as all below. */
  @ValidateIf((view: CampaignView) => view.jobId !== null)
  @IsString()
  jobId!: string | null;

  @ValidateIf((view: CampaignView) => view.supervisionId !== null)
  @IsString()
  supervisionId!: string | null;

  /** Devices. */
  @ValidateIf((view: CampaignView) => view.total !== null)
  @IsInt()
  total!: number | null;

  /** Why it is paused. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Pause)
  pause?: Pause;

  /** That it is to end. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Cancel)
  cancel?: Cancel;

  /** An operator waits for its devices no longer. */
  @IsOptional()
  @ValidateNested()
  @Type(() => WaitEnded)
  waitEnded?: WaitEnded;

  @IsOptional()
  @ValidateNested()
  @Type(() => LaunchError)
  launchError?: LaunchError;

  @IsOptional()
  @IsISO8601()
  startAt?: string;

  /** Once it is launched, it always has one. */
  @IsOptional()
  @IsISO8601()
  endAt?: string;

  @IsISO8601()
  createdAt!: string;

  @ValidateNested()
  @Type(() => Actor)
  createdBy!: Actor;

  @IsOptional()
  @IsISO8601()
  launchedAt?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  launchedBy?: Actor;

  @IsOptional()
  @IsISO8601()
  endedAt?: string;

  /** The campaign whose values it takes back, each device's own. */
  @IsOptional()
  @IsString()
  revertOf?: string;
}

/** A campaign with everything that was given for it. */
export class CampaignDetails extends CampaignView {
  @ValidateNested()
  @Type(() => CampaignTarget)
  target!: CampaignTarget;

  @ValuesAre(JSON_VALUE)
  @IsObject()
  configurations!: Record<string, JsonValue>;

  @ValuesAre(JSON_VALUE)
  @IsObject()
  expectedStates!: Record<string, JsonValue>;

  @IsIn(['any', 'stated'])
  expectedFrom!: 'any' | 'stated';

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => BatchView)
  batches!: BatchView[];

  @IsInt()
  spacingSeconds!: number;

  @IsOptional()
  @ValidateNested()
  @Type(() => Window)
  window?: Window;

  /** In force: it may be changed while the campaign runs. */
  @IsInt()
  ratePerMinute!: number;

  @IsOptional()
  @IsInt()
  maxInFlight?: number;

  /** The only type whose devices are meant. */
  @IsOptional()
  @IsString()
  deviceType?: string;

  @IsInt()
  deadlineSeconds!: number;

  @ValidateNested()
  @Type(() => Retries)
  retries!: Retries;

  @IsOptional()
  @ValidateNested()
  @Type(() => FailureThreshold)
  failureThreshold?: FailureThreshold;

  @IsBoolean()
  waitForDevices!: boolean;

  @IsIn(CONFLICT_RULES)
  onConflict!: ConflictRule;
}
