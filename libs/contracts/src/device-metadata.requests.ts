import { IsObject, IsString, Length, Matches } from 'class-validator';
import { defineRequest } from './contract.js';
import { DeviceView } from './device-registry.requests.js';
import { ChangeRequest, type JsonValue } from './fields.js';

const METADATA_KEY_RULE = /^[a-zA-Z0-9_]{1,64}$/;

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
