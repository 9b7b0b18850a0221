import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { CREDENTIAL_KINDS, type CredentialKind } from './credential-input.js';
import { DEVICE_STATUSES, INTERFACES, type DeviceInterface, type DeviceStatus } from './devices.requests.js';
import { TOKEN_STATUSES, type TokenStatus } from './tokens.requests.js';
import { DeviceTypeSettings } from './device-types.requests.js';
import { BulkOutcome } from '../fields.js';

/** One endpoint token and what it opens. An adapter holds all of them in memory. */
export class AccessEntry {
  @IsString()
  tenantId!: string;

  @IsString()
  token!: string;

  @IsString()
  tokenId!: string;

  @IsIn(TOKEN_STATUSES)
  tokenStatus!: TokenStatus;

  /** The token opens nothing before that. Absent: without that end. */
  @IsOptional()
  @IsISO8601()
  validFrom?: string;

  /** The token opens nothing from then on. */
  @IsOptional()
  @IsISO8601()
  validUntil?: string;

  @IsString()
  deviceId!: string;

  @IsString()
  deviceTypeId!: string;

  /** Name of the application version the device is known to use. */
  @IsString()
  appVersion!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  /** Absent: active. Of any other nothing opens anything. */
  @IsOptional()
  @IsIn(DEVICE_STATUSES)
  deviceStatus?: DeviceStatus;

  /** The device that it is behind: a connection of that one may speak for it. */
  @IsOptional()
  @IsString()
  parentId?: string;

  /** What the device is let in by now: one of these is needed. `token`: nothing besides the token. Empty: by nothing. */
  @IsIn(CREDENTIAL_KINDS, { each: true })
  credentialKinds!: CredentialKind[];

  /**
   * SHA-256, in hexadecimal, of what the device shows: over HTTP of the texts of its active secrets (base64url), over IoT Hub
   * of its active self-signed certificates (DER). At most two.
   */
  @IsString({ each: true })
  secretHashes!: string[];
}

/** A device type as adapters need it: which application versions are its, and how its payloads are read. */
export class AccessType {
  @IsString()
  tenantId!: string;

  @IsString()
  deviceTypeId!: string;

  @IsArray()
  @IsString({ each: true })
  appVersions!: string[];

  /** Without `metadataKeys` and `undeclaredMetadataKeys`: device-registry itself keeps to them. */
  @ValidateNested()
  @Type(() => DeviceTypeSettings)
  settings!: DeviceTypeSettings;
}

export class AccessPage {
  @IsArray()
  entries!: AccessEntry[];

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => AccessType)
  types!: AccessType[];

  @ValidateIf((page: AccessPage) => page.nextCursor !== null)
  @IsString()
  nextCursor!: string | null;
}

/** All tenants; for adapters at their start. */
export class ListAccess {
  @IsOptional()
  @IsString()
  cursor?: string;

  @IsInt()
  @Min(1)
  limit!: number;
}

/** What is true now for these devices, tokens and types. A device without entries in the answer has no access. */
export class FindAccess {
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  deviceIds?: string[];

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  tokens?: string[];

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  deviceTypeIds?: string[];
}

/** Entries by page; the types of every page's entries come with it. */
export const listAccess = defineRequest({
  subject: 'muster.v1.service.device-registry.access.list',
  request: ListAccess,
  reply: AccessPage,
  errors: [],
  idempotent: true,
});

export const findAccess = defineRequest({
  subject: 'muster.v1.service.device-registry.access.find',
  request: FindAccess,
  reply: AccessPage,
  errors: [],
  idempotent: true,
});

export class DeviceSighting {
  @IsString()
  tenantId!: string;

  @IsString()
  deviceId!: string;

  @IsString()
  tokenId!: string;

  /** Name: the second level of the topic of a message. Absent: it has only subscribed, which says nothing of what runs. */
  @IsOptional()
  @IsString()
  appVersion?: string;
}

/** What devices said of themselves by using a token and a topic. */
export class RecordSightings {
  @IsArray()
  @ArrayMaxSize(500)
  @ValidateNested({ each: true })
  @Type(() => DeviceSighting)
  sightings!: DeviceSighting[];
}

/**
 * An inactive token that was used becomes active; a device whose topics name another application version of its type
 * moves to it (Kaa's register does the same). Nothing new: nothing happens. Outcomes: `device-not-found`,
 * `token-not-found`, `app-version-not-found`.
 */
export const recordSightings = defineRequest({
  subject: 'muster.v1.service.device-registry.device.record-sightings',
  request: RecordSightings,
  reply: BulkOutcome,
  errors: [],
  idempotent: true,
});
