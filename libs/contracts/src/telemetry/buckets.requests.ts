import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { defineRequest } from '../contract.js';
import { IsTime, rule, TenantRequest } from '../fields.js';
import { isTimeZone, WRONG_TIME_ZONE } from '../times.js';
import { MAX_POINTS, SamplePage } from './requests.js';

/**
 * What is made of the values of a key in a bucket. `avg`, `min`, `max` and `sum` are of numbers, and a bucket without one has no
 * point of theirs; `count`, `first` and `last` are of values of any kind.
 */
export const AGGREGATES = ['avg', 'min', 'max', 'sum', 'count', 'first', 'last'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const BUCKET_PATTERN = '^[1-9]\\d{0,6}[smhd]$';
const MAX_BUCKET_SECONDS = 366 * 86_400;

export interface Bucket {
  readonly seconds: number;
  /** Days of a time zone, which may have 23 or 25 hours. */
  readonly days?: number;
}

/** `15m`; undefined: it is no size of a bucket. */
export const bucketOf = (text: string): Bucket | undefined => {
  if (!new RegExp(BUCKET_PATTERN).test(text)) return undefined;
  const count = Number(text.slice(0, -1));
  const unit = text.slice(-1) as keyof typeof UNITS; // the pattern has no other
  const seconds = count * UNITS[unit];
  if (seconds > MAX_BUCKET_SECONDS) return undefined;
  return unit === 'd' ? { seconds, days: count } : { seconds };
};

const WRONG_BUCKET = 'must be a number with s, m, h or d behind it, such as 15m, and at most 366d';

export const IsBucket = (): PropertyDecorator =>
  rule(
    'isBucket',
    (value) => (typeof value === 'string' && bucketOf(value) !== undefined ? undefined : WRONG_BUCKET),
    [BUCKET_PATTERN],
  );

export const IsTimeZone = (): PropertyDecorator =>
  rule('isTimeZone', (value) =>
    typeof value === 'string' && isTimeZone(value) ? undefined : WRONG_TIME_ZONE,
  );

/**
 * Samples of a device, put together in buckets of time. A bucket begins at `ts` of its point and holds what is from there to the
 * next one; at the ends it holds what is within `from` and `to`. Buckets without a value are not answered. Seconds, minutes and
 * hours are counted from 1970 in UTC, days from Monday, 3 January 2000 in `timeZone`, so that `7d` are weeks.
 */
export class QueryBuckets extends TenantRequest {
  @IsString()
  @Length(1, 64)
  deviceId!: string;

  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(500)
  @ArrayUnique()
  @IsString({ each: true })
  keys!: string[];

  /** `15m`. */
  @IsBucket()
  bucket!: string;

  /** Default: `avg`. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(AGGREGATES, { each: true })
  aggregates?: Aggregate[];

  /** Of days; of the IANA database. Default: UTC. */
  @IsOptional()
  @IsTimeZone()
  timeZone?: string;

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

  /** Points of a page, at most, in whole buckets. Default: as many as a query may have. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_POINTS)
  limit?: number;

  @IsOptional()
  @IsString()
  @MaxLength(1024)
  cursor?: string;
}

/**
 * A series for each key and aggregate that has points. `telemetry-query-too-large`: more points (buckets × keys × aggregates), or more
 * samples to read, than a query may have. Ask with a `timeoutMs` of 10,000.
 */
export const queryBuckets = defineRequest({
  subject: 'muster.v1.service.telemetry.bucket.query',
  request: QueryBuckets,
  reply: SamplePage,
  errors: ['invalid-request', 'telemetry-query-too-large'],
  idempotent: true,
});
