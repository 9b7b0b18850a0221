import { Controller, Delete, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import type { Response } from 'express';
import { Done, IsTime } from '@muster/contracts';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import {
  AGGREGATES,
  IsBucket,
  IsTimeZone,
  queryBuckets,
  type Aggregate,
} from '@muster/contracts/telemetry/buckets.requests';
import {
  forgetLatest,
  getLatest,
  MAX_POINTS,
  querySamples,
  type LatestForgotten,
  type LatestValues,
  type SamplePage,
} from '@muster/contracts/telemetry/requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading, Who, type Caller } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { keysOf, wrongQuery } from './named-keys.js';
import { sendSamples, TELEMETRY_FILE, TelemetryExportQuery } from './telemetry-export.js';

/** A million samples may be read for an answer. */
const BUCKETS_MS = 10_000;

export class LatestQuery extends PageQuery {
  /** Comma separated. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  keys?: string[];

  /** One key, as it is: also one with commas in it, and the empty one. Instead of `keys`. */
  @IsOptional()
  @IsString()
  key?: string;
}

export class ForgetLatestQuery {
  /** The key, as it is: also one with commas in it, and the empty one. */
  @IsOptional()
  @IsString()
  key?: string;

  /** `true`: every key. Instead of `key`. */
  @IsOptional()
  @IsIn([true])
  @IsBoolean()
  all?: true;
}

export class SamplesQuery {
  /** Comma separated. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  keys?: string[];

  /** One key, as it is: also one with commas in it, and the empty one. Instead of `keys`. */
  @IsOptional()
  @IsString()
  key?: string;

  /** Opaque: `nextCursor` of the page before. */
  @IsOptional()
  @IsString()
  @MaxLength(1024)
  cursor?: string;

  /** Inclusive. Default: 24 hours before `to`; older samples are answered only when it is given. */
  @IsOptional()
  @IsTime()
  from?: string;

  /** Exclusive. Default: now. */
  @IsOptional()
  @IsTime()
  to?: string;

  /** Of time. Default: `asc`, the oldest first. */
  @IsOptional()
  @IsIn(['asc', 'desc'])
  order?: 'asc' | 'desc';

  /**
   * Puts the samples of the named keys together in buckets of this size: a number with `s`, `m`, `h` or `d` behind it, `366d` at
   * most. Each point has the time at which its bucket begins; a bucket without a value has none. Seconds, minutes and hours are
   * counted from 1970 in UTC, days in `timeZone`; `7d` are weeks from Monday. Buckets times keys times aggregates may be 10000.
   */
  @IsOptional()
  @IsBucket()
  bucket?: string;

  /**
   * With `bucket`: what is made of the values in each, a series for each. Default: `avg`. `avg`, `min`, `max` and `sum` are of
   * numbers, `count`, `first` and `last` of values of any kind.
   */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(AGGREGATES, { each: true })
  aggregate?: Aggregate[];

  /** With `bucket`: where days begin and end, a name of the IANA database such as `Europe/Paris`. Default: UTC. */
  @IsOptional()
  @IsTimeZone()
  timeZone?: string;

  /**
   * Samples of a page, at most, that have any of the keys; 1000 where nothing else is said. A large page ends earlier. With
   * `bucket`: points of a page, in whole buckets.
   */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_POINTS)
  limit?: number;
}

/** Telemetry knows samples, not devices: whether a device exists is asked of the registry first. */
@Controller('api/v1/devices/:id/telemetry')
export class TelemetryController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get('latest')
  @Operation({
    summary: 'The newest value of each key; without `limit` as many as fit in one answer',
    asks: [getDevice, getLatest],
    query: LatestQuery,
  })
  async getLatestTelemetry(
    @Param('id') deviceId: string,
    @CheckedQuery(LatestQuery) { limit, cursor, count, ...named }: LatestQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<LatestValues> {
    const keys = keysOf(named);
    await this.bus.request(getDevice, { ...reading, deviceId });
    return this.bus.request(getLatest, { ...reading, deviceId, keys, limit, cursor, count });
  }

  @Delete('latest')
  @Operation({
    summary:
      'Remove the latest value of a key, or of all, so that the device may have another key; its history stays',
    asks: [getDevice, forgetLatest],
    query: ForgetLatestQuery,
    status: 204,
  })
  async forgetLatestTelemetry(
    @Param('id') deviceId: string,
    @CheckedQuery(ForgetLatestQuery) { key, all }: ForgetLatestQuery,
    @Who() { tenantId, actor }: Caller,
  ): Promise<LatestForgotten> {
    if ((key === undefined) === (all === undefined)) {
      throw wrongQuery('key', 'or all=true must be given, and not both');
    }
    await this.bus.request(getDevice, { tenantId, deviceId });
    return this.bus.request(forgetLatest, {
      ...{ tenantId, actor, deviceId },
      ...(key === undefined ? {} : { keys: [key] }),
    });
  }

  @Get()
  @Operation({
    summary:
      'Samples as they were stored, or in buckets of time; of the last 24 hours unless `from` is given',
    asks: [getDevice, queryBuckets, querySamples],
    query: SamplesQuery,
  })
  async queryTelemetry(
    @Param('id') deviceId: string,
    @CheckedQuery(SamplesQuery) query: SamplesQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<SamplePage> {
    const { from, to, order, limit, cursor, bucket, aggregate: aggregates, timeZone } = query;
    const keys = keysOf(query);
    if (bucket === undefined) {
      refuseWithoutBucket(query);
      await this.bus.request(getDevice, { ...reading, deviceId });
      const asked = { ...reading, deviceId, keys, from, to, order, limit, cursor };
      return this.bus.request(querySamples, asked);
    }
    if (keys === undefined || keys.length === 0)
      throw wrongQuery('keys', 'must be given with bucket, or key for a single one');
    await this.bus.request(getDevice, { ...reading, deviceId });
    const asked = {
      ...reading,
      deviceId,
      keys,
      bucket,
      aggregates,
      timeZone,
      from,
      to,
      order,
      limit,
      cursor,
    };
    return this.bus.request(queryBuckets, asked, { timeoutMs: BUCKETS_MS });
  }

  @Get('export')
  @Operation({
    summary:
      'Samples as a file: CSV, or a JSON object on each line; of the last 24 hours unless `from` is given',
    asks: [getDevice, querySamples],
    query: TelemetryExportQuery,
    answer: Done,
  })
  @ApiResponse(TELEMETRY_FILE)
  async exportTelemetry(
    @Param('id') deviceId: string,
    @CheckedQuery(TelemetryExportQuery) query: TelemetryExportQuery,
    @Reading() reading: { tenantId: string },
    @Res() response: Response,
  ): Promise<void> {
    const keys = keysOf(query);
    await this.bus.request(getDevice, { ...reading, deviceId });
    await sendSamples(this.bus, response, { ...reading, ...query, deviceId, keys });
  }
}

/** What stands for nothing must not look as if it had been heard. */
const refuseWithoutBucket = ({ aggregate, timeZone }: SamplesQuery): void => {
  if (aggregate !== undefined) throw wrongQuery('aggregate', 'is possible with bucket only');
  if (timeZone !== undefined) throw wrongQuery('timeZone', 'is possible with bucket only');
};
