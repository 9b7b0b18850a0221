import { Controller, Get, Inject } from '@nestjs/common';
import { IsOptional } from 'class-validator';
import { IsFilter } from '@muster/contracts';
import { summarizeFleet, type FleetSummary } from '@muster/contracts/device-registry/filters.requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

/** Every device is counted, and a filter may take seconds before it is refused as too slow. */
const ANSWER_MS = 10_000;

export class FleetQuery {
  /** Default: all devices. */
  @IsOptional()
  @IsFilter()
  filter?: string;
}

@Controller('api/v1/fleet')
export class FleetController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get('summary')
  @Operation({
    summary: 'How many devices a filter means, by what they are',
    asks: [summarizeFleet],
    query: FleetQuery,
  })
  getFleetSummary(
    @CheckedQuery(FleetQuery) { filter }: FleetQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<FleetSummary> {
    return this.bus.request(summarizeFleet, { ...reading, filter }, { timeoutMs: ANSWER_MS });
  }
}
