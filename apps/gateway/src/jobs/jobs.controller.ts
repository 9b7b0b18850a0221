import { Controller, Get, Inject, Param } from '@nestjs/common';
import { IsIn, IsOptional, Matches } from 'class-validator';
import { JOB_STATUSES, type JobStatus } from '@muster/contracts/jobs/published';
import {
  getJob,
  JOB_KIND_RULE,
  listJobErrors,
  listJobs,
  type JobDetails,
  type JobErrorPage,
  type JobPage,
} from '@muster/contracts/jobs/requests';
import { type Asking, ASKING } from '../providers.js';
import { Reading } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

export class JobsQuery extends PageQuery {
  @IsOptional()
  @IsIn(JOB_STATUSES)
  status?: JobStatus;

  @IsOptional()
  @Matches(JOB_KIND_RULE)
  kind?: string;
}

@Controller('api/v1/jobs')
export class JobsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get()
  @Operation({ summary: 'List long work, newest first', asks: [listJobs], query: JobsQuery })
  listJobs(
    @CheckedQuery(JobsQuery) { limit, cursor, status, kind }: JobsQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<JobPage> {
    return this.bus.request(listJobs, { ...reading, limit, cursor, status, kind });
  }

  @Get(':id')
  @Operation({ summary: 'Where a job stands, and its parts', asks: [getJob] })
  getJob(@Param('id') jobId: string, @Reading() reading: { tenantId: string }): Promise<JobDetails> {
    return this.bus.request(getJob, { ...reading, jobId });
  }

  @Get(':id/errors')
  @Operation({
    summary: 'The items that failed, each with its reason',
    asks: [listJobErrors],
    query: PageQuery,
  })
  listJobErrors(
    @Param('id') jobId: string,
    @CheckedQuery(PageQuery) { limit, cursor }: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<JobErrorPage> {
    return this.bus.request(listJobErrors, { ...reading, jobId, limit, cursor });
  }
}
