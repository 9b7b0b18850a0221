import { Type } from 'class-transformer';
import {
  IsArray,
  IsIn,
  IsInt,
  IsISO8601,
  IsOptional,
  IsString,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { definePublished, type PublishedContract } from '../contract.js';
import { Actor } from '../fields.js';

/**
 * `created` nothing is done yet; `in_progress`; `waiting` for something that is away, and goes on by itself; `success`
 * every item is done; `failed` at least one is not, or it could not be found out which items there are.
 */
export const JOB_STATUSES = ['created', 'in_progress', 'waiting', 'success', 'failed'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Why a job waits, or why all of it failed. */
export class JobReason {
  /** Of the error catalogue. */
  @IsString()
  code!: string;

  @IsString()
  detail!: string;
}

export class JobItemError extends JobReason {
  /** What the job's items are called: with devices, the device's id. */
  @IsString()
  item!: string;
}

/** How far a job is. */
export class JobProgress {
  @IsString()
  kind!: string;

  @IsIn(JOB_STATUSES)
  status!: JobStatus;

  /** Items; null: not known yet. */
  @ValidateIf((job: JobProgress) => job.total !== null)
  @IsInt()
  total!: number | null;

  /** Items that are through, whatever their outcome; `total` of them at the end. */
  @IsInt()
  done!: number;

  /** Of these, the ones with an error. */
  @IsInt()
  failed!: number;
}

export class JobFacts extends JobProgress {
  @IsISO8601()
  createdAt!: string;

  /** Of the first work. */
  @IsOptional()
  @IsISO8601()
  startedAt?: string;

  @IsOptional()
  @IsISO8601()
  endedAt?: string;

  /** The job this one is a part of. */
  @IsOptional()
  @IsString()
  parent?: string;

  /** With `waiting`: what for. With `failed`: only when it is not the items' fault. */
  @IsOptional()
  @ValidateNested()
  @Type(() => JobReason)
  reason?: JobReason;
}

/** Where a job stands after the event; a reader takes the highest `version` of a job and needs no other. */
export class JobChanged extends JobFacts {
  @IsString()
  jobId!: string;

  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  /** Rises with every event of the job. */
  @IsInt()
  version!: number;

  @IsISO8601()
  at!: string;

  /** Of the items this event is about; every error comes in one event only. */
  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => JobItemError)
  errors?: JobItemError[];
}

const jobChanged = (service: string): PublishedContract<JobChanged> =>
  definePublished({ service, entity: 'job', verb: 'changed', schemaVersion: 1, data: JobChanged });

export const configurationJobChanged = jobChanged('configuration');

/** Every service that runs jobs. Whoever lists jobs follows all of these. */
export const jobsChanged: readonly PublishedContract<JobChanged>[] = [configurationJobChanged];
