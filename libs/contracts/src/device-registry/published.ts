import { Type } from 'class-transformer';
import {
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  ValidateNested,
} from 'class-validator';
import { definePublished } from '../contract.js';
import { Actor, type JsonObject, type JsonValue } from '../fields.js';
import { CREDENTIAL_STATUSES, type CredentialStatus } from './credentials.requests.js';
import {
  CREDENTIAL_KINDS,
  INTERFACES,
  type CredentialKind,
  type DeviceInterface,
} from './devices.requests.js';
import { TOKEN_STATUSES, type TokenStatus } from './tokens.requests.js';

/** What every event of a device carries. `version` rises by one with every event of that device. */
export class DeviceFact {
  @IsString()
  deviceId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

export class DeviceProvisioned extends DeviceFact {
  @IsString()
  name!: string;

  @IsString()
  deviceTypeId!: string;

  @IsString()
  deviceType!: string;

  @IsString()
  appVersion!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  @IsString()
  folder!: string;

  @IsArray()
  @IsString({ each: true })
  tags!: string[];

  @IsObject()
  metadata!: JsonObject;
}

export class DeviceChanged extends DeviceFact {
  /** Field → value before and after; null is "not set", or a metadata value that is null. Metadata keys appear as `metadata.<key>`. */
  @IsObject()
  changes!: Record<string, { from: JsonValue; to: JsonValue }>;
}

export class DeviceDeleted extends DeviceFact {}

export class DeviceTokenChanged extends DeviceFact {
  @IsString()
  tokenId!: string;

  @IsIn(TOKEN_STATUSES)
  status!: TokenStatus;
}

export class DeviceCredentialChanged extends DeviceFact {
  @IsString()
  credentialId!: string;

  @IsIn(CREDENTIAL_KINDS)
  kind!: CredentialKind;

  @IsIn(CREDENTIAL_STATUSES)
  status!: CredentialStatus;
}

/**
 * Connections are no change of the device: this `version` counts them alone, rising by one with each, and `at` is the time
 * of the broker.
 */
export class DeviceConnectivityFact {
  @IsString()
  deviceId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;
}

export class DeviceTypeChanged {
  @IsString()
  deviceTypeId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsString()
  name!: string;

  @IsArray()
  @IsString({ each: true })
  appVersions!: string[];

  @IsOptional()
  @IsObject()
  settings?: JsonObject;
}

export class DeviceTypeDeleted {
  @IsString()
  deviceTypeId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

const service = 'device-registry';
const schemaVersion = 1;

export const deviceProvisioned = definePublished({
  service,
  entity: 'device',
  verb: 'provisioned',
  schemaVersion,
  data: DeviceProvisioned,
});

/** Name, application version, folder, tags, metadata, serial number or position changed. */
export const deviceChanged = definePublished({
  service,
  entity: 'device',
  verb: 'changed',
  schemaVersion,
  data: DeviceChanged,
});

export const deviceDeleted = definePublished({
  service,
  entity: 'device',
  verb: 'deleted',
  schemaVersion,
  data: DeviceDeleted,
});

/** A token was issued, became active, was suspended or revoked. The token's text is not in it. */
export const deviceTokenChanged = definePublished({
  service,
  entity: 'device',
  verb: 'token-changed',
  schemaVersion,
  data: DeviceTokenChanged,
});

/** A secret was issued or revoked. The secret is not in it, nor its hash. */
export const deviceCredentialChanged = definePublished({
  service,
  entity: 'device',
  verb: 'credential-changed',
  schemaVersion,
  data: DeviceCredentialChanged,
});

/** The first of its connections was used. */
export const deviceConnected = definePublished({
  service,
  entity: 'device',
  verb: 'connected',
  schemaVersion,
  data: DeviceConnectivityFact,
});

/** The last of its connections ended. */
export const deviceDisconnected = definePublished({
  service,
  entity: 'device',
  verb: 'disconnected',
  schemaVersion,
  data: DeviceConnectivityFact,
});

/** Created, renamed, settings changed, application version added. */
export const deviceTypeChanged = definePublished({
  service,
  entity: 'device-type',
  verb: 'changed',
  schemaVersion,
  data: DeviceTypeChanged,
});

export const deviceTypeDeleted = definePublished({
  service,
  entity: 'device-type',
  verb: 'deleted',
  schemaVersion,
  data: DeviceTypeDeleted,
});
