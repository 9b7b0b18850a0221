import { Type } from 'class-transformer';
import { IsArray, IsIn, IsOptional, IsString, Length, Matches, ValidateNested } from 'class-validator';
import { defineRequest } from '../contract.js';
import { Actor, CreateRequest, Page, PageRequest, TenantRequest } from '../fields.js';
import { JOB_STATUSES, JobFacts, JobItemError, JobProgress, type JobStatus } from './published.js';

/** What a job's kind is called: `configuration-bulk`. */
export const JOB_KIND_RULE = /^[a-z][a-z0-9-]{0,63}$/;
export const JOB_KIND_MESSAGE = { message: 'must be a kind of jobs, such as configuration-bulk' };

/** A job of which another is the parent. */
export class ChildJob extends JobProgress {
  @IsString()
  id!: string;
}

export class JobView extends JobFacts {
  @IsString()
  id!: string;

  @ValidateNested()
  @Type(() => Actor)
  createdBy!: Actor;
}

export class JobDetails extends JobView {
  /** Oldest first, at most 500. */
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => ChildJob)
  children!: ChildJob[];
}

export class JobRef extends TenantRequest {
  @IsString()
  @Length(1, 64)
  jobId!: string;
}

/** Newest first. */
export class ListJobs extends PageRequest {
  @IsOptional()
  @IsIn(JOB_STATUSES)
  status?: JobStatus;

  @IsOptional()
  @Matches(JOB_KIND_RULE, JOB_KIND_MESSAGE)
  kind?: string;

  /** The parts of this job. */
  @IsOptional()
  @IsString()
  @Length(1, 64)
  parent?: string;
}

export class JobPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => JobView)
  items!: JobView[];
}

/** The answer to whoever started one. */
export class JobStarted {
  @IsString()
  jobId!: string;
}

export class CancelJob extends TenantRequest {
  /** Who wants it ended. */
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  @IsString()
  @Length(1, 64)
  jobId!: string;
}

export class RetryJob extends CreateRequest {
  @IsString()
  @Length(1, 64)
  jobId!: string;
}

export class JobRetried {
  /** Of the new job. */
  @IsString()
  jobId!: string;
}

export class JobError extends JobItemError {
  /** The job of which it is an item: the one that was asked for, or a part of it. */
  @IsString()
  jobId!: string;
}

/**
 * Those of its parts too; the job's own first, then part by part, each in the order of the items. Of a campaign: its devices
 * that have failed or timed out as they stand now, by device; one that answers late is none any more.
 */
export class ListJobErrors extends PageRequest {
  @IsString()
  @Length(1, 64)
  jobId!: string;
}

export class JobErrorPage extends Page {
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => JobError)
  items!: JobError[];
}

export const listJobs = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.job.list',
  request: ListJobs,
  reply: JobPage,
  errors: ['invalid-request'],
  idempotent: true,
});

/** For a job that was started a moment ago it waits up to 1.5 s until the news has arrived. */
export const getJob = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.job.get',
  request: JobRef,
  reply: JobDetails,
  errors: ['job-not-found'],
  idempotent: true,
});

export const listJobErrors = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.job-error.list',
  request: ListJobErrors,
  reply: JobErrorPage,
  errors: ['job-not-found', 'no-longer-kept', 'invalid-request'],
  idempotent: true,
});

/**
 * Nothing more of the job is begun, nor of its children; what is in hand is finished, and with it the job is `cancelled`.
 * Whoever asks again gets the same answer; of a job that has ended otherwise it is `job-finished`. `job-not-cancellable`:
 * it is a part of something larger, which the detail names, and is cancelled with that.
 */
export const cancelJob = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.job.cancel',
  request: CancelJob,
  reply: JobDetails,
  errors: ['job-not-found', 'job-finished', 'job-not-cancellable'],
  idempotent: true,
});

/**
 * A new job of the items that failed in one that has ended: of the same kind, with the same parameters, and as new as any
 * other where jobs have an order. What failed as a whole, because its items could not be found, is tried as a whole.
 */
export const retryJob = defineRequest({
  subject: 'muster.v1.service.campaign-orchestrator.job.retry',
  request: RetryJob,
  reply: JobRetried,
  errors: [
    'job-not-found',
    'job-not-finished',
    'job-not-retryable',
    'job-without-failures',
    'idempotency-key-reused',
  ],
  idempotent: false,
});
