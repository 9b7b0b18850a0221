import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { RefusedValues } from '../configuration/campaign.requests.js';
import { TargetPreview } from '../device-registry/targets.requests.js';
import { Actor, Page, PageRequest } from '../fields.js';
import { CampaignRef } from './campaigns.requests.js';
import { MAX_BATCHES, TARGET_STATUSES, type TargetStatus } from './campaign.js';

export const REASON_ORIGINS = ['campaign', 'device', 'configuration', 'user'] as const;
export type ReasonOrigin = (typeof REASON_ORIGINS)[number];

/** What may be asked for; the codes themselves are many, and no closed set. */
export const REASON_CODE = /^[A-Za-z0-9_-]{1,64}$/;
export const REASON_CODE_MESSAGE = { message: '$property must be the code of a reason, as status-503' };

/** Why a device stands as it does. */
export class TargetReason {
  /** To count by: `status-503` is what a device answered; others are said in docs/campaigns.md. */
  @IsString()
  code!: string;

  /** Who it lies with. */
  @IsIn(REASON_ORIGINS)
  origin!: ReasonOrigin;

  @IsOptional()
  @IsString()
  detail?: string;

  /** Whose wish it was. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  by?: Actor;

  @IsOptional()
  @IsISO8601()
  at?: string;
}

/** One device in a campaign. */
export class TargetView {
  @IsString()
  deviceId!: string;

  /** As it was called at launch; empty of a device that did not exist. */
  @IsString()
  name!: string;

  @IsString()
  deviceType!: string;

  @IsInt()
  batch!: number;

  @IsIn(TARGET_STATUSES)
  status!: TargetStatus;

  /** How often its document was offered. */
  @IsInt()
  attempts!: number;

  /**
   * The interface of the device knows what was written; of an HTTP device nobody need be told. That the document has reached the
   * device is said by `dispatchedAt`.
   */
  @IsBoolean()
  synchronised!: boolean;

  @IsOptional()
  @IsISO8601()
  writtenAt?: string;

  /** When its document reached the device, since it was last offered. */
  @IsOptional()
  @IsISO8601()
  dispatchedAt?: string;

  @IsOptional()
  @IsISO8601()
  acknowledgedAt?: string;

  @IsOptional()
  @IsISO8601()
  finishedAt?: string;

  /** By when it must be settled. */
  @IsOptional()
  @IsISO8601()
  deadlineAt?: string;

  /** When its document is offered again. */
  @IsOptional()
  @IsISO8601()
  retryAt?: string;

  /** It answered after it had been given up. */
  @IsOptional()
  @IsBoolean()
  late?: boolean;

  /** Always there with a final status other than `succeeded`, and with `retry_wait`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => TargetReason)
  reason?: TargetReason;
}

/** By the ids of the devices. */
export class ListTargets extends PageRequest {
  @IsString()
  @Length(1, 64)
  campaignId!: string;

  @IsOptional()
  @IsIn(TARGET_STATUSES)
  status?: TargetStatus;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_BATCHES)
  batch?: number;

  /** `reason.code`: with `status` and `origin` these are the devices that a line of `failures` in the statistics counts. */
  @IsOptional()
  @Matches(REASON_CODE, REASON_CODE_MESSAGE)
  reason?: string;

  /** `reason.origin`. */
  @IsOptional()
  @IsIn(REASON_ORIGINS)
  origin?: ReasonOrigin;
}

export class TargetPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => TargetView)
  items!: TargetView[];
}

/** Of its last launch; of a campaign that was not launched, or is still finding out, there are none. */
export const listTargets = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.campaign-target.list',
  request: ListTargets,
  reply: TargetPage,
  errors: ['campaign-not-found', 'no-longer-kept', 'invalid-request'],
  idempotent: true,
});

/** Another open campaign that sets one of the same keys. */
export class CampaignConflict {
  @IsString()
  campaignId!: string;

  /** On how many of the devices. */
  @IsInt()
  devices!: number;
}

export class PreviewedBatch {
  @IsInt()
  index!: number;

  @IsInt()
  size!: number;

  /** When it can go, launched now; null: when an operator says so. */
  @ValidateIf((batch: PreviewedBatch) => batch.earliestAt !== null)
  @IsISO8601()
  earliestAt!: string | null;
}

/** A device type whose rules refuse the values: its devices would fail with `invalid-configuration`. */
export class TypeRefusal extends RefusedValues {
  /** Of the target. */
  @IsInt()
  devices!: number;
}

/** What a launch would do now. */
export class CampaignPreview extends TargetPreview {
  /** Devices that have every value already, and would be skipped. */
  @IsInt()
  alreadyCompliant!: number;

  /** Devices of another type than `deviceType`, which would be skipped. */
  @IsInt()
  incompatible!: number;

  /** Absent: none. When every type refuses, the launch is refused. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => TypeRefusal)
  refusals?: TypeRefusal[];

  /** The 20 with the most devices. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => CampaignConflict)
  conflicts!: CampaignConflict[];

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => PreviewedBatch)
  batches!: PreviewedBatch[];
}

/** Ask with a `timeoutMs` of 12,000: filters may take seconds. Nothing is written. */
export const previewCampaign = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.campaign.preview',
  request: CampaignRef,
  reply: CampaignPreview,
  errors: ['campaign-not-found', 'no-longer-kept', 'invalid-request', 'invalid-filter', 'filter-too-slow'],
  idempotent: true,
});

/** Ids of one page of `readTargetIds`. */
export const MAX_TARGET_IDS = 10_000;

export class ReadTargetIds extends CampaignRef {
  /** Only those that stand so. */
  @IsOptional()
  @IsArray()
  @IsIn(TARGET_STATUSES, { each: true })
  statuses?: TargetStatus[];

  /** `next` of the reply before. */
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/)
  after?: string;

  /** Default: the most. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TARGET_IDS)
  limit?: number;
}

export class TargetIds {
  /** Ascending. */
  @IsArray()
  @IsString({ each: true })
  deviceIds!: string[];

  /** Null: these were the last. */
  @ValidateIf((page: TargetIds) => page.next !== null)
  @IsString()
  next!: string | null;
}

/** The devices of a campaign that was launched, as they stand now: for acts that mean them. */
export const readTargetIds = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.campaign-target.ids',
  request: ReadTargetIds,
  reply: TargetIds,
  errors: ['campaign-not-found', 'no-longer-kept', 'invalid-request'],
  idempotent: true,
});
