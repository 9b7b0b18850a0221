import { Controller, Get, Inject, Param, Post } from '@nestjs/common';
import { IsIn, IsOptional, IsString, Length, Matches } from 'class-validator';
import { JOB_STATUSES, type JobStatus } from '@muster/contracts/jobs/published';
import {
  cancelJob,
  getJob,
  JOB_KIND_MESSAGE,
  JOB_KIND_RULE,
  listJobErrors,
  listJobs,
  retryJob,
  type JobDetails,
  type JobErrorPage,
  type JobPage,
  type JobRetried,
} from '@muster/contracts/jobs/requests';
import { type Asking, ASKING } from '../providers.js';
import { jobLocation } from '../http/answer-rules.js';
import { Creating, Reading, Who, type Caller } from '../http/caller.js';
import { CheckedQuery } from '../http/query.js';
import { Operation } from '../openapi/operation.js';
import { PageQuery } from '../http/page-query.js';

export class JobsQuery extends PageQuery {
  @IsOptional()
  @IsIn(JOB_STATUSES)
  status?: JobStatus;

  @IsOptional()
  @Matches(JOB_KIND_RULE, JOB_KIND_MESSAGE)
  kind?: string;

  /** Parts of this job. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  parent?: string;
}

@Controller('api/v1/jobs')
export class JobsController {
  constructor(@Inject(ASKING) private readonly bus: Asking) {}

  @Get()
  @Operation({ summary: 'List long work, newest first', asks: [listJobs], query: JobsQuery })
  listJobs(
    @CheckedQuery(JobsQuery) { limit, cursor, count, status, kind, parent }: JobsQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<JobPage> {
    return this.bus.request(listJobs, { ...reading, limit, cursor, count, status, kind, parent });
  }

  @Get(':id')
  @Operation({ summary: 'Where a job stands, and its parts', asks: [getJob] })
  getJob(@Param('id') jobId: string, @Reading() reading: { tenantId: string }): Promise<JobDetails> {
    return this.bus.request(getJob, { ...reading, jobId });
  }

  @Post(':id/cancel')
  @Operation({
    summary: 'Begin nothing more of a job; what is in hand is finished, and then it is `cancelled`',
    asks: [cancelJob],
  })
  cancelJob(@Param('id') jobId: string, @Who() who: Caller): Promise<JobDetails> {
    return this.bus.request(cancelJob, { ...who, jobId });
  }

  @Post(':id/retry')
  @Operation({
    summary: 'Do the items that failed once more, as a new job',
    asks: [retryJob],
    status: 202,
    location: jobLocation,
  })
  retryJob(@Param('id') jobId: string, @Creating() creating: Caller): Promise<JobRetried> {
    return this.bus.request(retryJob, { ...creating, jobId });
  }

  @Get(':id/errors')
  @Operation({
    summary: 'The items that failed, of the job and of its parts, each with its reason',
    asks: [listJobErrors],
    query: PageQuery,
  })
  listJobErrors(
    @Param('id') jobId: string,
    @CheckedQuery(PageQuery) { limit, cursor, count }: PageQuery,
    @Reading() reading: { tenantId: string },
  ): Promise<JobErrorPage> {
    return this.bus.request(listJobErrors, { ...reading, jobId, limit, cursor, count });
  }
}
