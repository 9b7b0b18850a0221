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
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from './contract.js';
import {
  ChangeRequest,
  CreateRequest,
  Done,
  NAME_RULE,
  PageRequest,
  TenantRequest,
  TOKEN_RULE,
  type JsonObject,
} from './fields.js';

export const INTERFACES = ['mqtt', 'http', 'iothub'] as const;
export type DeviceInterface = (typeof INTERFACES)[number];

const NAME_MESSAGE = { message: '$property must match [A-Za-z0-9_-]{1,64}' };
const TOKEN_MESSAGE = { message: '$property must match [A-Za-z0-9_~-]{4,64}' };
const FOLDER_RULE = /^\/$|^(\/[^/\s][^/]{0,62}){1,16}$/;
const FOLDER_MESSAGE = { message: '$property must be a path such as /paris/building-2' };

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
