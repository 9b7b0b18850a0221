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
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { DeviceRef, DeviceView } from './devices.requests.js';
import {
  ChangeRequest,
  Done,
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

  @Matches(METADATA_KEY_RULE)
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

export class UpdateMetadata extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /**
   * `partial` (`update/keys`): adds and replaces. `full` (`update`): removes besides every other key the device may write,
   * also one it may not read.
   */
  @IsIn(['full', 'partial'])
  mode!: 'full' | 'partial';

  /**
   * At least one. Values are any JSON, and null is one of them: it is stored and read back, not taken for "remove" as in
   * the operators' merge patch. `connected` and `connectivity_ts`, which the platform writes, are passed over: devices
   * send back what they have read.
   */
  @IsObject()
  values!: JsonObject;
}

export class DeleteMetadata extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Those the device does not have are passed over. */
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(256)
  @ArrayUnique()
  @Matches(METADATA_KEY_RULE, KEYS_MESSAGE)
  keys!: string[];
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

/** All or nothing: one key the type does not let it write, or that breaks a rule, and nothing is changed. */
export const updateMetadata = defineRequest({
  subject: 'muster.v1.service.device-registry.metadata.update',
  request: UpdateMetadata,
  reply: Done,
  errors: ['device-not-found', 'metadata-key-restricted', 'invalid-request', 'concurrent-change'],
  idempotent: true,
});

/** All or nothing. `connected` and `connectivity_ts` are restricted here: nobody names them without meaning it. */
export const deleteMetadata = defineRequest({
  subject: 'muster.v1.service.device-registry.metadata.delete',
  request: DeleteMetadata,
  reply: Done,
  errors: ['device-not-found', 'metadata-key-restricted', 'concurrent-change'],
  idempotent: true,
});
