import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { TARGET_STATUSES, type TargetStatus } from '../campaign-orchestrator/campaign.js';
import { defineRequest } from '../contract.js';
import { Described } from '../described.js';
import { IsFilter, TenantRequest } from '../fields.js';
import { INTERFACES, type DeviceInterface } from './devices.requests.js';

/** Devices that a preview shows. */
export const SAMPLE_DEVICES = 20;

/** Named devices that do not exist which a preview names. */
export const MAX_MISSING_DEVICES = 500;

/** The devices that something shall be done to. Exactly one of the two. */
export class DeviceTarget {
  /** At most 20,000, unless the installation says otherwise; the same one twice counts once. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/, { each: true, message: 'each value must be the id of a device' })
  deviceIds?: string[];

  /** RSQL, as of the list of devices; the devices it means when the work begins. */
  @IsOptional()
  @IsFilter()
  filter?: string;
}

/** The devices of a bulk act, or of a supervision. Exactly one of `deviceIds`, `filter` and `campaignId`. */
export class BulkTarget extends DeviceTarget {
  /** The devices of a campaign that was launched, as they stand when the act is asked for; at most as many as may be named. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  campaignId?: string;

  /** With `campaignId`: only those that stand so. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(TARGET_STATUSES, { each: true })
  statuses?: TargetStatus[];
}

/** What every bulk act is asked with; each adds what shall be done. */
export class BulkInput {
  @IsObject()
  @ValidateNested()
  @Type(() => BulkTarget)
  target!: BulkTarget;

  /**
   * How many devices whoever asks believes that these are, as a preview told. When more match, at once or by the time that the
   * work begins, nothing is done: `more-devices-than-expected`. Fewer are taken.
   */
  @IsOptional()
  @IsInt()
  @Min(0)
  expectedCount?: number;
}

export class SampleDevice {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** Name. */
  @IsString()
  deviceType!: string;

  @IsString()
  folder!: string;
}

/** What a target means now. */
export class TargetPreview {
  /** Devices that exist, each once. */
  @IsInt()
  matched!: number;

  /** The first ones by name, at most 20. */
  @IsArray()
  @ArrayMaxSize(SAMPLE_DEVICES)
  @ValidateNested({ each: true })
  @Type(() => SampleDevice)
  sample!: SampleDevice[];

  /** Name of a device type → how many of the devices are of it. */
  @Described(() => ({ additionalProperties: { type: 'integer' } }))
  @IsObject()
  byDeviceType!: Record<string, number>;

  /** Named devices that do not exist, at most 500 of them; absent: all do. The act has an error for each. */
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  missing?: string[];
}

export class PreviewTarget extends TenantRequest {
  @ValidateNested()
  @Type(() => DeviceTarget)
  target!: DeviceTarget;
}

/** What a bulk act may be refused with because of its target. */
export const TARGET_ERRORS = [
  'invalid-request',
  'invalid-filter',
  'filter-too-slow',
  'payload-too-large',
  'more-devices-than-expected',
  'campaign-not-found',
  'no-longer-kept',
] as const;

/**
 * Counts what a target means and shows some of it. A filter may take seconds before it is refused as too slow: ask with a
 * `timeoutMs` of 10,000. Bulk acts ask through `DeviceTargets` of `@muster/jobs`, which knows their limits.
 */
export const previewTarget = defineRequest({
  subject: 'muster.v1.service.device-registry.target.preview',
  request: PreviewTarget,
  reply: TargetPreview,
  errors: ['invalid-request', 'invalid-filter', 'filter-too-slow'],
  idempotent: true,
});

/** Devices of one page of `targetDevices`. */
export const MAX_TARGET_PAGE = 2_000;

export class ReadTargetDevices extends TenantRequest {
  /** Named devices: at most as many as a page. */
  @ValidateNested()
  @Type(() => DeviceTarget)
  target!: DeviceTarget;

  /** `next` of the reply before. */
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{1,64}$/)
  after?: string;

  /** Default: the most. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TARGET_PAGE)
  limit?: number;
}

/** What is kept of a device by whoever freezes a list of them. */
export class TargetDevice {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** Name. */
  @IsString()
  deviceType!: string;

  /** Name. */
  @IsString()
  appVersion!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /** Null: never. */
  @ValidateIf((device: TargetDevice) => device.lastSeenAt !== null)
  @IsISO8601()
  lastSeenAt!: string | null;
}

export class TargetDevices {
  /** Those that exist, ascending by id. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => TargetDevice)
  devices!: TargetDevice[];

  /** Null: these were the last. */
  @ValidateIf((page: TargetDevices) => page.next !== null)
  @IsString()
  next!: string | null;
}

/** The devices that a target means now, page by page. Ask with a `timeoutMs` of 10,000, as for `previewTarget`. */
export const readTargetDevices = defineRequest({
  subject: 'muster.v1.service.device-registry.target.devices',
  request: ReadTargetDevices,
  reply: TargetDevices,
  errors: ['invalid-request', 'invalid-filter', 'filter-too-slow'],
  idempotent: true,
});
