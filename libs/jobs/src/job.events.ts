import type { Actor } from '@muster/contracts';
import type { JobItemError, JobReason, JobStatus } from '@muster/contracts/jobs/published';
import type { StoredEvent } from '@muster/event-store';

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
  /** Absent in jobs of before December 2026: the actor of their first event. */
  readonly createdBy?: Actor;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly parent?: string;
  readonly retryOf?: string;
  readonly cancelledBy?: Actor;
  readonly reason?: JobReason;
}

/** Where a child stands, as its parent knows it. */
export type ChildStanding = Pick<JobStanding, 'status' | 'total' | 'done' | 'failed' | 'reason'>;

interface JobFact<Type extends string, Extra = unknown> {
  readonly type: Type;
  readonly data: { readonly at: string; readonly job: JobStanding } & Extra;
}

/** `children`: ids of the jobs that this one is made of, and will be for ever; absent where it has items of its own. */
export type JobCreated = JobFact<'JobCreated', { readonly children?: readonly string[] }>;

/** Work is being done: for the first time, or again after waiting. */
export type JobStarted = JobFact<'JobStarted'>;

/** All items are known. */
export type JobPlanned = JobFact<'JobPlanned'>;

/** A chunk is through. */
export type JobProgressed = JobFact<
  'JobProgressed',
  { readonly chunk: number; readonly items: number; readonly errors: readonly JobItemError[] }
>;

/** A driven job: how far its service says it is; the errors are those since the event before. */
export type JobAdvanced = JobFact<'JobAdvanced', { readonly errors: readonly JobItemError[] }>;

/** Something is away, and the chunk (null: the plan) is tried again until it is back; or another job must end first. */
export type JobWaited = JobFact<'JobWaited', { readonly chunk: number | null }> & {
  readonly schemaVersion: 2;
};

/** A child stands elsewhere than before. */
export type JobChildChanged = JobFact<
  'JobChildChanged',
  { readonly child: string; readonly childStanding: ChildStanding }
>;

/** No chunk is begun any more; those `inHand` are finished or dropped. */
export type JobCancelRequested = JobFact<'JobCancelRequested', { readonly inHand: readonly number[] }>;

/** A chunk that was in hand when the job was cancelled did not get through, and nothing of it was done. */
export type JobChunkDropped = JobFact<'JobChunkDropped', { readonly chunk: number }>;

export type JobEnded = JobFact<'JobEnded'>;

export type JobEvent =
  | JobCreated
  | JobStarted
  | JobPlanned
  | JobProgressed
  | JobAdvanced
  | JobWaited
  | JobChildChanged
  | JobCancelRequested
  | JobChunkDropped
  | JobEnded;

/** Version 1 of JobWaited said neither since when nor what waited. */
export const upcast = (stored: StoredEvent): JobEvent => {
  if (stored.type !== 'JobWaited' || stored.schemaVersion !== 1) return stored as JobEvent; // read as they are
  const data = stored.data as JobFact<'JobWaited'>['data']; // of version 1
  const { at, job } = data;
  const { reason } = job;
  return {
    type: 'JobWaited',
    schemaVersion: 2,
    data: {
      ...data,
      chunk: null,
      job: reason === undefined ? job : { ...job, reason: { ...reason, since: at } },
    },
  };
};
