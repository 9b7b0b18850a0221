import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { Described, JSON_VALUE, NullRemoves, ValuesAre } from '../described.js';
import { IsFilter, IsName, IsText, IsTime, type JsonValue } from '../fields.js';

/**
 * `draft` and `scheduled` can be edited. `running` waits for what its phase says. `paused` begins nothing more until
 * somebody resumes it. `completed` and `cancelled` are final.
 */
export const CAMPAIGN_STATUSES = [
  'draft',
  'scheduled',
  'running',
  'paused',
  'completed',
  'cancelled',
] as const;
export type CampaignStatus = (typeof CAMPAIGN_STATUSES)[number];

/** What a running campaign does, or waits for. */
export const CAMPAIGN_PHASES = [
  'snapshotting',
  'dispatching',
  'awaiting_spacing',
  'awaiting_operator',
  'awaiting_gate',
  'awaiting_devices',
  'awaiting_service',
  'outside_window',
  'cancelling',
] as const;
export type CampaignPhase = (typeof CAMPAIGN_PHASES)[number];

/**
 * Of a completed campaign. `unsettled`: all is written, nothing has failed so far, and some devices have not answered; it
 * becomes one of the others by itself. `completed_with_failures`: devices have failed or timed out, or a batch did not get to
 * its end before `endAt`. `succeeded`: neither. These two are final.
 */
export const CAMPAIGN_OUTCOMES = ['succeeded', 'unsettled', 'completed_with_failures'] as const;
export type CampaignOutcome = (typeof CAMPAIGN_OUTCOMES)[number];

/**
 * `planned` its turn has not come; `waiting` for its release; `writing` desired values; `syncing` until they are known on
 * the interfaces; `observing` until its gate is answered; `held`: its gate was not passed, and the campaign is paused.
 * `passed`, `skipped` (the campaign ended before it was released) and `cancelled` are final.
 */
export const BATCH_STATUSES = [
  'planned',
  'waiting',
  'writing',
  'syncing',
  'observing',
  'held',
  'passed',
  'skipped',
  'cancelled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** Of one device in one campaign. */
export const TARGET_STATUSES = [
  'planned',
  'written',
  'dispatched',
  'acknowledged',
  'retry_wait',
  'succeeded',
  'failed',
  'timed_out',
  'skipped',
  'superseded',
  'cancelled',
  'removed',
] as const;
export type TargetStatus = (typeof TARGET_STATUSES)[number];

export const PAUSE_REASONS = ['operator', 'gate-failed', 'gate-inconclusive', 'threshold'] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

export const CANCEL_MODES = ['soft', 'force'] as const;
export type CancelMode = (typeof CANCEL_MODES)[number];

export const GATE_ANSWERS = ['pass', 'fail', 'inconclusive'] as const;
export type GateAnswer = (typeof GATE_ANSWERS)[number];

export const RELEASE_MODES = ['auto', 'manual'] as const;
export type ReleaseMode = (typeof RELEASE_MODES)[number];

export const CONFLICT_RULES = ['reject', 'skip', 'supersede'] as const;
export type ConflictRule = (typeof CONFLICT_RULES)[number];

/** Status of a target → how many. One that is missing has none. */
export type TargetCounts = Partial<Record<TargetStatus, number>>;

export const AreTargetCounts = (): PropertyDecorator =>
  Described(() => ({
    type: 'object',
    properties: Object.fromEntries(TARGET_STATUSES.map((status) => [status, { type: 'integer' }])),
    additionalProperties: false,
  }));

/** Most of a campaign: each is a job of its own, and a line on its page. */
export const MAX_BATCHES = 100;
const MAX_WAIT_SECONDS = 31_536_000;
const MAX_DEVICES = 10_000_000;
const MAX_RATE = 1_000_000;
const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d$/;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Day = (typeof DAYS)[number];

// ---- what a campaign is made of -------------------------------------------------------------------------------------

/** Exactly one of `deviceIds`, `filter` and `campaignId`. */
export class CampaignTarget {
  /** At most 20,000, unless the installation says otherwise; the same one twice counts once. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/, { each: true, message: 'each value must be the id of a device' })
  deviceIds?: string[];

  /** RSQL, as of the list of devices; the devices it means when the campaign is launched. */
  @IsOptional()
  @IsFilter()
  filter?: string;

  /** The devices of another campaign that was launched. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  campaignId?: string;

  /** With `campaignId`: only those that stand so when this campaign is launched. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(TARGET_STATUSES, { each: true })
  statuses?: TargetStatus[];
}

/** What a batch must show before the next one goes. It is judged on settled devices: succeeded, failed, timed out. */
export class Gate {
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  minSuccessPercent?: number;

  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  maxFailurePercent?: number;

  /** No answer before so many are settled; never more than the batch has. 50 where nothing else is said. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_DEVICES)
  minSettled?: number;

  /**
   * Where devices are away that are not waited for (`exclude`) and fewer than `minSettled` are left: this share of the batch must have
   * settled all the same, or the gate is inconclusive and somebody decides. 25 where nothing else is said; 0: one is enough.
   */
  @IsOptional()
  @IsNumber()
  @Min(0)
  @Max(100)
  minSettledPercent?: number;

  /** How long it is watched at least, from the moment at which it is synchronised. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_WAIT_SECONDS)
  soakSeconds?: number;

  /** Without an answer after so long it is inconclusive: somebody decides. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_WAIT_SECONDS)
  maxWaitSeconds?: number;

  /**
   * Devices that are away and so not settled: not waited for (`exclude`, the default), waited for, or counted as failed. A device
   * over HTTP is never away, only silent: it is waited for in any case.
   */
  @IsOptional()
  @IsIn(['exclude', 'wait', 'fail'])
  offline?: 'exclude' | 'wait' | 'fail';
}

/** Exactly one of `percent`, `count`, `deviceIds` and `filter`. */
export class BatchDefinition {
  /** Of all targets. What asks for more than is left takes the rest. */
  @IsOptional()
  @IsNumber()
  @Min(0.001)
  @Max(100)
  percent?: number;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_DEVICES)
  count?: number;

  /** Those of the targets that are named. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/, { each: true, message: 'each value must be the id of a device' })
  deviceIds?: string[];

  /** Those of the targets that match. */
  @IsOptional()
  @IsFilter()
  filter?: string;

  /** `auto` (default): by itself, when everything else allows it. `manual`: an operator releases it. */
  @IsOptional()
  @IsIn(RELEASE_MODES)
  release?: ReleaseMode;

  @IsOptional()
  @ValidateNested()
  @Type(() => Gate)
  gate?: Gate;

  /** Devices that were seen last come first; otherwise the order is as good as random, and always the same. */
  @IsOptional()
  @IsBoolean()
  recentlySeenFirst?: boolean;
}

/** When desired values may be written. `to` at or before `from` is on the next day. */
export class Window {
  /** Of the IANA database: `Europe/Paris`. */
  @IsString()
  @Length(1, 64)
  timeZone!: string;

  @Matches(CLOCK, { message: '$property must be a time of day, HH:MM' })
  from!: string;

  @Matches(CLOCK, { message: '$property must be a time of day, HH:MM' })
  to!: string;

  /** On which it begins. Every day where nothing is said. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(DAYS, { each: true })
  days?: Day[];
}

/** Of what lies in the moment: the interface was away, or the device answered with a status that passes. */
export class Retries {
  /** 0: none. */
  @IsInt()
  @Min(0)
  @Max(20)
  max!: number;

  /** Before the first; every further one waits twice as long. */
  @IsInt()
  @Min(1)
  @Max(86_400)
  firstAfterSeconds!: number;
}

/** Of the whole campaign: when more than this have failed or timed out, it is paused. */
export class FailureThreshold {
  @IsNumber()
  @Min(0)
  @Max(100)
  maxFailurePercent!: number;

  /** Not before so many are settled; never more than there are. 50 where nothing else is said. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_DEVICES)
  minSettled?: number;
}

/** What may be left out and then has no value. */
class CampaignOptions {
  @IsOptional()
  @NullRemoves()
  @IsText(2_000)
  description?: string | null;

  /** When it launches itself, once it is scheduled. */
  @IsOptional()
  @NullRemoves()
  @IsTime()
  startAt?: string | null;

  /** What is not dispatched by then is skipped. 30 days after the launch where nothing is said. */
  @IsOptional()
  @NullRemoves()
  @IsTime()
  endAt?: string | null;

  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => Window)
  window?: Window | null;

  /**
   * Devices that have their document, or are just being sent it, and are not settled, at the same time. Who is away, or has not
   * asked yet, takes no place until the document reaches it.
   */
  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(1)
  @Max(MAX_DEVICES)
  maxInFlight?: number | null;

  /** Name. Only devices of this type: others that the target means are skipped as `incompatible`. */
  @IsOptional()
  @NullRemoves()
  @IsString()
  @Length(1, 64)
  deviceType?: string | null;

  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => FailureThreshold)
  failureThreshold?: FailureThreshold | null;
}

/** What has a value in any case; in an edit, null puts the default back. */
export class CampaignDefaults extends CampaignOptions {
  /** Key → desired value; null takes the devices' own value back, so that a default counts again. Default: none. */
  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @NullRemoves()
  @IsObject()
  configurations?: Record<string, JsonValue> | null;

  /** Key → the value that a device reports when it has succeeded. None: every desired value is reported back. */
  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @NullRemoves()
  @IsObject()
  expectedStates?: Record<string, JsonValue> | null;

  /**
   * `any` (default): a device that has ever stated such a key itself must state it again, any other is believed when it says
   * that it applied the document. `stated`: every device must state it.
   */
  @IsOptional()
  @NullRemoves()
  @IsIn(['any', 'stated'])
  expectedFrom?: 'any' | 'stated' | null;

  /** In their order, numbered from 1. Default: one with all. */
  @IsOptional()
  @NullRemoves()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_BATCHES)
  @ValidateNested({ each: true })
  @Type(() => BatchDefinition)
  batches?: BatchDefinition[] | null;

  /** Between the release of a batch and that of the next. Default 0. */
  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(0)
  @Max(MAX_WAIT_SECONDS)
  spacingSeconds?: number | null;

  /** Devices written per minute. Default 1,000, unless the installation says otherwise. */
  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(1)
  @Max(MAX_RATE)
  ratePerMinute?: number | null;

  /** From the dispatch to a device until it must be settled. Default one day, unless the installation says otherwise. */
  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(1)
  @Max(MAX_WAIT_SECONDS)
  deadlineSeconds?: number | null;

  /** Default: 2, the first after 60 s. */
  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => Retries)
  retries?: Retries | null;

  /** It is completed when every device is settled, and not already when every device is written. Default false. */
  @IsOptional()
  @NullRemoves()
  @IsBoolean()
  waitForDevices?: boolean | null;

  /**
   * When another open campaign sets the same key on the same device: the launch is refused (`reject`, the default), the device
   * is left out (`skip`), or it is taken from the other campaign (`supersede`).
   */
  @IsOptional()
  @NullRemoves()
  @IsIn(CONFLICT_RULES)
  onConflict?: ConflictRule | null;
}

export class CampaignInput extends CampaignDefaults {
  @IsName(128)
  name!: string;

  @ValidateNested()
  @Type(() => CampaignTarget)
  target!: CampaignTarget;
}

/** What is named is replaced as a whole; null puts the default back, or removes what has none. */
export class CampaignEdit extends CampaignDefaults {
  @IsOptional()
  @IsName(128)
  name?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => CampaignTarget)
  target?: CampaignTarget;
}
