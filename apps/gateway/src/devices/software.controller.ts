import { Controller, Get, Inject, Param } from '@nestjs/common';
import { getSoftware, type SoftwareStates } from '@muster/contracts/firmware/software.requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading } from '../http/caller.js';
import { PageQuery } from '../http/page-query.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

@Controller('api/v1/devices/:id/software')
export class SoftwareController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get()
  @Operation({
    summary: 'What a device runs, was offered and refused, per firmware type',
    asks: [getSoftware],
    query: PageQuery,
  })
  getSoftware(
    @Param('id') deviceId: string,
    @CheckedQuery(PageQuery) page: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<SoftwareStates> {
    return this.bus.request(getSoftware, { ...reading, deviceId, ...page });
  }
}
