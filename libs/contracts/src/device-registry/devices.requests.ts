import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsNumber,
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
import { defineRequest } from '../contract.js';
import { JSON_VALUE, NullRemoves, ValuesAre } from '../described.js';
import {
  ChangeRequest,
  CreateRequest,
  IsEndpointToken,
  IsFilter,
  IsName,
  MAX_TAGS,
  NAME_MESSAGE,
  NAME_RULE,
  Page,
  PageRequest,
  TenantRequest,
  type JsonObject,
} from '../fields.js';
import { SYNC_STATES, type SyncState } from '../configuration/sync-state.js';
import { CredentialInput, CredentialView } from './credential-input.js';
import { IsFolder } from './folder-path.js';

export const INTERFACES = ['mqtt', 'http', 'iothub'] as const;
export type DeviceInterface = (typeof INTERFACES)[number];

/** `pending`: it has enrolled and waits for an operator's approval. Only an active one is let in. */
export const DEVICE_STATUSES = ['pending', 'active', 'suspended'] as const;
export type DeviceStatus = (typeof DEVICE_STATUSES)[number];

export class Position {
  /** Degrees, WGS 84; south is negative. */
  @IsNumber()
  @Min(-90)
  @Max(90)
  latitude!: number;

  /** Degrees; west is negative. */
  @IsNumber()
  @Min(-180)
  @Max(180)
  longitude!: number;

  /** Metres above the sea. */
  @IsOptional()
  @IsNumber()
  @Min(-12_000)
  @Max(100_000)
  altitude?: number;
}

export class DeviceInput {
  /** Unique in the tenant. */
  @IsName(128)
  name!: string;

  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  /** Name. Default: the type's newest. */
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  appVersion?: string;

  /** Default: `mqtt`. */
  @IsOptional()
  @IsIn(INTERFACES)
  interface?: DeviceInterface;

  /** Default: `/`. */
  @IsOptional()
  @IsFolder()
  folder?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_TAGS)
  @ArrayUnique()
  @Matches(NAME_RULE, { each: true, message: 'each value must match [A-Za-z0-9_-]{1,64}' })
  tags?: string[];

  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @IsObject()
  metadata?: JsonObject;

  /** Unique in the tenant, where a device has one. */
  @IsOptional()
  @IsName(128)
  serialNumber?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Position)
  position?: Position;

  /** The device that it is behind, as a sensor is behind its gateway. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  parentId?: string;

  /**
   * The endpoint token. Default: generated, 24 characters. Unique in the whole system. A given one is at least as long as the
   * device type says (`settings.minTokenLength`).
   */
  @IsOptional()
  @IsEndpointToken()
  token?: string;

  /**
   * Default: `{kind: "secret"}` for interface `http`, where no other is possible, and `{kind: "token"}` for the others. With
   * any other kind than `token`, knowing the endpoint token is not enough to be the device: see `tokenOnly`.
   */
  @IsOptional()
  @ValidateNested()
  @Type(() => CredentialInput)
  credential?: CredentialInput;
}

/** Merge: what is absent stays, null removes where the field is optional. */
export class DeviceEdit {
  @IsOptional()
  @IsName(128)
  name?: string;

  /** Name of another application version of the same type. */
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  appVersion?: string;

  /**
   * One that the installation serves. Connections of the one before end; its credentials stay, and count again when it comes
   * back to it. Over HTTP it needs a secret, over MQTT a credential or `tokenOnly`.
   */
  @IsOptional()
  @IsIn(INTERFACES)
  interface?: DeviceInterface;

  @IsOptional()
  @IsFolder()
  folder?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_TAGS)
  @ArrayUnique()
  @Matches(NAME_RULE, { each: true, message: 'each value must match [A-Za-z0-9_-]{1,64}' })
  tags?: string[];

  @IsOptional()
  @NullRemoves()
  @IsName(128)
  serialNumber?: string | null;

  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => Position)
  position?: Position | null;

  /** The device that it is behind; never one that is behind it. */
  @IsOptional()
  @NullRemoves()
  @IsString()
  @Length(1, 64)
  parentId?: string | null;

  /** `suspended`: nothing opens anything for it. `active` also approves one that is pending. */
  @IsOptional()
  @IsIn(['active', 'suspended'])
  status?: 'active' | 'suspended';

  /** Whether knowing its endpoint token is enough to be the device. Not for HTTP devices, where their type says it. */
  @IsOptional()
  @IsBoolean()
  tokenOnly?: boolean;
}

export class Connectivity {
  /** Null where nobody can know: a device that speaks HTTP has no connection between its requests. */
  @ValidateIf(({ connected }: Connectivity) => connected !== null)
  @IsBoolean()
  connected!: boolean | null;

  /** Since when; null: it has never been connected. */
  @ValidateIf(({ since }: Connectivity) => since !== null)
  @IsISO8601()
  since!: string | null;

  /** Its last message or connection, to within a minute; null: none yet. */
  @ValidateIf(({ lastSeenAt }: Connectivity) => lastSeenAt !== null)
  @IsISO8601()
  lastSeenAt!: string | null;
}

export class DeviceView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  /** Name. */
  @IsString()
  deviceType!: string;

  @IsString()
  deviceTypeId!: string;

  /** Name: what the device was provisioned with, or what it last used in its topics. */
  @IsString()
  appVersion!: string;

  @IsIn(INTERFACES)
  interface!: DeviceInterface;

  @IsString()
  folder!: string;

  @IsArray()
  @IsString({ each: true })
  tags!: string[];

  @ValuesAre(JSON_VALUE)
  @IsObject()
  metadata!: JsonObject;

  @IsOptional()
  @IsString()
  serialNumber?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Position)
  position?: Position;

  /** The device that it is behind. Deleted, it leaves this one without a parent. */
  @IsOptional()
  @IsString()
  parentId?: string;

  /** Only an active device is let in. */
  @IsOptional()
  @IsIn(DEVICE_STATUSES)
  status?: DeviceStatus;

  /** Whether knowing its endpoint token is enough to be the device. Of HTTP devices: false, their type says it. */
  @IsOptional()
  @IsBoolean()
  tokenOnly?: boolean;

  @ValidateNested()
  @Type(() => Connectivity)
  connectivity!: Connectivity;

  /** How far it is with its configuration, as the registry has heard from events: moments behind that of the configuration. */
  @IsOptional()
  @IsIn(SYNC_STATES)
  syncState?: SyncState;

  /** Of its current document, likewise; "" without desired values. */
  @IsOptional()
  @IsString()
  configId?: string;

  /** Raised by every change but of connectivity and configuration; the `ETag`. */
  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;
}

/** A device as its creator gets it: the only time the token and the secret are shown. */
export class ProvisionedDevice extends DeviceView {
  /** Absent in the answer to a repetition with the same `Idempotency-Key`, as the secret is: nothing keeps them. */
  @IsOptional()
  @IsString()
  token?: string;

  @ValidateNested()
  @Type(() => CredentialView)
  credential!: CredentialView;
}

export class DeviceList extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceView)
  items!: DeviceView[];

  /**
   * Desired and reported values, sync states and software are followed from events. All of what was acknowledged before this
   * moment is in the answer, as far as the filter and the items show it. Absent: not known, because it is being filled or the
   * service it comes from is away since the start.
   */
  @IsOptional()
  @IsISO8601()
  stateAsOf?: string;

  /** How long ago `stateAsOf` is. It is looked at once a second, so a value up to about one is no lag. */
  @IsOptional()
  @IsNumber()
  stateLagSeconds?: number;
}

export class ProvisionDevice extends CreateRequest {
  @ValidateNested()
  @Type(() => DeviceInput)
  device!: DeviceInput;
}

export class DeviceRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;
}

export const DEVICE_SORTS = ['name', '-name', 'createdAt', '-createdAt'] as const;

export class ListDevices extends PageRequest {
  /** Default: all. */
  @IsOptional()
  @IsFilter()
  filter?: string;

  /** Default: `name`. */
  @IsOptional()
  @IsIn(DEVICE_SORTS)
  sort?: (typeof DEVICE_SORTS)[number];
}

export class EditDevice extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @ValidateNested()
  @Type(() => DeviceEdit)
  edit!: DeviceEdit;
}

export class DeleteDevice extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Whether what other services hold of it is to go too: samples, uploads, history of its configuration, commands. */
  @IsOptional()
  @IsBoolean()
  erase?: boolean;
}

export class DeviceDeletion {
  /** With `erase`: the job that does it. */
  @IsOptional()
  @IsString()
  jobId?: string;
}

export const provisionDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.device.provision',
  request: ProvisionDevice,
  reply: ProvisionedDevice,
  errors: [
    'device-name-taken',
    'serial-number-taken',
    'parent-not-found',
    'folder-moving',
    'concurrent-change',
    'device-type-not-found',
    'app-version-not-found',
    'token-taken',
    'username-taken',
    'certificate-taken',
    'subject-taken',
    'certificate-authority-not-found',
    'invalid-request',
    'idempotency-key-reused',
  ],
  idempotent: false,
});

export const getDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.device.get',
  request: DeviceRef,
  reply: DeviceView,
  errors: ['device-not-found'],
  idempotent: true,
});

export const listDevices = defineRequest({
  subject: 'muster.v1.service.device-registry.device.list',
  request: ListDevices,
  reply: DeviceList,
  errors: ['invalid-request', 'invalid-filter', 'filter-too-slow'],
  idempotent: true,
});

export const editDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.device.edit',
  request: EditDevice,
  reply: DeviceView,
  errors: [
    'invalid-request',
    'device-not-found',
    'device-name-taken',
    'device-status',
    'serial-number-taken',
    'parent-not-found',
    'parent-in-circle',
    'folder-moving',
    'app-version-not-found',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** The device's tokens stop working at once; its history stays, unless it is to be erased. Asked again, it is erased again. */
export const deleteDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.device.delete',
  request: DeleteDevice,
  reply: DeviceDeletion,
  errors: ['device-not-found', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});
