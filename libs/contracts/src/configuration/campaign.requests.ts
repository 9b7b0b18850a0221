import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsISO8601,
  IsObject,
  IsOptional,
  IsString,
  Length,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { AnyJson, Described, JSON_VALUE, ValuesAre } from '../described.js';
import {
  Actor,
  BulkOutcome,
  IsText,
  IsTime,
  ItemOutcome,
  TenantRequest,
  type JsonObject,
  type JsonValue,
} from '../fields.js';
import { EXPECTED_FROM, type ExpectedFrom } from './expected-from.js';
import { VALUE_ORIGINS, type ValueOrigin } from './requests.js';

// What campaigns and supervisions ask of many devices at once: to be changed, how they stand, to be offered again what they have.

/** As many devices as one message names. */
export const MAX_STATES = 500;
/** Keys that one question about them names. */
export const MAX_STATE_KEYS = 2_000;
export const MAX_COMPARED = 5_000;
/** Device types whose rules are asked for at once. */
export const MAX_CHECKED_TYPES = 100;
/** Others whose wishes one change may write over. */
export const MAX_OVERRULED = 1_000;

class ManyDevices extends TenantRequest {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_STATES)
  @ArrayUnique()
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  deviceIds!: string[];
}

/** The same change of up to 500 devices, each decided for itself. */
export class ChangeDesiredMany extends TenantRequest {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  /** Chosen by the caller, unique in the tenant: the same one again changes nothing and gets the first answer, for 24 hours. */
  @IsString()
  @Length(1, 200)
  operationId!: string;

  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ArrayUnique()
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  deviceIds!: string[];

  /** As in a change of one device; `set`: each key that is named gets exactly this value, null takes it back. */
  @IsIn(['merge', 'replace', 'set'])
  mode!: 'merge' | 'replace' | 'set';

  @IsObject()
  desired!: Record<string, JsonValue>;

  /** In place of `desired`, which is then empty: the values of each device, in the order of `deviceIds`. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsObject({ each: true })
  desiredOf?: Record<string, JsonValue>[];

  /**
   * A device is left as it is, and its outcome is `desired-changed`, where somebody else than `actor` gave one of the keys
   * another value, or took it away, after this time.
   */
  @IsOptional()
  @IsTime()
  unlessChangedSince?: string;

  /** With `unlessChangedSince`: what these changed after that time is written over all the same. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_OVERRULED)
  @ValidateNested({ each: true })
  @Type(() => Actor)
  overruled?: Actor[];

  /**
   * Only keys whose value, or whose being without one, is this one's wish are changed. None is: the outcome is
   * `desired-changed`.
   */
  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  onlyWhereBy?: Actor;

  /** Whether the outcome tells what the device had before. */
  @IsOptional()
  @IsBoolean()
  tellPrevious?: boolean;

  @IsOptional()
  @IsText(500)
  reason?: string;
}

/** What became of one device: either `changed`, `version` and `configId`, or `code` and `detail`. */
export class DesiredOutcome extends ItemOutcome {
  @IsString()
  deviceId!: string;

  /** False: it had these values already. */
  @IsOptional()
  @IsBoolean()
  changed?: boolean;

  @IsOptional()
  @IsInt()
  version?: number;

  @IsOptional()
  @IsString()
  configId?: string;

  /**
   * True: its document is due now, so an interface that sends it tells when it has (`ConfigurationDispatched`). Absent: nothing
   * follows by itself.
   */
  @IsOptional()
  @IsBoolean()
  due?: boolean;

  /** With `tellPrevious`: key → its own desired value before, null: it had none of its own. Of the keys that were named. */
  @IsOptional()
  @ValuesAre(JSON_VALUE)
  @IsObject()
  previous?: Record<string, JsonValue>;
}

/** In the order of the request. */
export class DesiredOutcomes {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DesiredOutcome)
  outcomes!: DesiredOutcome[];
}

export class ReadDeviceStates extends ManyDevices {
  /** Of the configuration: what is said of any other key is left out of the reply. Absent: of all keys. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_STATE_KEYS)
  @IsString({ each: true })
  @Length(1, 255, { each: true })
  keys?: string[];
}

/** A desired value in effect, and whose wish it is. */
export class DesiredValue {
  @AnyJson()
  value!: JsonValue;

  @IsIn(VALUE_ORIGINS)
  origin!: ValueOrigin;

  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  by!: Actor;
}

/** A key that has no desired value any more: who took it away, and when. */
export class WithdrawnValue {
  @IsISO8601()
  at!: string;

  @ValidateNested()
  @Type(() => Actor)
  by!: Actor;
}

/**
 * What is known of the device's own value. By `statedAt` at or after `at` the device has said it itself; otherwise it is
 * known only because the device applied a document that holds it.
 */
export class ReportedValue {
  @AnyJson()
  value!: JsonValue;

  /** When it became this value. */
  @IsISO8601()
  at!: string;

  /**
   * When the device itself said a value of this key: the last time that it changed, or the first time after it was sent its
   * document, be it the same. Absent: it never has.
   */
  @IsOptional()
  @IsISO8601()
  statedAt?: string;
}

export class Sent {
  @IsString()
  configId!: string;

  /** False: the last time there was nobody to take it. */
  @IsBoolean()
  subscriber!: boolean;

  @IsISO8601()
  at!: string;

  /** When this document first had somebody to take it, since it was last offered. Absent: never. */
  @IsOptional()
  @IsISO8601()
  reachedAt?: string;
}

const REJECTED = {
  properties: { statusCode: { type: 'integer' }, reasonPhrase: { type: 'string' } },
  required: ['statusCode'],
};

/** The device's last word on the document that it should have. */
export class Confirmed {
  @IsISO8601()
  at!: string;

  /** Absent: it has applied the document. */
  @IsOptional()
  @Described(() => REJECTED)
  @IsObject()
  rejection?: { statusCode: number; reasonPhrase?: string };
}

export class DeviceState {
  @IsString()
  deviceId!: string;

  /** True: the device was deleted. */
  @IsBoolean()
  ended!: boolean;

  /** Of the device's stream; 0: nothing was ever configured or reported. A lower one is older. */
  @IsInt()
  version!: number;

  /** Of the document that it should have; "" as long as nothing was ever configured. */
  @IsString()
  configId!: string;

  @ValuesAre(DesiredValue)
  @IsObject()
  desired!: Record<string, DesiredValue>;

  /** The latest 64 keys that lost their desired value. */
  @ValuesAre(WithdrawnValue)
  @IsObject()
  withdrawn!: Record<string, WithdrawnValue>;

  @ValuesAre(ReportedValue)
  @IsObject()
  reported!: Record<string, ReportedValue>;

  /** Absent: it was never sent a document. It may be another than the one that it should have. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Sent)
  sent?: Sent;

  /** False: the device has asked not to be sent its document; it fetches it. Absent: it is sent it. */
  @IsOptional()
  @IsBoolean()
  observe?: boolean;

  /** Absent: it has said nothing of the document that it should have, since that was last offered. */
  @IsOptional()
  @ValidateNested()
  @Type(() => Confirmed)
  confirmed?: Confirmed;
}

/** Key → value, of those that are the device's own and no defaults. */
export const ownValuesOf = ({ desired }: DeviceState): JsonObject =>
  Object.fromEntries(
    Object.entries(desired).flatMap(([key, { value, origin }]) =>
      origin === 'device' ? [[key, value]] : [],
    ),
  );

/** In the order of the request. Of a device that nobody knows, nothing was ever configured. */
export class DeviceStates {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => DeviceState)
  states!: DeviceState[];

  /** These did not fit in the reply: ask again with them. Absent: all did. */
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  askAgain?: string[];
}

/** The clock is the service's own: what anybody changes after the reply has a later time. */
export class CompareConfigurations extends TenantRequest {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_COMPARED)
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  deviceIds!: string[];

  /** Key → desired value in effect, a default too; null: it has none of its own. */
  @ValuesAre(JSON_VALUE)
  @IsObject()
  configurations!: Record<string, JsonValue>;

  /** Key → reported value. Without any: every value of `configurations` must be reported, too. */
  @ValuesAre(JSON_VALUE)
  @IsObject()
  expectedStates!: Record<string, JsonValue>;

  /** `stated`: what is only known because a document was applied does not count. Absent: it does. */
  @IsOptional()
  @IsIn(EXPECTED_FROM)
  expectedFrom?: ExpectedFrom;
}

export class ComparedConfigurations {
  /** When the comparison began, by the clock that the times of desired values come from. */
  @IsISO8601()
  asOf!: string;

  /** Those of the devices that have all of it already. */
  @IsArray()
  @IsString({ each: true })
  compliant!: string[];
}

export class ReofferMany extends ManyDevices {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  /** Chosen by the caller, unique in the tenant: the same one again changes nothing and gets the first answer, for 24 hours. */
  @IsString()
  @Length(1, 200)
  operationId!: string;

  @IsOptional()
  @IsText(500)
  reason?: string;
}

/**
 * Outcomes: `device-not-found`, `invalid-configuration`, `configuration-too-large`, `desired-changed`; `concurrent-change`
 * and `unavailable` are worth another try, which takes another operationId.
 */
export const changeDesiredMany = defineRequest({
  subject: 'muster.v1.service.configuration.desired.change-many',
  request: ChangeDesiredMany,
  reply: DesiredOutcomes,
  errors: ['idempotency-key-reused', 'concurrent-change', 'invalid-request'],
  idempotent: true,
});

/**
 * How devices stand: what they should have and by whose wish, what they say, what they were sent and answered. All of a
 * device is of one moment.
 */
export const readDeviceStates = defineRequest({
  subject: 'muster.v1.service.configuration.states.read',
  request: ReadDeviceStates,
  reply: DeviceStates,
  errors: [],
  idempotent: true,
});

/** A key of the values, with the place in its value, and the rule. */
export class ValueFault {
  @IsString()
  path!: string;

  @IsString()
  message!: string;
}

export class CheckValues extends TenantRequest {
  /** Names. */
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_CHECKED_TYPES)
  @IsString({ each: true })
  @Length(1, 64, { each: true })
  deviceTypes!: string[];

  /** Key → value; null: none of its own. */
  @ValuesAre(JSON_VALUE)
  @IsObject()
  desired!: Record<string, JsonValue>;
}

export class RefusedValues {
  /** Name. */
  @IsString()
  deviceType!: string;

  /** By key. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ValueFault)
  errors!: ValueFault[];
}

export class CheckedValues {
  /** Types whose rules refuse some of the values for every one of their devices. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => RefusedValues)
  refused!: RefusedValues[];
}

/** What device types say of values before they are written to any device. A type that is not there refuses nothing. */
export const checkValues = defineRequest({
  subject: 'muster.v1.service.configuration.values.check',
  request: CheckValues,
  reply: CheckedValues,
  errors: [],
  idempotent: true,
});

/** Which devices have these values already. Values are compared as JSON: 1 is 1.0, the order of members says nothing. */
export const compareConfigurations = defineRequest({
  subject: 'muster.v1.service.configuration.states.compare',
  request: CompareConfigurations,
  reply: ComparedConfigurations,
  errors: [],
  idempotent: true,
});

/**
 * `reofferConfiguration` of many. Nothing happens to a device that has applied its document, or is on offer and was not
 * sent it since. Outcomes: `device-not-found`.
 */
export const reofferMany = defineRequest({
  subject: 'muster.v1.service.configuration.document.reoffer-many',
  request: ReofferMany,
  reply: BulkOutcome,
  errors: ['idempotency-key-reused', 'concurrent-change'],
  idempotent: true,
});
