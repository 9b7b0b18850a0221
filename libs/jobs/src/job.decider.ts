import type { JobItemError, JobReason } from '@muster/contracts/jobs/published';
import type { JobEvent, JobStanding } from './job.events.js';

/**
 *     created ──> in_progress ──> success | failed
 *        └─> waiting <─┘            when the last item is through; failed: with at least one error
 *
 * `chunks`: numbers of the chunks that are through, as ranges [first, last] in order, so that a chunk counts once.
 */
export interface Job {
  /** Null: no such job. */
  readonly standing: JobStanding | null;
  readonly chunks: readonly Range[];
}

type Range = readonly [first: number, last: number];

export const initial: Job = { standing: null, chunks: [] };

export type JobCommand =
  | { readonly type: 'CreateJob'; readonly kind: string; readonly parent?: string; readonly at: string }
  | { readonly type: 'StartJob'; readonly at: string }
  | { readonly type: 'PlanJob'; readonly total: number; readonly at: string }
  | {
      readonly type: 'RecordChunk';
      readonly chunk: number;
      readonly items: number;
      readonly errors: readonly JobItemError[];
      readonly at: string;
    }
  | { readonly type: 'WaitForFault'; readonly reason: JobReason; readonly at: string }
  | { readonly type: 'FailJob'; readonly reason: JobReason; readonly at: string };

type Of<Type extends JobCommand['type']> = Extract<JobCommand, { type: Type }>;

/**
 * Decides what a command changes. Pure: the time comes in with the command. Nothing is refused: a command for a job that
 * has ended, or for none, changes nothing, since it is a repetition by somebody who was too late.
 */
export const decide = (command: JobCommand, { standing: job, chunks }: Job): readonly JobEvent[] => {
  if (command.type === 'CreateJob') return job === null ? create(command) : [];
  if (job === null || job.endedAt !== undefined) return [];
  const { at } = command;
  switch (command.type) {
    case 'StartJob':
      return job.status === 'in_progress'
        ? []
        : [{ type: 'JobStarted', data: { at, job: working(job, at) } }];
    case 'PlanJob': {
      if (job.total !== null) return [];
      const planned = { ...working(job, at), total: command.total };
      return [{ type: 'JobPlanned', data: { at, job: planned } }, ...ended(planned, at)];
    }
    case 'RecordChunk':
      return has(chunks, command.chunk) ? [] : progressed(command, job);
    case 'WaitForFault': {
      const { reason } = command;
      if (job.status === 'waiting' && job.reason?.code === reason.code) return [];
      return [{ type: 'JobWaited', data: { at, job: { ...job, status: 'waiting', reason } } }];
    }
    case 'FailJob': {
      const failed = { ...job, status: 'failed', reason: command.reason, endedAt: at } as const;
      return [{ type: 'JobEnded', data: { at, job: failed } }];
    }
  }
};

const create = ({ kind, parent, at }: Of<'CreateJob'>): readonly JobEvent[] => {
  const job: JobStanding = {
    kind,
    status: 'created',
    total: null,
    done: 0,
    failed: 0,
    createdAt: at,
    ...(parent === undefined ? {} : { parent }),
  };
  return [{ type: 'JobCreated', data: { at, job } }];
};

const progressed = (
  { chunk, items, errors, at }: Of<'RecordChunk'>,
  before: JobStanding,
): readonly JobEvent[] => {
  const done = before.done + items;
  const job = { ...working(before, at), done, failed: before.failed + errors.length };
  return [{ type: 'JobProgressed', data: { at, job, chunk, items, errors } }, ...ended(job, at)];
};

/** Whatever it waited for is there, so the reason goes. */
const working = (before: JobStanding, at: string): JobStanding => {
  const { kind, total, done, failed, createdAt, parent } = before;
  return {
    kind,
    status: 'in_progress',
    total,
    done,
    failed,
    createdAt,
    startedAt: before.startedAt ?? at,
    ...(parent === undefined ? {} : { parent }),
  };
};

const ended = (job: JobStanding, at: string): readonly JobEvent[] =>
  job.done !== job.total
    ? []
    : [
        {
          type: 'JobEnded',
          data: { at, job: { ...job, status: job.failed === 0 ? 'success' : 'failed', endedAt: at } },
        },
      ];

export const evolve = (state: Job, { type, data }: JobEvent): Job => ({
  standing: data.job,
  chunks: type === 'JobProgressed' ? withChunk(state.chunks, data.chunk) : state.chunks,
});

const has = (ranges: readonly Range[], chunk: number): boolean =>
  ranges.some(([first, last]) => first <= chunk && chunk <= last);

const withChunk = (ranges: readonly Range[], chunk: number): readonly Range[] => {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges, [chunk, chunk] as const].sort(([a], [b]) => a - b)) {
    const before = merged.at(-1);
    if (before !== undefined && before[1] + 1 >= first) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
};

/** The stream `job-<id>`. */
export const job = { name: 'job', initial, evolve, decide } as const;
