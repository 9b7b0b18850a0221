import { Controller, Delete, Get, Inject, Param, Patch, Post, Put } from '@nestjs/common';
import { IsInt, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { IsText, IsTime, type Done, type JsonObject } from '@muster/contracts';
import {
  changeDesired,
  eraseConfigurationHistory,
  getConfiguration,
  listConfigurationHistory,
  reofferConfiguration,
  type ConfigurationView,
  type DesiredChanged,
  type HistoryPage,
} from '@muster/contracts/configuration/requests';
import { type Asking, ASKING } from '../providers.js';
import { ObjectBody, OptionalBody } from '../http/body.js';
import { Changing, Reading, Who, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { CursorQuery } from '../http/page-query.js';

/** One of them at most. */
export class PastQuery {
  /** As in the history: after that event. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(2_147_483_647)
  version?: number;

  @IsOptional()
  @IsTime()
  at?: string;
}

export class HistoryQuery extends CursorQuery {
  @IsOptional()
  @IsString()
  @Length(1, 255)
  key?: string;

  /** Inclusive. */
  @IsOptional()
  @IsTime()
  from?: string;

  /** Exclusive. */
  @IsOptional()
  @IsTime()
  to?: string;
}

export class ReofferInput {
  @IsOptional()
  @IsText(500)
  reason?: string;
}

@Controller('api/v1/devices/:id/configuration')
export class ConfigurationController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get()
  @Operation({
    summary: 'Desired and reported values of a device, as they are or as they were',
    asks: [getConfiguration],
    query: PastQuery,
  })
  getConfiguration(
    @Param('id') deviceId: string,
    @CheckedQuery(PastQuery) { version, at }: PastQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<ConfigurationView> {
    return this.bus.request(getConfiguration, { ...reading, deviceId, version, at });
  }

  @Patch('desired')
  @Operation({
    summary: 'Merge into the desired values; null takes back a value, and lets its default in again',
    asks: [changeDesired],
    body: 'object',
  })
  mergeDesired(
    @Param('id') deviceId: string,
    @ObjectBody() desired: JsonObject,
    @Changing() changing: Caller,
  ): Promise<DesiredChanged> {
    return this.bus.request(changeDesired, { ...changing, deviceId, mode: 'merge', desired });
  }

  @Put('desired')
  @Operation({
    summary: "Replace all of a device's own values; defaults stay",
    asks: [changeDesired],
    body: 'object',
  })
  replaceDesired(
    @Param('id') deviceId: string,
    @ObjectBody() desired: JsonObject,
    @Changing() changing: Caller,
  ): Promise<DesiredChanged> {
    return this.bus.request(changeDesired, { ...changing, deviceId, mode: 'replace', desired });
  }

  @Post('reoffer')
  @Operation({
    summary: 'Offer the document once more, to a device that refused it or has not confirmed it',
    asks: [reofferConfiguration],
    body: ReofferInput,
    optionalBody: true,
  })
  reofferConfiguration(
    @Param('id') deviceId: string,
    @OptionalBody(ReofferInput) { reason }: ReofferInput,
    @Changing() changing: Caller,
  ): Promise<DesiredChanged> {
    return this.bus.request(reofferConfiguration, { ...changing, deviceId, reason });
  }

  @Get('history')
  @Operation({
    summary: 'What happened, newest first; not counted, because a total would have to read all of it',
    asks: [listConfigurationHistory],
    query: HistoryQuery,
  })
  listConfigurationHistory(
    @Param('id') deviceId: string,
    @CheckedQuery(HistoryQuery) { key, from, to, limit, cursor }: HistoryQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<HistoryPage> {
    return this.bus.request(listConfigurationHistory, { ...reading, deviceId, key, from, to, limit, cursor });
  }

  @Delete('history')
  @Operation({
    summary: 'Erase the history of a deleted device for good',
    asks: [eraseConfigurationHistory],
    status: 204,
  })
  eraseConfigurationHistory(
    @Param('id') deviceId: string,
    @Who() { tenantId, actor }: Caller,
  ): Promise<Done> {
    return this.bus.request(eraseConfigurationHistory, { tenantId, actor, deviceId });
  }
}
