import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { NullRemoves } from '../described.js';
import {
  Actor,
  ChangeRequest,
  CreateRequest,
  Done,
  IsName,
  IsText,
  IsTime,
  Page,
  PageRequest,
  TenantRequest,
} from '../fields.js';
import type { ErrorCode } from '../errors.js';
import {
  CAMPAIGN_STATUSES,
  CampaignDefaults,
  CampaignEdit,
  CampaignInput,
  CampaignTarget,
  CANCEL_MODES,
  MAX_BATCHES,
  type CampaignStatus,
  type CancelMode,
} from './campaign.js';
import { CAMPAIGN_FIRMWARES_MAX } from '../firmware/downloads.requests.js';
import { CampaignDetails, CampaignView } from './campaign-view.js';

const subject = (verb: string): string => `muster.v1.service.campaign-orchestrator.campaign.${verb}`;

export class CreateCampaign extends CreateRequest {
  @ValidateNested()
  @Type(() => CampaignInput)
  campaign!: CampaignInput;
}

export class CampaignRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  campaignId!: string;
}

export class EditCampaign extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  campaignId!: string;

  @ValidateNested()
  @Type(() => CampaignEdit)
  edit!: CampaignEdit;
}

export class DeleteCampaign extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  campaignId!: string;
}

/** Newest first. */
export class ListCampaigns extends PageRequest {
  @IsOptional()
  @IsIn(CAMPAIGN_STATUSES)
  status?: CampaignStatus;

  /** A part of the name, in upper or lower case. */
  @IsOptional()
  @IsString()
  @Length(1, 128)
  name?: string;
}

export class CampaignPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => CampaignView)
  items!: CampaignView[];
}

/** What somebody wants of a campaign. */
export class CampaignAct extends CampaignRef {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

export class LaunchInput {
  /** As the preview said. When more devices match by now, the launch is refused. */
  @IsOptional()
  @IsInt()
  @Min(0)
  expectedCount?: number;
}

export class LaunchCampaign extends CreateRequest {
  @IsString()
  @Length(1, 64)
  campaignId!: string;

  @ValidateNested()
  @Type(() => LaunchInput)
  launch!: LaunchInput;
}

export class ScheduleInput {
  /** When it launches itself. Absent: the `startAt` that it has. */
  @IsOptional()
  @IsTime()
  startAt?: string;
}

export class ScheduleCampaign extends CampaignAct {
  @ValidateNested()
  @Type(() => ScheduleInput)
  schedule!: ScheduleInput;
}

export class ResumeInput {
  /** Go on although a gate or the failure threshold says no; for the gate of the batch that is held, or for good. */
  @IsOptional()
  @IsBoolean()
  overrideGate?: boolean;
}

export class ResumeCampaign extends CampaignAct {
  @ValidateNested()
  @Type(() => ResumeInput)
  resume!: ResumeInput;
}

export class CancelInput {
  /** `soft` (default): nothing more is begun, what is in flight is finished. `force`: that is given up as well. */
  @IsOptional()
  @IsIn(CANCEL_MODES)
  mode?: CancelMode;
}

export class CancelCampaign extends CampaignAct {
  @ValidateNested()
  @Type(() => CancelInput)
  cancel!: CancelInput;
}

export class SettleInput {
  /** Why nobody waits any more; told with every device that had not answered. */
  @IsOptional()
  @IsText(300)
  reason?: string;
}

export class SettleCampaign extends CampaignAct {
  @ValidateNested()
  @Type(() => SettleInput)
  settle!: SettleInput;
}

export class ReleaseBatch extends CampaignAct {
  @IsInt()
  @Min(1)
  @Max(MAX_BATCHES)
  index!: number;
}

export class ExcludeTarget extends CampaignAct {
  @IsString()
  @Length(1, 64)
  deviceId!: string;
}

export class RateInput {
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  ratePerMinute?: number;

  /** Null: no limit. */
  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(1)
  @Max(10_000_000)
  maxInFlight?: number | null;
}

export class ChangeCampaignRate extends CampaignAct {
  @ValidateNested()
  @Type(() => RateInput)
  rate!: RateInput;
}

/** All that a campaign has. Values that are named come beside those of the firmwares, or in their place. */
export class FromFirmwareInput extends CampaignDefaults {
  /** At most one of each firmware type, all of one device type. */
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(CAMPAIGN_FIRMWARES_MAX)
  @ArrayUnique()
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  firmwareIds!: string[];

  @IsName(128)
  name!: string;

  /** Absent: all devices of the firmwares' device type. */
  @IsOptional()
  @ValidateNested()
  @Type(() => CampaignTarget)
  target?: CampaignTarget;
}

export class DraftFromFirmware extends CreateRequest {
  @ValidateNested()
  @Type(() => FromFirmwareInput)
  from!: FromFirmwareInput;
}

export class DeriveInput {
  /** Absent: the name of the other one, with what this one is. */
  @IsOptional()
  @IsName(128)
  name?: string;
}

/** A new draft made from another campaign. */
export class DeriveCampaign extends CreateRequest {
  @IsString()
  @Length(1, 64)
  campaignId!: string;

  @ValidateNested()
  @Type(() => DeriveInput)
  as!: DeriveInput;
}

const OF_DEFINITION: readonly ErrorCode[] = [
  'invalid-request',
  'invalid-filter',
  'filter-too-slow',
  'invalid-configuration',
  'configuration-too-large',
  'payload-too-large',
];

/** The engine changes a campaign, too: who comes in its way three times is told so, and may ask again. */
const OF_CHANGE: readonly ErrorCode[] = ['campaign-not-found', 'concurrent-change'];

/** A draft. What no device could take is refused at once. */
export const createCampaign = defineRequest({
  subject: subject('create'),
  request: CreateCampaign,
  reply: CampaignDetails,
  errors: [...OF_DEFINITION, 'campaign-not-found', 'idempotency-key-reused'],
  idempotent: false,
});

/** `expectedVersion` is its revision. */
export const editCampaign = defineRequest({
  subject: subject('edit'),
  request: EditCampaign,
  reply: CampaignDetails,
  errors: [
    ...OF_DEFINITION,
    ...OF_CHANGE,
    'campaign-already-launched',
    'campaign-status',
    'version-mismatch',
  ],
  idempotent: true,
});

export const deleteCampaign = defineRequest({
  subject: subject('delete'),
  request: DeleteCampaign,
  reply: Done,
  errors: [...OF_CHANGE, 'campaign-already-launched', 'version-mismatch'],
  idempotent: true,
});

export const getCampaign = defineRequest({
  subject: subject('get'),
  request: CampaignRef,
  reply: CampaignDetails,
  errors: ['campaign-not-found'],
  idempotent: true,
});

export const listCampaigns = defineRequest({
  subject: subject('list'),
  request: ListCampaigns,
  reply: CampaignPage,
  errors: ['invalid-request'],
  idempotent: true,
});

/** Of a campaign that runs already it is nothing; what would be refused at preview is refused here. */
export const launchCampaign = defineRequest({
  subject: subject('launch'),
  request: LaunchCampaign,
  reply: CampaignDetails,
  errors: [
    ...OF_DEFINITION,
    ...OF_CHANGE,
    'campaign-status',
    'campaign-conflict',
    'no-longer-kept',
    'more-devices-than-expected',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

export const scheduleCampaign = defineRequest({
  subject: subject('schedule'),
  request: ScheduleCampaign,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status', 'invalid-request'],
  idempotent: true,
});

export const unscheduleCampaign = defineRequest({
  subject: subject('unschedule'),
  request: CampaignAct,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status'],
  idempotent: true,
});

export const pauseCampaign = defineRequest({
  subject: subject('pause'),
  request: CampaignAct,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status'],
  idempotent: true,
});

/**
 * Takes one device out: nothing more is written to it on the campaign's account. What has ended for it stays. It is said of this
 * launch: where that fails, the draft has the device again. `invalid-request`: as many as may be are excluded.
 */
export const excludeTarget = defineRequest({
  subject: subject('exclude'),
  request: ExcludeTarget,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status', 'device-not-found', 'invalid-request'],
  idempotent: true,
});

export const resumeCampaign = defineRequest({
  subject: subject('resume'),
  request: ResumeCampaign,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status'],
  idempotent: true,
});

export const cancelCampaign = defineRequest({
  subject: subject('cancel'),
  request: CancelCampaign,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status'],
  idempotent: true,
});

/** Ends the wait for devices of a completed campaign: those that have not answered have timed out, as at its end. */
export const settleCampaign = defineRequest({
  subject: subject('settle'),
  request: SettleCampaign,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status'],
  idempotent: true,
});

export const releaseBatch = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.campaign-batch.release',
  request: ReleaseBatch,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status', 'batch-not-found', 'batch-not-waiting'],
  idempotent: true,
});

/** While it runs or is paused; before, it is edited. */
export const changeCampaignRate = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.campaign-rate.change',
  request: ChangeCampaignRate,
  reply: CampaignDetails,
  errors: [...OF_CHANGE, 'campaign-status', 'invalid-request'],
  idempotent: true,
});

/** A draft whose values are the version, the URL and the token of these firmwares, under the keys of their types. */
export const draftFromFirmware = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.campaign-draft.from-firmware',
  request: DraftFromFirmware,
  reply: CampaignDetails,
  errors: [
    ...OF_DEFINITION,
    'campaign-not-found',
    'firmware-not-found',
    'firmware-keys-collide',
    'device-type-not-found',
    'concurrent-change',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

const derive = (verb: string, errors: readonly ErrorCode[]) =>
  defineRequest({
    subject: `muster.v1.service.campaign-orchestrator.campaign-draft.${verb}`,
    request: DeriveCampaign,
    reply: CampaignDetails,
    errors: ['campaign-not-found', 'idempotency-key-reused', ...errors],
    idempotent: false,
  });

/** A draft with the same values, for the devices that failed or timed out in an ended campaign. */
export const retryCampaign = derive('retry', ['campaign-status', 'no-longer-kept']);

/** A draft that gives every device of an ended campaign back what it had, where its desired value is still the campaign's. */
export const revertCampaign = derive('revert', [
  'campaign-status',
  'campaign-not-revertable',
  'no-longer-kept',
]);

/** A draft of the same definition, of a campaign in whatever status. */
export const copyCampaign = derive('copy', []);
