import { Controller, Inject, Post } from '@nestjs/common';
import {
  BulkChangeInput,
  startBulkChange,
  type JobStarted,
} from '@muster/contracts/configuration/bulk.requests';
import { type Asking, ASKING } from '../providers.js';
import { jobLocation } from '../http/answer-rules.js';
import { CheckedBody } from '../http/body.js';
import { Creating, type Caller } from '../http/caller.js';
import { Operation } from '../openapi/operation.js';

/** A filter may take seconds before it is refused as too slow. */
const TIMEOUT_MS = 12_000;

@Controller('api/v1/configuration/bulk')
export class BulkChangesController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Change the desired values of many devices, as a job',
    asks: [startBulkChange],
    body: BulkChangeInput,
    status: 202,
    location: jobLocation,
  })
  startBulkChange(
    @CheckedBody(BulkChangeInput) bulkChange: BulkChangeInput,
    @Creating() creating: Caller,
  ): Promise<JobStarted> {
    return this.bus.request(startBulkChange, { ...creating, bulkChange }, { timeoutMs: TIMEOUT_MS });
  }
}
