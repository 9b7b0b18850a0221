import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsLatitude,
  IsLongitude,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from './contract.js';
import {
  ChangeRequest,
  CreateRequest,
  Done,
  PageRequest,
  TenantRequest,
  NAME_RULE,
  TOKEN_RULE,
  type JsonObject,
  type JsonValue,
} from './fields.js';

export const INTERFACES = ['mqtt', 'http', 'iothub'] as const;
export type DeviceInterface = (typeof INTERFACES)[number];

export const TOKEN_STATUSES = ['inactive', 'active', 'suspended', 'revoked'] as const;
export type TokenStatus = (typeof TOKEN_STATUSES)[number];

const NAME_MESSAGE = { message: '$property must match [A-Za-z0-9_-]{1,64}' };
const TOKEN_MESSAGE = { message: '$property must match [A-Za-z0-9_~-]{4,64}' };
const FOLDER_RULE = /^\/$|^(\/[^/\s][^/]{0,62}){1,16}$/;
const FOLDER_MESSAGE = { message: '$property must be a path such as /paris/building-2' };
const METADATA_KEY_RULE = /^[a-zA-Z0-9_]{1,64}$/;

// ---- device types ---------------------------------------------------------------------------------------------------

export class AppVersionInput {
  /** A level of every topic, so unique in the whole system, not only in the tenant. */
  @Matches(NAME_RULE, NAME_MESSAGE)
  name!: string;
}

export class DeviceTypeSettings {
  /** Accept `dcx/{token}/plain/{metric}`. Default: off. */
  @IsOptional()
  @IsBoolean()
  plainTelemetry?: boolean;

  /** Dotted path of a sample's own time (`ts`, `meta.time`): ISO 8601 or Unix milliseconds. Default: `ts`. */
  @IsOptional()
  @Matches(/^[A-Za-z0-9_]{1,64}(\.[A-Za-z0-9_]{1,64}){0,7}$/, {
    message: '$property must be a dotted path such as meta.time',
  })
  timestampPath?: string;
}

export class DeviceTypeInput {
  @Matches(NAME_RULE, NAME_MESSAGE)
  name!: string;

  @IsOptional()
  @IsString()
  @MaxLength(1000)
  description?: string;

  /** Default: one, named `<name>-v1`. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => AppVersionInput)
  appVersions?: AppVersionInput[];

  @IsOptional()
  @ValidateNested()
  @Type(() => DeviceTypeSettings)
  settings?: DeviceTypeSettings;
}

export class DeviceTypeEdit {
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  name?: string;

  /** null removes it. */
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  description?: string | null;

  /** Replaces the settings named, leaves the others. */
  @IsOptional()
  @ValidateNested()
  @Type(() => DeviceTypeSettings)
  settings?: DeviceTypeSettings;
}

export class AppVersionView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;
}

export class DeviceTypeView {
  @IsString()
  id!: string;

  @IsString()
  name!: string;

  @IsOptional()
  @IsString()
  description?: string;

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => AppVersionView)
  appVersions!: AppVersionView[];

  @ValidateNested()
  @Type(() => DeviceTypeSettings)
  settings!: DeviceTypeSettings;

  /** Raised by every change; the `ETag`. */
  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;
}

export class DeviceTypeList {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceTypeView)
  items!: DeviceTypeView[];

  @ValidateIf((list: DeviceTypeList) => list.nextCursor !== null)
  @IsString()
  nextCursor!: string | null;

  @IsOptional()
  @IsInt()
  total?: number;
}

export class CreateDeviceType extends CreateRequest {
  @ValidateNested()
  @Type(() => DeviceTypeInput)
  deviceType!: DeviceTypeInput;
}

export class DeviceTypeRef extends TenantRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;
}

export class ListDeviceTypes extends PageRequest {
  @IsOptional()
  @IsBoolean()
  count?: boolean;
}

export class EditDeviceType extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  @ValidateNested()
  @Type(() => DeviceTypeEdit)
  edit!: DeviceTypeEdit;
}

export class DeleteDeviceType extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceType!: string;
}

export class AddAppVersion extends CreateRequest {
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  @ValidateNested()
  @Type(() => AppVersionInput)
  appVersion!: AppVersionInput;
}

export const createDeviceType = defineRequest({
  subject: 'muster.v1.service.device-registry.device-type.create',
  request: CreateDeviceType,
  reply: DeviceTypeView,
  errors: ['device-type-name-taken', 'app-version-name-taken', 'idempotency-key-reused'],
  idempotent: false,
});

export const getDeviceType = defineRequest({
  subject: 'muster.v1.service.device-registry.device-type.get',
  request: DeviceTypeRef,
  reply: DeviceTypeView,
  errors: ['device-type-not-found'],
  idempotent: true,
});

/** Ordered by name. */
export const listDeviceTypes = defineRequest({
  subject: 'muster.v1.service.device-registry.device-type.list',
  request: ListDeviceTypes,
  reply: DeviceTypeList,
  errors: [],
  idempotent: true,
});

export const editDeviceType = defineRequest({
  subject: 'muster.v1.service.device-registry.device-type.edit',
  request: EditDeviceType,
  reply: DeviceTypeView,
  errors: ['device-type-not-found', 'device-type-name-taken', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

/** Refused while devices of the type exist. */
export const deleteDeviceType = defineRequest({
  subject: 'muster.v1.service.device-registry.device-type.delete',
  request: DeleteDeviceType,
  reply: Done,
  errors: ['device-type-not-found', 'device-type-in-use', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

export const addAppVersion = defineRequest({
  subject: 'muster.v1.service.device-registry.app-version.add',
  request: AddAppVersion,
  reply: AppVersionView,
  errors: ['device-type-not-found', 'app-version-name-taken', 'concurrent-change', 'idempotency-key-reused'],
  idempotent: false,
});

// ---- devices --------------------------------------------------------------------------------------------------------

export class Position {
  @IsLatitude()
  latitude!: number;

  @IsLongitude()
  longitude!: number;
}

export class CredentialInput {
  /** `token`: whoever knows the endpoint token is the device. */
  @IsIn(['token'])
  kind!: 'token';
}

export class DeviceInput {
  /** Unique in the tenant. */
  @IsString()
  @Length(1, 128)
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
  @Matches(FOLDER_RULE, FOLDER_MESSAGE)
  folder?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @ArrayUnique()
  @Matches(NAME_RULE, { each: true, message: 'each of $property must match [A-Za-z0-9_-]{1,64}' })
  tags?: string[];

  @IsOptional()
  @IsObject()
  metadata?: JsonObject;

  @IsOptional()
  @IsString()
  @Length(1, 128)
  serialNumber?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Position)
  position?: Position;

  /** The endpoint token. Default: generated, 24 characters. Unique in the whole system. */
  @IsOptional()
  @Matches(TOKEN_RULE, TOKEN_MESSAGE)
  token?: string;

  /** Default: `{kind: "token"}`. */
  @IsOptional()
  @ValidateNested()
  @Type(() => CredentialInput)
  credential?: CredentialInput;
}

/** Merge: what is absent stays, null removes where the field is optional. */
export class DeviceEdit {
  @IsOptional()
  @IsString()
  @Length(1, 128)
  name?: string;

  /** Name of another application version of the same type. */
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  appVersion?: string;

  @IsOptional()
  @Matches(FOLDER_RULE, FOLDER_MESSAGE)
  folder?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @ArrayUnique()
  @Matches(NAME_RULE, { each: true, message: 'each of $property must match [A-Za-z0-9_-]{1,64}' })
  tags?: string[];

  @IsOptional()
  @IsString()
  @Length(1, 128)
  serialNumber?: string | null;

  @IsOptional()
  @ValidateNested()
  @Type(() => Position)
  position?: Position | null;
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

  @IsObject()
  metadata!: JsonObject;

  @IsOptional()
  @IsString()
  serialNumber?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Position)
  position?: Position;

  /** Raised by every change; the `ETag`. */
  @IsInt()
  version!: number;

  @IsISO8601()
  createdAt!: string;
}

export class CredentialView {
  @IsIn(['token'])
  kind!: 'token';
}

/** A device as its creator gets it: the only time the token is shown. */
export class ProvisionedDevice extends DeviceView {
  @IsString()
  token!: string;

  @ValidateNested()
  @Type(() => CredentialView)
  credential!: CredentialView;
}

export class DeviceList {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceView)
  items!: DeviceView[];

  @ValidateIf((list: DeviceList) => list.nextCursor !== null)
  @IsString()
  nextCursor!: string | null;

  @IsOptional()
  @IsInt()
  total?: number;
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
  /** Default: `name`. */
  @IsOptional()
  @IsIn(DEVICE_SORTS)
  sort?: (typeof DEVICE_SORTS)[number];

  @IsOptional()
  @IsBoolean()
  count?: boolean;
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
}

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

export const provisionDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.device.provision',
  request: ProvisionDevice,
  reply: ProvisionedDevice,
  errors: [
    'device-name-taken',
    'device-type-not-found',
    'app-version-not-found',
    'token-taken',
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
  errors: ['invalid-request'],
  idempotent: true,
});

export const editDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.device.edit',
  request: EditDevice,
  reply: DeviceView,
  errors: [
    'device-not-found',
    'device-name-taken',
    'app-version-not-found',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/** The device's tokens stop working at once; its history stays. */
export const deleteDevice = defineRequest({
  subject: 'muster.v1.service.device-registry.device.delete',
  request: DeleteDevice,
  reply: Done,
  errors: ['device-not-found', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

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

// ---- endpoint tokens ------------------------------------------------------------------------------------------------

export class TokenView {
  @IsString()
  id!: string;

  /** The first four characters, to tell tokens apart; the whole text is shown only when it is issued. */
  @IsString()
  hint!: string;

  @IsIn(TOKEN_STATUSES)
  status!: TokenStatus;

  @IsISO8601()
  createdAt!: string;
}

export class IssuedToken extends TokenView {
  @IsString()
  token!: string;
}

export class TokenList {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => TokenView)
  items!: TokenView[];
}

export class TokenInput {
  /** Default: generated, 24 characters. */
  @IsOptional()
  @Matches(TOKEN_RULE, TOKEN_MESSAGE)
  token?: string;
}

export class TokenEdit {
  @IsIn(['active', 'suspended', 'revoked'])
  status!: 'active' | 'suspended' | 'revoked';
}

export class IssueToken extends CreateRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsOptional()
  @Matches(TOKEN_RULE, TOKEN_MESSAGE)
  token?: string;
}

export class ChangeTokenStatus extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsString()
  @Length(1, 64)
  tokenId!: string;

  @IsIn(['active', 'suspended', 'revoked'])
  status!: 'active' | 'suspended' | 'revoked';
}

export const issueToken = defineRequest({
  subject: 'muster.v1.service.device-registry.token.issue',
  request: IssueToken,
  reply: IssuedToken,
  errors: ['device-not-found', 'token-taken', 'concurrent-change', 'idempotency-key-reused'],
  idempotent: false,
});

export const listTokens = defineRequest({
  subject: 'muster.v1.service.device-registry.token.list',
  request: DeviceRef,
  reply: TokenList,
  errors: ['device-not-found'],
  idempotent: true,
});

/** Inactive → active → suspended ⇄ active → revoked, which is final (16/ECAP). */
export const changeTokenStatus = defineRequest({
  subject: 'muster.v1.service.device-registry.token.change-status',
  request: ChangeTokenStatus,
  reply: TokenView,
  errors: ['device-not-found', 'token-not-found', 'token-status-final', 'concurrent-change'],
  idempotent: true,
});
