import { Controller, Inject, Post, Res } from '@nestjs/common';
import type { Response } from 'express';
import {
  DeviceBulkInput,
  previewDeviceBulk,
  startDeviceBulk,
} from '@muster/contracts/device-registry/bulk.requests';
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

@Controller('api/v1/devices/bulk')
export class DeviceBulkController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Post()
  @Operation({
    summary: 'Change tags, folder or metadata of many devices, or delete them, as a job',
    asks: [startDeviceBulk],
    body: DeviceBulkInput,
    query: PreviewQuery,
    status: 202,
    also: PREVIEWED,
    location: jobLocation,
  })
  async startDeviceBulk(
    @CheckedBody(DeviceBulkInput) bulk: DeviceBulkInput,
    @CheckedQuery(PreviewQuery) { preview }: PreviewQuery,
    @Creating() creating: Caller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<JobStarted | TargetPreview> {
    const timeoutMs = TIMEOUT_MS;
    if (preview !== true) return this.bus.request(startDeviceBulk, { ...creating, bulk }, { timeoutMs });
    const { tenantId } = creating;
    const found = await this.bus.request(previewDeviceBulk, { tenantId, bulk }, { timeoutMs });
    response.status(200);
    return found;
  }
}
