import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from './contract.js';
import { ChangeRequest, CreateRequest, Done, NAME_RULE, PageRequest, TenantRequest } from './fields.js';

const NAME_MESSAGE = { message: '$property must match [A-Za-z0-9_-]{1,64}' };

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
