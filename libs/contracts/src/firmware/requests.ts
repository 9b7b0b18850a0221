import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { NullRemoves } from '../described.js';
import {
  CONFIGURATION_KEY_RULE,
  CONFIGURATION_KEY_TEXT,
  ChangeRequest,
  CreateRequest,
  Done,
  IsName,
  IsText,
  NAME_MESSAGE,
  NAME_RULE,
  Page,
  PageRequest,
  TenantRequest,
} from '../fields.js';

/** `suspended`: offered to nobody. `targeted`: to the devices its filter names. `general`: to all of the device type. */
export const ROLLOUT_STRATEGIES = ['suspended', 'targeted', 'general'] as const;
export type RolloutStrategy = (typeof ROLLOUT_STRATEGIES)[number];

const VERSION_RULE = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;
const VERSION_MESSAGE = { message: '$property must match [A-Za-z0-9][A-Za-z0-9._+-]{0,63}' };
const KEY_MESSAGE = { message: `$property ${CONFIGURATION_KEY_TEXT}` };
const FILE_KEY_RULE = /^[0-9a-f-]{36}$/;
const SHA256_RULE = /^[0-9a-f]{64}$/;

// ---- firmware types -------------------------------------------------------------------------------------------------

/** What can be updated in devices of one type. The keys are those of the configuration by which a campaign hands it out. */
export class FirmwareTypeInput {
  /** Unique in the device type; the name of the software in `cmx_ota/{token}/config/json/{name}`. */
  @Matches(NAME_RULE, NAME_MESSAGE)
  name!: string;

  @Matches(CONFIGURATION_KEY_RULE, KEY_MESSAGE)
  versionKey!: string;

  @Matches(CONFIGURATION_KEY_RULE, KEY_MESSAGE)
  urlKey!: string;

  @Matches(CONFIGURATION_KEY_RULE, KEY_MESSAGE)
  tokenKey!: string;
}

export class FirmwareTypeView extends FirmwareTypeInput {
  @IsString()
  id!: string;

  @IsString()
  deviceTypeId!: string;

  /** The first of its device type: what a device means that names no software. */
  @IsBoolean()
  isDefault!: boolean;

  /** Raised by every change; the `ETag`. */
  @IsInt()
  revision!: number;

  @IsISO8601()
  createdAt!: string;
}

/** What is absent stays. */
export class FirmwareTypeEdit {
  @IsOptional()
  @Matches(NAME_RULE, NAME_MESSAGE)
  name?: string;

  @IsOptional()
  @Matches(CONFIGURATION_KEY_RULE, KEY_MESSAGE)
  versionKey?: string;

  @IsOptional()
  @Matches(CONFIGURATION_KEY_RULE, KEY_MESSAGE)
  urlKey?: string;

  @IsOptional()
  @Matches(CONFIGURATION_KEY_RULE, KEY_MESSAGE)
  tokenKey?: string;
}

export class CreateFirmwareType extends CreateRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  @ValidateNested()
  @Type(() => FirmwareTypeInput)
  firmwareType!: FirmwareTypeInput;
}

/** Oldest first. */
export class ListFirmwareTypes extends PageRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;
}

export class FirmwareTypeList extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => FirmwareTypeView)
  items!: FirmwareTypeView[];
}

/** No key may belong to two firmware types of a device type: a device could not tell what a value of it is for. */
export const createFirmwareType = defineRequest({
  subject: 'muster.v1.service.firmware.firmware-type.create',
  request: CreateFirmwareType,
  reply: FirmwareTypeView,
  errors: [
    'device-type-not-found',
    'firmware-type-name-taken',
    'firmware-type-keys-taken',
    'invalid-request',
    'idempotency-key-reused',
    'concurrent-change',
  ],
  idempotent: false,
});

export const listFirmwareTypes = defineRequest({
  subject: 'muster.v1.service.firmware.firmware-type.list',
  request: ListFirmwareTypes,
  reply: FirmwareTypeList,
  errors: ['device-type-not-found', 'invalid-request'],
  idempotent: true,
});

export class FirmwareTypeRef extends TenantRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  /** Id or name. */
  @IsString()
  @Length(1, 64)
  firmwareType!: string;
}

export const getFirmwareType = defineRequest({
  subject: 'muster.v1.service.firmware.firmware-type.get',
  request: FirmwareTypeRef,
  reply: FirmwareTypeView,
  errors: ['device-type-not-found', 'firmware-type-not-found'],
  idempotent: true,
});

export class EditFirmwareType extends ChangeRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  /** Id or name. */
  @IsString()
  @Length(1, 64)
  firmwareType!: string;

  @ValidateNested()
  @Type(() => FirmwareTypeEdit)
  edit!: FirmwareTypeEdit;
}

export class DeleteFirmwareType extends ChangeRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  /** Id or name. */
  @IsString()
  @Length(1, 64)
  firmwareType!: string;
}

/**
 * `firmware-type-in-use`: it has firmwares. Devices are offered them by its name and campaigns hand them out by its keys, so
 * both stay while there is one.
 */
export const editFirmwareType = defineRequest({
  subject: 'muster.v1.service.firmware.firmware-type.edit',
  request: EditFirmwareType,
  reply: FirmwareTypeView,
  errors: [
    'device-type-not-found',
    'firmware-type-not-found',
    'firmware-type-in-use',
    'firmware-type-name-taken',
    'firmware-type-keys-taken',
    'invalid-request',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});

/**
 * Its name and keys may be used again. `firmware-type-in-use`: it has firmwares. `firmware-type-is-default`: it is what
 * devices mean that name none, and the device type has others; one of those would be taken for it.
 */
export const deleteFirmwareType = defineRequest({
  subject: 'muster.v1.service.firmware.firmware-type.delete',
  request: DeleteFirmwareType,
  reply: Done,
  errors: [
    'device-type-not-found',
    'firmware-type-not-found',
    'firmware-type-in-use',
    'firmware-type-is-default',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: false,
});

// ---- firmwares ------------------------------------------------------------------------------------------------------

/** Any of these. A text in the filter grammar of lists is to be accepted here too, once there is one. */
export class RolloutFilter {
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1000)
  @ArrayUnique()
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  deviceIds?: string[];

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @ArrayUnique()
  @Matches(NAME_RULE, { each: true, message: 'each value must match [A-Za-z0-9_-]{1,64}' })
  tags?: string[];
}

export class Rollout {
  @IsIn(ROLLOUT_STRATEGIES)
  strategy!: RolloutStrategy;

  /** With `targeted`, and only there. */
  @IsOptional()
  @ValidateNested()
  @Type(() => RolloutFilter)
  filter?: RolloutFilter;
}

export class FirmwareView {
  @IsString()
  id!: string;

  @IsString()
  firmwareTypeId!: string;

  /** Name. */
  @IsString()
  firmwareType!: string;

  @IsString()
  deviceTypeId!: string;

  @IsString()
  version!: string;

  /** Of the file, as it was uploaded. */
  @IsString()
  name!: string;

  /** Bytes. */
  @IsInt()
  size!: number;

  @IsString()
  sha256!: string;

  /** Where a device gets it, with a download token in `X-Auth-Token` or in the parameter `token`. */
  @IsString()
  url!: string;

  @IsOptional()
  @IsString()
  description?: string;

  /** Versions from which a device may go to this one; empty: offered to devices that never reported a version. */
  @IsArray()
  @IsString({ each: true })
  upgradableFrom!: string[];

  @ValidateNested()
  @Type(() => Rollout)
  rollout!: Rollout;

  /** Raised by every change; the `ETag`. */
  @IsInt()
  revision!: number;

  @IsISO8601()
  createdAt!: string;
}

/** The file is in the store already; it never changes. */
export class RegisterFirmware extends CreateRequest {
  /** Id, or name where only one device type has it. */
  @IsString()
  @Length(1, 64)
  firmwareType!: string;

  @Matches(VERSION_RULE, VERSION_MESSAGE)
  version!: string;

  @Matches(FILE_KEY_RULE)
  fileKey!: string;

  @IsName(255)
  name!: string;

  /** Bytes. */
  @IsInt()
  @Min(1)
  size!: number;

  @Matches(SHA256_RULE)
  sha256!: string;

  @IsOptional()
  @IsText(1000)
  description?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @ArrayUnique()
  @Matches(VERSION_RULE, {
    each: true,
    message: 'each value must match [A-Za-z0-9][A-Za-z0-9._+-]{0,63}',
  })
  upgradableFrom?: string[];
}

export class RegisteredFirmware extends FirmwareView {
  /** The file that is kept. Another one than was sent: this request is a repetition, remove the one that was sent. */
  @IsString()
  fileKey!: string;
}

export class FirmwareRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  firmwareId!: string;
}

/** Newest first. */
export class ListFirmwares extends PageRequest {
  /** Id or name. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  firmwareType?: string;

  @IsOptional()
  @IsString()
  @Length(1, 64)
  deviceTypeId?: string;
}

export class FirmwarePage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => FirmwareView)
  items!: FirmwareView[];
}

/** What is absent stays. */
export class FirmwareEdit {
  /** null removes it. */
  @IsOptional()
  @NullRemoves()
  @IsText(1000)
  description?: string | null;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @ArrayUnique()
  @Matches(VERSION_RULE, {
    each: true,
    message: 'each value must match [A-Za-z0-9][A-Za-z0-9._+-]{0,63}',
  })
  upgradableFrom?: string[];

  @IsOptional()
  @ValidateNested()
  @Type(() => Rollout)
  rollout?: Rollout;
}

export class EditFirmware extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  firmwareId!: string;

  @ValidateNested()
  @Type(() => FirmwareEdit)
  edit!: FirmwareEdit;
}

export class DeleteFirmware extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  firmwareId!: string;
}

/** Of no tenant: the token is all that a device shows. */
export class ResolveDownload {
  @IsString()
  @Length(1, 128)
  token!: string;

  /** As the URL names it: another firmware's token does not open it. */
  @IsString()
  @Length(1, 64)
  firmwareId!: string;
}

/** A file in the store, for an edge that sends it. */
export class FileToSend {
  @IsString()
  tenantId!: string;

  @IsString()
  fileKey!: string;

  /** Bytes. */
  @IsInt()
  size!: number;

  @IsString()
  sha256!: string;

  /** What the receiver may call it. */
  @IsString()
  name!: string;
}

/** The same file key again, or the same idempotency key with the same file content: the first answer again. */
export const registerFirmware = defineRequest({
  subject: 'muster.v1.service.firmware.firmware.register',
  request: RegisterFirmware,
  reply: RegisteredFirmware,
  errors: [
    'firmware-type-not-found',
    'firmware-not-found',
    'firmware-version-taken',
    'invalid-request',
    'idempotency-key-reused',
    'concurrent-change',
  ],
  idempotent: true,
});

export const getFirmware = defineRequest({
  subject: 'muster.v1.service.firmware.firmware.get',
  request: FirmwareRef,
  reply: FirmwareView,
  errors: ['firmware-not-found'],
  idempotent: true,
});

export const listFirmwares = defineRequest({
  subject: 'muster.v1.service.firmware.firmware.list',
  request: ListFirmwares,
  reply: FirmwarePage,
  errors: ['firmware-type-not-found', 'invalid-request'],
  idempotent: true,
});

export const editFirmware = defineRequest({
  subject: 'muster.v1.service.firmware.firmware.edit',
  request: EditFirmware,
  reply: FirmwareView,
  errors: ['firmware-not-found', 'invalid-request', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

/** Its download tokens stop working at once, its file is removed soon after, its version may be used again. */
export const deleteFirmware = defineRequest({
  subject: 'muster.v1.service.firmware.firmware.delete',
  request: DeleteFirmware,
  reply: Done,
  errors: ['firmware-not-found', 'version-mismatch', 'concurrent-change'],
  idempotent: true,
});

/**
 * `not-allowed`: unknown, expired, revoked, of another or a deleted firmware, or of a device that was deleted or of which a
 * token or secret was suspended or revoked since.
 */
export const resolveDownload = defineRequest({
  subject: 'muster.v1.service.firmware.download.resolve',
  request: ResolveDownload,
  reply: FileToSend,
  errors: ['not-allowed'],
  idempotent: true,
});
