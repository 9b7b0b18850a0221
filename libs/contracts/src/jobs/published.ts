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
 * `created` nothing is done yet; `in_progress`; `waiting` for something that is away or for another job, and goes on by
 * itself; `cancelling` what is in hand is finished, and no more is begun; `success` every item is done; `failed` at least
 * one is not, or it could not be found out which items there are; `cancelled` somebody ended it: `done` of `total` items
 * are through, and nothing was done to the others. The last three are final.
 */
export const JOB_STATUSES = [
  'created',
  'in_progress',
  'waiting',
  'cancelling',
  'success',
  'failed',
  'cancelled',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Why something of a job failed. */
export class JobFault {
  /** Of the error catalogue. */
  @IsString()
  code!: string;

  @IsString()
  detail!: string;
}

/** Why a job waits, or why all of it failed. `job-before`: it waits for another job, which was asked for before it. */
export class JobReason extends JobFault {
  /** With `job-before` as the code: the job that must end first. */
  @IsOptional()
  @IsString()
  jobId?: string;

  /** Since when it waits for this. */
  @IsOptional()
  @IsISO8601()
  since?: string;
}

export class JobItemError extends JobFault {
  /** What the job's items are called: with devices, the device's id. */
  @IsString()
  item!: string;
}

/** How far a job is; one with children: the sum of theirs. */
export class JobProgress {
  @IsString()
  kind!: string;

  @IsIn(JOB_STATUSES)
  status!: JobStatus;

  /** Items; null: not known yet. */
  @ValidateIf((job: JobProgress) => job.total !== null)
  @IsInt()
  total!: number | null;

  /** Items that are through, whatever their outcome; `total` of them at the end, unless it was cancelled. */
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

  /** The job whose failed items these are. */
  @IsOptional()
  @IsString()
  retryOf?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => Actor)
  cancelledBy?: Actor;

  /**
   * With `waiting`: what for. With `in_progress`: a part of it is tried again and again while the rest goes on. With
   * `failed`: only when it is not the items' fault.
   */
  @IsOptional()
  @ValidateNested()
  @Type(() => JobReason)
  reason?: JobReason;
}

/** Where a job stands; of several the one with the highest `version` counts, and no other is needed. */
export class JobStands extends JobFacts {
  @IsString()
  jobId!: string;

  /** Who wanted the job. */
  @ValidateNested()
  @Type(() => Actor)
  actor!: Actor;

  /** Rises with every event of the job. */
  @IsInt()
  version!: number;
}

/** Where a job stands after the event. */
export class JobChanged extends JobStands {
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
export const deviceRegistryJobChanged = jobChanged('device-registry');
export const commandsJobChanged = jobChanged('commands');
export const hubJobChanged = jobChanged('iothub-adapter');
export const campaignJobChanged = jobChanged('campaign-orchestrator');

/** Every service that runs jobs. Whoever lists jobs follows all of these. */
export const jobsChanged: readonly PublishedContract<JobChanged>[] = [
  configurationJobChanged,
  deviceRegistryJobChanged,
  commandsJobChanged,
  hubJobChanged,
  campaignJobChanged,
];
