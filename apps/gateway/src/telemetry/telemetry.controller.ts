import { Controller, Delete, Get, Inject, Param } from '@nestjs/common';
import {
  ArrayMaxSize,
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
import { AppError, IsTime } from '@muster/contracts';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
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

  /** Samples of a page, at most, that have any of the keys; 1000 where nothing else is said. A large page ends earlier. */
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
      const message = 'or all=true must be given, and not both';
      throw new AppError('invalid-request', `The query: key ${message}`, {
        errors: [{ path: 'key', message }],
      });
    }
    await this.bus.request(getDevice, { tenantId, deviceId });
    return this.bus.request(forgetLatest, {
      ...{ tenantId, actor, deviceId },
      ...(key === undefined ? {} : { keys: [key] }),
    });
  }

  @Get()
  @Operation({
    summary: 'Samples as they were stored, of the last 24 hours unless `from` is given',
    asks: [getDevice, querySamples],
    query: SamplesQuery,
  })
  async queryTelemetry(
    @Param('id') deviceId: string,
    @CheckedQuery(SamplesQuery) { from, to, order, limit, cursor, ...named }: SamplesQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<SamplePage> {
    const keys = keysOf(named);
    await this.bus.request(getDevice, { ...reading, deviceId });
    return this.bus.request(querySamples, { ...reading, deviceId, keys, from, to, order, limit, cursor });
  }
}

const keysOf = ({ key, keys }: Pick<LatestQuery, 'key' | 'keys'>): string[] | undefined => {
  if (key === undefined) return keys;
  if (keys === undefined) return [key];
  const message = 'must not be given beside keys';
  throw new AppError('invalid-request', `The query: key ${message}`, { errors: [{ path: 'key', message }] });
};
