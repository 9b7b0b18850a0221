import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { NullRemoves } from '../described.js';
import { MAX_TOKEN_BYTES } from '../endpoint-token.js';
import {
  ChangeRequest,
  CreateRequest,
  Done,
  IsText,
  METADATA_KEY_RULE,
  NAME_MESSAGE,
  NAME_RULE,
  Page,
  PageRequest,
  rule,
  TenantRequest,
} from '../fields.js';

export class AppVersionInput {
  /** A level of every topic, so unique in the whole system, not only in the tenant. */
  @Matches(NAME_RULE, NAME_MESSAGE)
  name!: string;
}

/** What the devices of a type may do with a metadata key. Operators may do everything. */
export class MetadataKeyRule {
  /** Default: true. */
  @IsOptional()
  @IsBoolean()
  readable?: boolean;

  /** Default: true. */
  @IsOptional()
  @IsBoolean()
  writable?: boolean;
}

const MAX_METADATA_RULES = 100;

const wrongMetadataRule = (rules: unknown): string | undefined => {
  if (typeof rules !== 'object' || rules === null || Array.isArray(rules)) return 'must be an object';
  const entries = Object.entries(rules);
  if (entries.length > MAX_METADATA_RULES) return `must not name more than ${MAX_METADATA_RULES} keys`;
  for (const [key, rule] of entries) {
    if (!METADATA_KEY_RULE.test(key)) return 'must have keys that match [a-zA-Z0-9_]{1,64}';
    if (!isMetadataRule(rule)) return `.${key} must be {readable?: boolean, writable?: boolean}`;
  }
  return undefined;
};

const isMetadataRule = (rule: unknown): boolean =>
  typeof rule === 'object' &&
  rule !== null &&
  !Array.isArray(rule) &&
  Object.entries(rule).every(
    ([name, value]) => (name === 'readable' || name === 'writable') && typeof value === 'boolean',
  );

/** By hand: class-validator has no rule for an object with keys of the caller's own. */
const AreMetadataRules = (): PropertyDecorator => rule('areMetadataRules', wrongMetadataRule);

const TIMESTAMP_PATH_RULE = /^[A-Za-z0-9_]{1,64}(\.[A-Za-z0-9_]{1,64}){0,7}$/;
const TIMESTAMP_PATH_MESSAGE = { message: '$property must be a dotted path such as meta.time' };

export const TIMESTAMP_UNITS = ['milliseconds', 'seconds'] as const;
export type TimestampUnit = (typeof TIMESTAMP_UNITS)[number];

export const UNSET_CLOCKS = ['refuse', 'skip', 'arrival'] as const;
export type UnsetClock = (typeof UNSET_CLOCKS)[number];

export class DeviceTypeSettings {
  /** Accept `dcx/{token}/plain/{metric}`. Default: off. */
  @IsOptional()
  @IsBoolean()
  plainTelemetry?: boolean;

  /** Over HTTP the endpoint token is enough; a device's secret then need not be sent. Default: off. */
  @IsOptional()
  @IsBoolean()
  httpTokenOnly?: boolean;

  /**
   * Characters that an endpoint token must have which a caller gives; generated ones have 24. Whoever guesses a token is the
   * device: lower it only for devices whose tokens are what they are. Default: 8.
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_TOKEN_BYTES)
  minTokenLength?: number;

  /**
   * Over MQTT all that is said to a device arrives without SUBSCRIBE, from its first topic on: answers, configuration, commands
   * and software. For clients that take it for granted. Default: off.
   */
  @IsOptional()
  @IsBoolean()
  deliverWithoutSubscribe?: boolean;

  /** Dotted path of a sample's own time (`ts`, `meta.time`): ISO 8601 or Unix time. Default: `ts`. */
  @IsOptional()
  @Matches(TIMESTAMP_PATH_RULE, TIMESTAMP_PATH_MESSAGE)
  timestampPath?: string;

  /** What a number at that path counts since 1970. Default: `milliseconds`. */
  @IsOptional()
  @IsIn(TIMESTAMP_UNITS)
  timestampUnit?: TimestampUnit;

  /**
   * What becomes of a sample whose time is before 2000 or more than a day ahead, as of a clock that is not set: its message is
   * refused whole (`refuse`, the default), it is left out alone and named in the answer (`skip`), or its arrival counts (`arrival`).
   */
  @IsOptional()
  @IsIn(UNSET_CLOCKS)
  unsetClock?: UnsetClock;

  /** Devices that enrol by themselves wait until an operator has made them active. Default: off. */
  @IsOptional()
  @IsBoolean()
  enrolmentNeedsApproval?: boolean;

  /** By metadata key: what devices may do with it. Replaced as a whole by an edit. */
  @IsOptional()
  @AreMetadataRules()
  metadataKeys?: Record<string, MetadataKeyRule>;

  /** The same for all keys `metadataKeys` does not name: `{readable: false, writable: false}` makes it the list of allowed keys. */
  @IsOptional()
  @ValidateNested()
  @Type(() => MetadataKeyRule)
  undeclaredMetadataKeys?: MetadataKeyRule;
}

/** The same in an edit, where null puts a default back. */
export class DeviceTypeSettingsEdit {
  @IsOptional()
  @NullRemoves()
  @IsBoolean()
  plainTelemetry?: boolean | null;

  @IsOptional()
  @NullRemoves()
  @IsBoolean()
  httpTokenOnly?: boolean | null;

  @IsOptional()
  @NullRemoves()
  @IsInt()
  @Min(1)
  @Max(MAX_TOKEN_BYTES)
  minTokenLength?: number | null;

  /** Set, it holds from the next topic of a client on; put back, for clients that connect from then on. */
  @IsOptional()
  @NullRemoves()
  @IsBoolean()
  deliverWithoutSubscribe?: boolean | null;

  @IsOptional()
  @NullRemoves()
  @Matches(TIMESTAMP_PATH_RULE, TIMESTAMP_PATH_MESSAGE)
  timestampPath?: string | null;

  @IsOptional()
  @NullRemoves()
  @IsIn(TIMESTAMP_UNITS)
  timestampUnit?: TimestampUnit | null;

  @IsOptional()
  @NullRemoves()
  @IsIn(UNSET_CLOCKS)
  unsetClock?: UnsetClock | null;

  @IsOptional()
  @NullRemoves()
  @IsBoolean()
  enrolmentNeedsApproval?: boolean | null;

  /** Replaced as a whole. */
  @IsOptional()
  @NullRemoves()
  @AreMetadataRules()
  metadataKeys?: Record<string, MetadataKeyRule> | null;

  @IsOptional()
  @NullRemoves()
  @ValidateNested()
  @Type(() => MetadataKeyRule)
  undeclaredMetadataKeys?: MetadataKeyRule | null;
}

export class DeviceTypeInput {
  @Matches(NAME_RULE, NAME_MESSAGE)
  name!: string;

  @IsOptional()
  @IsText(1000)
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
  @NullRemoves()
  @IsText(1000)
  description?: string | null;

  /** Replaces the settings named, leaves the others; null in one: its default again. */
  @IsOptional()
  @ValidateNested()
  @Type(() => DeviceTypeSettingsEdit)
  settings?: DeviceTypeSettingsEdit;
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

export class DeviceTypeList extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceTypeView)
  items!: DeviceTypeView[];
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

export class ListDeviceTypes extends PageRequest {}

export class AppVersionPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => AppVersionView)
  items!: AppVersionView[];
}

/** Oldest first. */
export class ListAppVersions extends PageRequest {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  deviceType!: string;
}

export class AppVersionRef extends DeviceTypeRef {
  /** Id or name. */
  @IsString()
  @Length(1, 64)
  appVersion!: string;
}

export class DeleteAppVersion extends ChangeRequest {
  @IsString()
  @Length(1, 64)
  deviceType!: string;

  /** Id or name. */
  @IsString()
  @Length(1, 64)
  appVersion!: string;
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

export const listAppVersions = defineRequest({
  subject: 'muster.v1.service.device-registry.app-version.list',
  request: ListAppVersions,
  reply: AppVersionPage,
  errors: ['device-type-not-found', 'invalid-request'],
  idempotent: true,
});

export const getAppVersion = defineRequest({
  subject: 'muster.v1.service.device-registry.app-version.get',
  request: AppVersionRef,
  reply: AppVersionView,
  errors: ['device-type-not-found', 'app-version-not-found'],
  idempotent: true,
});

/** Refused while devices have it, and for the only one of its type. Its name may then be used again. */
export const deleteAppVersion = defineRequest({
  subject: 'muster.v1.service.device-registry.app-version.delete',
  request: DeleteAppVersion,
  reply: Done,
  errors: [
    'device-type-not-found',
    'app-version-not-found',
    'app-version-in-use',
    'version-mismatch',
    'concurrent-change',
  ],
  idempotent: true,
});
