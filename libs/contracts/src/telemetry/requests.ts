import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  Length,
  Max,
  MaxLength,
  Min,
  registerDecorator,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { AnyJson, Described, JSON_VALUE, type RefTo } from '../described.js';
import { Actor, BulkOutcome, IsTime, Page, PageRequest, TenantRequest, type JsonValue } from '../fields.js';

/** The earliest time of a sample, Unix microseconds: a device whose clock was never set starts at 1970. */
export const EARLIEST_SAMPLE_AT = Date.UTC(2000, 0, 1) * 1_000;
/** How far ahead of us a device's clock may be, in microseconds: a day. */
export const SAMPLE_AHEAD_MICROS = 86_400_000_000;

/** Why no sample can be of that time; undefined: it can. */
export const wrongSampleTime = (at: number, nowMicros: number): string | undefined => {
  const latest = nowMicros + SAMPLE_AHEAD_MICROS;
  if (at >= EARLIEST_SAMPLE_AT && at <= latest) return undefined;
  const [from, to] = [EARLIEST_SAMPLE_AT, latest].map((micros) =>
    new Date(Math.floor(micros / 1_000)).toISOString(),
  );
  return `must be a time from ${from} to ${to}, a day ahead`;
};

/** One sample of a device's message. */
export interface Sample {
  /** The device's own time, Unix microseconds; null: it gave none, `receivedAt` of the message stands for it. */
  readonly at: number | null;
  /** Any JSON value; only an object has series that can be queried by key. */
  readonly data: JsonValue;
}

/** One message of a device: one or more samples that are stored together or not at all. */
export interface TelemetryMessage {
  readonly tenantId: string;
  readonly deviceId: string;
  /** Name of the application version in the topic. */
  readonly appVersion: string;
  /** Arrival at the adapter, Unix microseconds; unique within an adapter, so that equal readings stay apart. */
  readonly receivedAt: number;
  /**
   * The broker says it may have delivered this before (AMQP `redelivered`), and `receivedAt` may have been another then. Samples without a time of their own are then
   * compared with what was stored lately.
   */
  readonly redelivered: boolean;
  /**
   * The client says it may have sent this before (MQTT DUP): another message in the queue, compared likewise, and with
   * the samples before it in the request. False where the broker does not tell.
   */
  readonly duplicate: boolean;
  readonly samples: readonly Sample[];
}

export const MAX_TELEMETRY_MESSAGES = 500;

const isSample = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'data' in value &&
  'at' in value &&
  (value.at === null || Number.isSafeInteger(value.at));

const isTelemetryMessage = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Partial<Record<keyof TelemetryMessage, unknown>>;
  return (
    typeof message.tenantId === 'string' &&
    typeof message.deviceId === 'string' &&
    typeof message.appVersion === 'string' &&
    Number.isSafeInteger(message.receivedAt) &&
    typeof message.redelivered === 'boolean' &&
    typeof message.duplicate === 'boolean' &&
    Array.isArray(message.samples) &&
    message.samples.every(isSample)
  );
};

/** Checked by hand: class-validator takes 6 µs an object, and this is the one request that carries thousands a second. */
const AreTelemetryMessages = (): PropertyDecorator => (target, propertyName) => {
  registerDecorator({
    name: 'areTelemetryMessages',
    target: target.constructor,
    propertyName: String(propertyName),
    validator: {
      validate: (value: unknown) => Array.isArray(value) && value.every(isTelemetryMessage),
      defaultMessage: () => 'messages must be telemetry messages',
    },
  });
};

export class StoreSamples {
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(MAX_TELEMETRY_MESSAGES)
  @AreTelemetryMessages()
  messages!: TelemetryMessage[];
}

export class LatestValue {
  @IsString()
  key!: string;

  @IsOptional()
  @AnyJson()
  value!: JsonValue;

  @IsISO8601()
  ts!: string;
}

/** By key. Default of `limit`: as many as fit in a message of the bus. */
export class GetLatest extends PageRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Default: all. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  keys?: string[];
}

/** A page may hold fewer than `limit`: it must fit in a message of the bus. */
export class LatestValues extends Page {
  /** By key. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => LatestValue)
  items!: LatestValue[];
}

export const MAX_POINTS = 10_000;

/** Which latest values an operator removes. */
export class ForgetLatest extends TenantRequest {
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Texts as devices may send them, so any. Default: all. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  keys?: string[];
}

export class LatestForgotten {
  /** Keys that the device has no latest value of any more. */
  @IsInt()
  removed!: number;
}

/**
 * Raw samples of a device in time order. A page has `limit` of them, or fewer when it would be too large for a message of the
 * bus, or when 100,000 were read for it.
 */
export class QuerySamples extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  /** Default: all keys of the samples found. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  keys?: string[];

  /** Inclusive. Default: 24 hours before `to`. */
  @IsOptional()
  @IsTime()
  from?: string;

  /** Exclusive. Default: now. */
  @IsOptional()
  @IsTime()
  to?: string;

  /** Default `asc`. */
  @IsOptional()
  @IsIn(['asc', 'desc'])
  order?: 'asc' | 'desc';

  /** Samples in one page that have any of the keys. Default 1,000. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_POINTS)
  limit?: number;

  /** Opaque: `nextCursor` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  cursor?: string;
}

const pointOf = (refTo: RefTo): object => ({
  type: 'array',
  prefixItems: [{ type: 'string', format: 'date-time' }, refTo(JSON_VALUE)],
  minItems: 2,
  maxItems: 2,
});

export class Series {
  @IsString()
  key!: string;

  /** What the points are of their buckets; absent: they are samples. */
  @IsOptional()
  @IsString()
  aggregate?: string;

  /** `[ISO time, value]`, in time order. */
  @Described((refTo) => ({ items: pointOf(refTo) }))
  @IsArray()
  points!: [string, JsonValue][];
}

export class SamplePage {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Series)
  series!: Series[];

  @ValidateIf((page: SamplePage) => page.nextCursor !== null)
  @IsString()
  nextCursor!: string | null;
}

/**
 * Answered after the commit. One outcome per message; `sample-time-out-of-range` is final, everything else is worth
 * another try. Sent twice: stored once (key: device, time, content).
 */
export const storeSamples = defineRequest({
  subject: 'muster.v1.service.telemetry.sample.store',
  request: StoreSamples,
  reply: BulkOutcome,
  errors: [],
  idempotent: true,
});

export const getLatest = defineRequest({
  subject: 'muster.v1.service.telemetry.latest.get',
  request: GetLatest,
  reply: LatestValues,
  errors: ['invalid-request'],
  idempotent: true,
});

/**
 * Makes room where a device has as many keys as it may have. Its history stays. A key that the device sends again has a latest
 * value again.
 */
export const forgetLatest = defineRequest({
  subject: 'muster.v1.service.telemetry.latest.forget',
  request: ForgetLatest,
  reply: LatestForgotten,
  errors: [],
  idempotent: true,
});

export const querySamples = defineRequest({
  subject: 'muster.v1.service.telemetry.sample.query',
  request: QuerySamples,
  reply: SamplePage,
  errors: ['invalid-request'],
  idempotent: true,
});
