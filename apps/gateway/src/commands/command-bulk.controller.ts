import { Controller, Inject, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import {
  CommandBulkInput,
  previewCommandBulk,
  startCommandBulk,
} from '@muster/contracts/commands/bulk.requests';
import type { TargetPreview } from '@muster/contracts/device-registry/targets.requests';
import type { JobStarted } from '@muster/contracts/jobs/requests';
import { type Asking, ASKING } from '../providers.js';
import { jobLocation } from '../http/answer-rules.js';
import { CheckedBody } from '../http/body.js';
import { Creating, type Caller } from '../http/caller.js';
import { PREVIEWED, PreviewQuery } from '../http/preview.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';

/** A filter may take seconds before it is refused as too slow. */
const TIMEOUT_MS = 12_000;

@Controller('api/v1/commands/bulk')
export class CommandBulkController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Create the same command for many devices, as a job',
    asks: [startCommandBulk],
    body: CommandBulkInput,
    query: PreviewQuery,
    status: 202,
    also: PREVIEWED,
    location: jobLocation,
  })
  async startCommandBulk(
    @CheckedBody(CommandBulkInput) bulk: CommandBulkInput,
    @CheckedQuery(PreviewQuery) { preview }: PreviewQuery,
    @Creating() creating: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<JobStarted | TargetPreview> {
    const timeoutMs = TIMEOUT_MS;
    if (preview !== true) return this.bus.request(startCommandBulk, { ...creating, bulk }, { timeoutMs });
    const { tenantId } = creating;
    const found = await this.bus.request(previewCommandBulk, { tenantId, bulk }, { timeoutMs });
    response.status(200);
    return found;
  }
}
