import { Controller, Get, Inject, Param } from '@nestjs/common';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { IsTime } from '@muster/contracts';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import {
  getLatest,
  MAX_POINTS,
  querySamples,
  type LatestValues,
  type SamplePage,
} from '@muster/contracts/telemetry/requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading } from '../http/caller.js';
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
}

export class SamplesQuery {
  /** Comma separated. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(500)
  @IsString({ each: true })
  keys?: string[];

  @IsOptional()
  @IsString()
  @MaxLength(1024)
  cursor?: string;

  @IsOptional()
  @IsTime()
  from?: string;

  @IsOptional()
  @IsTime()
  to?: string;

  @IsOptional()
  @IsIn(['asc', 'desc'])
  order?: 'asc' | 'desc';

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
    @CheckedQuery(LatestQuery) { keys, limit, cursor, count }: LatestQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<LatestValues> {
    await this.bus.request(getDevice, { ...reading, deviceId });
    return this.bus.request(getLatest, { ...reading, deviceId, keys, limit, cursor, count });
  }

  @Get()
  @Operation({ summary: 'Samples as they were stored', asks: [getDevice, querySamples], query: SamplesQuery })
  async queryTelemetry(
    @Param('id') deviceId: string,
    @CheckedQuery(SamplesQuery) { keys, from, to, order, limit, cursor }: SamplesQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<SamplePage> {
    await this.bus.request(getDevice, { ...reading, deviceId });
    return this.bus.request(querySamples, { ...reading, deviceId, keys, from, to, order, limit, cursor });
  }
}
