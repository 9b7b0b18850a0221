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
  ValidateNested,
} from 'class-validator';
import { definePublished } from '../contract.js';
import { Actor, type JsonObject, type JsonValue } from '../fields.js';
import { AUTHORITY_STATUSES, type AuthorityStatus } from './certificate-authorities.requests.js';
import { CLAIM_KEY_STATUSES, type ClaimKeyStatus } from './claim-keys.requests.js';
import { END_REASONS, type EndReason } from './connectivity.requests.js';
import { CREDENTIAL_STATUSES, type CredentialStatus } from './credentials.requests.js';
import { CREDENTIAL_KINDS, type CredentialKind } from './credential-input.js';
import { DEVICE_STATUSES, INTERFACES, type DeviceInterface, type DeviceStatus } from './devices.requests.js';
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

export class DeviceErased extends DeviceFact {}

export class DeviceTokenChanged extends DeviceFact {
  @IsString()
  tokenId!: string;

  @IsIn(TOKEN_STATUSES)
  status!: TokenStatus;

  /** As of a credential. */
  @IsOptional()
  @IsBoolean()
  opens?: boolean;

  /** As of a credential. */
  @IsOptional()
  @IsISO8601()
  validUntil?: string;
}

export class DeviceStatusChanged extends DeviceFact {
  @IsIn(DEVICE_STATUSES)
  status!: DeviceStatus;

  /** Whether any of its tokens and credentials may open anything now. */
  @IsBoolean()
  opens!: boolean;
}

export class DeviceCredentialChanged extends DeviceFact {
  @IsString()
  credentialId!: string;

  @IsIn(CREDENTIAL_KINDS)
  kind!: CredentialKind;

  @IsIn(CREDENTIAL_STATUSES)
  status!: CredentialStatus;

  /**
   * Whether it opens anything now, by its status and its time: false is what ends the connections that came by it. Absent in
   * events of before November 2026, where the status alone counts.
   */
  @IsOptional()
  @IsBoolean()
  opens?: boolean;

  /** When it is over. An event comes then, with the same status. */
  @IsOptional()
  @IsISO8601()
  validUntil?: string;
}

/** What every event of a certificate authority carries. `version` rises by one with every event of that authority. */
export class CertificateAuthorityFact {
  @IsString()
  authorityId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

export class CertificateAuthorityChanged extends CertificateAuthorityFact {
  @IsString()
  name!: string;

  @IsIn(AUTHORITY_STATUSES)
  status!: AuthorityStatus;

  /** Whether certificates that it has signed open anything now: false is what ends the connections that came by them. */
  @IsBoolean()
  opens!: boolean;

  /** Whether unknown devices with a certificate of it are made. That it is switched off ends no connection. */
  @IsBoolean()
  enrols!: boolean;
}

export class CertificateAuthorityDeleted extends CertificateAuthorityFact {}

/** What every event of a claim key carries. The key is in none of them, nor its hash. */
export class ClaimKeyFact {
  @IsString()
  claimKeyId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

export class ClaimKeyChanged extends ClaimKeyFact {
  @IsString()
  name!: string;

  @IsIn(CLAIM_KEY_STATUSES)
  status!: ClaimKeyStatus;

  /** Whether a device can enrol with it now, by its status, its time and its limit. */
  @IsBoolean()
  opens!: boolean;

  /** How many devices have enrolled with it. */
  @IsInt()
  enrolled!: number;
}

export class ClaimKeyDeleted extends ClaimKeyFact {}

/**
 * Connections are no change of the device: this `version` counts them alone, rising by one with each, and `at` is the time
 * of the door, which for one device never goes back.
 */
export class DeviceConnectivityFact {
  @IsString()
  deviceId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;
}

export class DeviceConnected extends DeviceConnectivityFact {
  /** When the connection was opened: before `at`, where its door had been taken for lost. Absent in older events. */
  @IsOptional()
  @IsISO8601()
  since?: string;

  /** As the client gave it. Absent as `since`. */
  @IsOptional()
  @IsString()
  clientId?: string;
}

export class DeviceDisconnected extends DeviceConnectivityFact {
  /** Since when it had been connected. Absent in older events. */
  @IsOptional()
  @IsISO8601()
  since?: string;

  /** Why the last of its connections ended; more may come. Absent as `since`. */
  @IsOptional()
  @IsIn(END_REASONS)
  reason?: EndReason;
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

/** What every event of a group carries. `version` rises by one with every event of that group. */
export class GroupFact {
  @IsString()
  groupId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

export class GroupCreated extends GroupFact {
  @IsString()
  name!: string;

  @IsOptional()
  @IsString()
  description?: string;

  @IsString()
  filter!: string;
}

export class GroupChanged extends GroupFact {
  /** `name`, `description` or `filter` → value before and after; null is "no description". */
  @IsObject()
  changes!: Record<string, { from: JsonValue; to: JsonValue }>;
}

export class GroupDeleted extends GroupFact {
  @IsString()
  name!: string;
}

/** What every event of a folder carries. `version` rises by one with every event of that folder. */
export class FolderFact {
  @IsString()
  folderId!: string;

  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;
}

export class FolderCreated extends FolderFact {
  @IsString()
  name!: string;

  @IsString()
  path!: string;

  /** Absent: in no other. */
  @IsOptional()
  @IsString()
  parentId?: string;
}

export class FolderChanged extends FolderFact {
  /** `name`, `parentId` (null is "in no other") and `path` → value before and after, of those that changed. */
  @IsObject()
  changes!: Record<string, { from: JsonValue; to: JsonValue }>;
}

export class FolderDeleted extends FolderFact {
  @IsString()
  path!: string;
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

/** Name, application version, interface, folder, tags, metadata, serial number, position or parent (`parentId`) changed. */
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

/** What the other services held of it is gone: samples, uploads, history of its configuration, commands. Its own events stay. */
export const deviceErased = definePublished({
  service,
  entity: 'device',
  verb: 'erased',
  schemaVersion,
  data: DeviceErased,
});

/** A token was issued, became active, was suspended or revoked, changed its time, began or expired. The token's text is not in it. */
export const deviceTokenChanged = definePublished({
  service,
  entity: 'device',
  verb: 'token-changed',
  schemaVersion,
  data: DeviceTokenChanged,
});

/** It was approved, suspended or reactivated. */
export const deviceStatusChanged = definePublished({
  service,
  entity: 'device',
  verb: 'status-changed',
  schemaVersion,
  data: DeviceStatusChanged,
});

/**
 * A secret, password or certificate was issued, changed its status or its time, began or expired. No secret, hash or
 * certificate is in it.
 */
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
  data: DeviceConnected,
});

/** The last of its connections ended. */
export const deviceDisconnected = definePublished({
  service,
  entity: 'device',
  verb: 'disconnected',
  schemaVersion,
  data: DeviceDisconnected,
});

/** Registered, verified, suspended, reactivated, revoked, expired; another name, time, rule for subjects or for enrolment. */
export const certificateAuthorityChanged = definePublished({
  service,
  entity: 'certificate-authority',
  verb: 'changed',
  schemaVersion,
  data: CertificateAuthorityChanged,
});

/** Its certificates open nothing any more. */
export const certificateAuthorityDeleted = definePublished({
  service,
  entity: 'certificate-authority',
  verb: 'deleted',
  schemaVersion,
  data: CertificateAuthorityDeleted,
});

/** Issued, used, suspended, reactivated, revoked; another name, time or limit. That its time is over is not told: nobody is let in by it. */
export const claimKeyChanged = definePublished({
  service,
  entity: 'claim-key',
  verb: 'changed',
  schemaVersion,
  data: ClaimKeyChanged,
});

export const claimKeyDeleted = definePublished({
  service,
  entity: 'claim-key',
  verb: 'deleted',
  schemaVersion,
  data: ClaimKeyDeleted,
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

/** A filter was saved under a name. Which devices it means is found whenever it is used, and no event tells of them. */
export const groupCreated = definePublished({
  service,
  entity: 'group',
  verb: 'created',
  schemaVersion,
  data: GroupCreated,
});

/** Renamed, described anew, or its filter changed: an event for each. */
export const groupChanged = definePublished({
  service,
  entity: 'group',
  verb: 'changed',
  schemaVersion,
  data: GroupChanged,
});

/** Filters that name it are refused from then on. */
export const groupDeleted = definePublished({
  service,
  entity: 'group',
  verb: 'deleted',
  schemaVersion,
  data: GroupDeleted,
});

/** Made by an operator, or because a device was put into it. */
export const folderCreated = definePublished({
  service,
  entity: 'folder',
  verb: 'created',
  schemaVersion,
  data: FolderCreated,
});

/**
 * Renamed or moved. What is below it has another path as well, and no event of its own for that; each device tells its new
 * `folder` by `device.changed`.
 */
export const folderChanged = definePublished({
  service,
  entity: 'folder',
  verb: 'changed',
  schemaVersion,
  data: FolderChanged,
});

export const folderDeleted = definePublished({
  service,
  entity: 'folder',
  verb: 'deleted',
  schemaVersion,
  data: FolderDeleted,
});
