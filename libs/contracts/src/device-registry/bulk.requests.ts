import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  Equals,
  IsArray,
  IsObject,
  IsOptional,
  Matches,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { JSON_VALUE, ValuesAre } from '../described.js';
import { CreateRequest, MAX_TAGS, NAME_RULE, TenantRequest, type JsonObject } from '../fields.js';
import { JobStarted } from '../jobs/requests.js';
import { IsFolder } from './folder-path.js';
import { BulkInput, TARGET_ERRORS, TargetPreview } from './targets.requests.js';

const TAG_MESSAGE = { each: true, message: 'each value must match [A-Za-z0-9_-]{1,64}' };

/** Either `set`, or `add`, `remove` or both. */
export class TagsChange {
  /** In place of all that a device has; none: `[]`. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_TAGS)
  @ArrayUnique()
  @Matches(NAME_RULE, TAG_MESSAGE)
  set?: string[];

  /** A device has at most 50 tags: one that would have more stays as it is, and is an error of the job. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_TAGS)
  @ArrayUnique()
  @Matches(NAME_RULE, TAG_MESSAGE)
  add?: string[];

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_TAGS)
  @ArrayUnique()
  @Matches(NAME_RULE, TAG_MESSAGE)
  remove?: string[];
}

/** Tags, folder and metadata in any combination, or `delete` alone. */
export class DeviceBulkInput extends BulkInput {
  @IsOptional()
  @ValidateNested()
  @Type(() => TagsChange)
  tags?: TagsChange;

  /** Where the devices shall be. */
  @IsOptional()
  @IsFolder()
  folder?: string;

  /** Merge patch: null removes a key, what is absent stays. */
  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @IsObject()
  metadata?: JsonObject;

  /** The devices are deleted. Only with `expectedCount`, which a preview tells. */
  @IsOptional()
  @Equals(true)
  delete?: boolean;

  /** With `delete`: what other services hold of them goes too, by further jobs of the kind `device-erase`. */
  @IsOptional()
  @Equals(true)
  erase?: boolean;
}

export class StartDeviceBulk extends CreateRequest {
  @ValidateNested()
  @Type(() => DeviceBulkInput)
  bulk!: DeviceBulkInput;
}

export class PreviewDeviceBulk extends TenantRequest {
  @ValidateNested()
  @Type(() => DeviceBulkInput)
  bulk!: DeviceBulkInput;
}

/**
 * Changes or deletes many devices as a job of kind `device-bulk` or `device-bulk-delete`. Errors of single devices are the
 * job's: `device-not-found`, and `invalid-request` where one would have too many tags or too much metadata.
 */
export const startDeviceBulk = defineRequest({
  subject: 'muster.v1.service.device-registry.device-bulk.start',
  request: StartDeviceBulk,
  reply: JobStarted,
  errors: [...TARGET_ERRORS, 'idempotency-key-reused'],
  idempotent: false,
});

/** What `startDeviceBulk` would reach now, and what it would be refused with, but for a missing `expectedCount`; nothing is written. */
export const previewDeviceBulk = defineRequest({
  subject: 'muster.v1.service.device-registry.device-bulk.preview',
  request: PreviewDeviceBulk,
  reply: TargetPreview,
  errors: [...TARGET_ERRORS],
  idempotent: true,
});
