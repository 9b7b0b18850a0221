import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { DeviceRef, DeviceView } from './devices.requests.js';
import {
  BulkOutcome,
  ChangeRequest,
  METADATA_KEY_RULE,
  TenantRequest,
  type JsonObject,
  type JsonValue,
} from '../fields.js';

const KEYS_MESSAGE = { each: true, message: 'each value must match [a-zA-Z0-9_]{1,64}' };

// ---- the operators' side --------------------------------------------------------------------------------------------

export class ChangeMetadata extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Merge patch (RFC 7396) on the top level: null removes the key. Keys match `[a-zA-Z0-9_]{1,64}`. */
  @IsObject()
  patch!: Record<string, JsonValue>;
}

export class DeleteMetadataKey extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @Matches(METADATA_KEY_RULE, { message: 'must be 1 to 64 letters, digits and underscores' })
  key!: string;
}

export const changeMetadata = defineRequest({
  subject: 'muster.v1.service.device-registry.metadata.change',
  request: ChangeMetadata,
  reply: DeviceView,
  errors: ['device-not-found', 'invalid-request', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

export const deleteMetadataKey = defineRequest({
  subject: 'muster.v1.service.device-registry.metadata.delete-key',
  request: DeleteMetadataKey,
  reply: DeviceView,
  errors: ['device-not-found', 'metadata-key-not-found', 'version-mismatch', 'concurrent-change'],
  idempotent: false,
});

// ---- the device's side (10/EPMP) ------------------------------------------------------------------------------------

export class MetadataKeyList {
  @IsArray()
  @IsString({ each: true })
  keys!: string[];
}

export class ReadMetadata extends DeviceRef {
  /** Default: all that the device may read. Those it does not have are left out of the answer. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(256)
  @ArrayUnique()
  @Matches(METADATA_KEY_RULE, KEYS_MESSAGE)
  keys?: string[];
}

export class MetadataValues {
  @IsObject()
  values!: JsonObject;
}

/** As many as one message has. */
export const MAX_METADATA_WRITES = 500;

/** What one device wants to be written of its metadata. */
export class MetadataWrite extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /**
   * `partial` (`update/keys`): adds and replaces. `full` (`update`): removes besides every other key the device may write,
   * also one it may not read. `delete` (`delete/keys`): removes `keys`.
   */
  @IsIn(['full', 'partial', 'delete'])
  mode!: 'full' | 'partial' | 'delete';

  /**
   * Of `full` and `partial`: at least one. Values are any JSON, and null is one of them: it is stored and read back, not taken
   * for "remove" as in the operators' merge patch. `connected` and `connectivity_ts`, which the platform writes, are passed
   * over: devices send back what they have read.
   */
  @IsOptional()
  @IsObject()
  values?: JsonObject;

  /**
   * Of `delete`. Those the device does not have are passed over; `connected` and `connectivity_ts` are restricted: nobody names
   * them without meaning it.
   */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(256)
  @ArrayUnique()
  @Matches(METADATA_KEY_RULE, KEYS_MESSAGE)
  keys?: string[];
}

export class WriteMetadata {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_METADATA_WRITES)
  @ValidateNested({ each: true })
  @Type(() => MetadataWrite)
  writes!: MetadataWrite[];
}

/** Of the keys the device has, those its type lets it read. */
export const listMetadataKeys = defineRequest({
  subject: 'muster.v1.service.device-registry.metadata.list-keys',
  request: DeviceRef,
  reply: MetadataKeyList,
  errors: ['device-not-found'],
  idempotent: true,
});

/** `metadata-key-restricted` when a key is named that the type does not let it read, whether or not it is there. */
export const readMetadata = defineRequest({
  subject: 'muster.v1.service.device-registry.metadata.read',
  request: ReadMetadata,
  reply: MetadataValues,
  errors: ['device-not-found', 'metadata-key-restricted'],
  idempotent: true,
});

/**
 * Each all or nothing, those of a device in their order. Outcomes: `device-not-found`, `metadata-key-restricted` and
 * `invalid-request`. What rejects the request passes, and the same again does no harm: whoever sent it sends it again before
 * what came later.
 */
export const writeMetadata = defineRequest({
  subject: 'muster.v1.service.device-registry.metadata.write',
  request: WriteMetadata,
  reply: BulkOutcome,
  errors: ['concurrent-change'],
  idempotent: true,
});
