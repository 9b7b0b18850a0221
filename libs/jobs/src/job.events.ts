import type { JobItemError, JobReason, JobStatus } from '@muster/contracts/jobs/published';

/**
 * Where a job stands after an event. It is part of every event, because the relay tells others of one event at a time
 * and has nothing else to tell from.
 */
export interface JobStanding {
  readonly kind: string;
  readonly status: JobStatus;
  /** Null: not planned yet. */
  readonly total: number | null;
  readonly done: number;
  readonly failed: number;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly parent?: string;
  readonly reason?: JobReason;
}

interface JobFact<Type extends string, Extra = unknown> {
  readonly type: Type;
  readonly data: { readonly at: string; readonly job: JobStanding } & Extra;
}

export type JobCreated = JobFact<'JobCreated'>;

/** Work is being done: for the first time, or again after waiting. */
export type JobStarted = JobFact<'JobStarted'>;

/** All items are known. */
export type JobPlanned = JobFact<'JobPlanned'>;

/** A chunk is through. */
export type JobProgressed = JobFact<
  'JobProgressed',
  { readonly chunk: number; readonly items: number; readonly errors: readonly JobItemError[] }
>;

/** Something is away; the work is tried again until it is back. */
export type JobWaited = JobFact<'JobWaited'>;

export type JobEnded = JobFact<'JobEnded'>;

export type JobEvent = JobCreated | JobStarted | JobPlanned | JobProgressed | JobWaited | JobEnded;
