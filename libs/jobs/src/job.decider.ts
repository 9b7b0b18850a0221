import { AppError, type Actor } from '@muster/contracts';
import type { JobFault, JobItemError, JobReason } from '@muster/contracts/jobs/published';
import { upcast, type ChildStanding, type JobEvent, type JobStanding } from './job.events.js';

/**
 *     created ──> in_progress ──> success | failed        when the last item is through; failed: with at least one error
 *        └─> waiting <─┘ │
 *                        └──> cancelling ──> cancelled    when nothing is in hand any more
 *
 * A job with children has no items: it stands where they stand together, and ends with the last of them. A driven job has
 * items, but no chunks: its service says how far it is.
 */
export interface Job {
  /** Null: no such job. */
  readonly standing: JobStanding | null;
  /** Numbers of the chunks that are through, as ranges [first, last] in order, so that a chunk counts once. */
  readonly chunks: readonly Range[];
  /** What is tried again and again, since when and why; `chunk` null: the plan. Null: nothing is. */
  readonly stuck: { readonly chunk: number | null; readonly reason: JobReason } | null;
  /** Chunks that were in hand when it was cancelled and are not through; null: it was not cancelled. */
  readonly inHand: readonly number[] | null;
  /** By id; null: it has items of its own. */
  readonly children: Readonly<Record<string, ChildStanding>> | null;
}

type Range = readonly [first: number, last: number];

export const initial: Job = { standing: null, chunks: [], stuck: null, inHand: null, children: null };

export type JobCommand =
  | {
      readonly type: 'CreateJob';
      readonly kind: string;
      readonly actor: Actor;
      readonly parent?: string;
      readonly retryOf?: string;
      readonly children?: readonly string[];
      /** Of a driven job: how many items it has. */
      readonly total?: number;
      readonly at: string;
    }
  | { readonly type: 'StartJob'; readonly at: string }
  | { readonly type: 'PlanJob'; readonly total: number; readonly at: string }
  | {
      readonly type: 'RecordChunk';
      readonly chunk: number;
      readonly items: number;
      readonly errors: readonly JobItemError[];
      readonly at: string;
    }
  | {
      /** Of a driven job. Absolute numbers, which never fall: an older saying changes nothing. */
      readonly type: 'Advance';
      readonly done: number;
      readonly failed: number;
      readonly errors: readonly JobItemError[];
      readonly at: string;
    }
  | {
      readonly type: 'WaitForFault';
      /** Null: the plan. */
      readonly chunk: number | null;
      readonly fault: JobFault;
      /** When it failed for the first time. */
      readonly since: string;
      readonly at: string;
    }
  | { readonly type: 'WaitForTurn'; readonly before: string; readonly at: string }
  | {
      readonly type: 'RecordChild';
      readonly child: string;
      readonly standing: ChildStanding;
      readonly at: string;
    }
  | { readonly type: 'FailJob'; readonly reason: JobFault; readonly at: string }
  | {
      readonly type: 'CancelJob';
      readonly actor: Actor;
      /** Chunks that somebody works on at this moment. */
      readonly inHand: readonly number[];
      readonly at: string;
    }
  | { readonly type: 'DropChunk'; readonly chunk: number; readonly at: string };

type Of<Type extends JobCommand['type']> = Extract<JobCommand, { type: Type }>;

/**
 * Decides what a command changes. Pure: the time comes in with the command. Of the commands of the workers none is refused:
 * one for a job that has ended, or for none, changes nothing, since it is a repetition by somebody who was too late.
 * `CancelJob` is an operator's: `job-not-found`, and `job-finished` for a job that has ended otherwise.
 */
export const decide = (command: JobCommand, state: Job): readonly JobEvent[] => {
  const { standing: job } = state;
  if (command.type === 'CreateJob') return job === null ? create(command) : [];
  if (command.type === 'CancelJob') return cancel(command, state);
  if (job === null || job.endedAt !== undefined) return [];
  const { at } = command;
  switch (command.type) {
    case 'StartJob':
      return job.status === 'in_progress' || job.status === 'cancelling'
        ? []
        : [{ type: 'JobStarted', data: { at, job: working(job, at) } }];
    case 'PlanJob': {
      if (job.total !== null) return [];
      const planned = { ...working(job, at), total: command.total };
      return [{ type: 'JobPlanned', data: { at, job: planned } }, ...endedByItems(planned, at)];
    }
    case 'RecordChunk':
      return has(state.chunks, command.chunk) ? [] : progressed(command, state, job);
    case 'Advance':
      return advanced(command, job);
    case 'DropChunk':
      return dropped(command, state, job);
    case 'WaitForFault':
      return waited(command, state, job);
    case 'WaitForTurn': {
      if (job.startedAt !== undefined || job.reason?.jobId === command.before) return [];
      const detail = `Waits for job ${command.before}, which was asked for before it.`;
      const reason = { code: 'job-before', detail, jobId: command.before, since: at };
      return [waiting(job, at, null, reason)];
    }
    case 'RecordChild':
      return childChanged(command, state, job);
    case 'FailJob': {
      const failed = { ...job, status: 'failed', reason: command.reason, endedAt: at } as const;
      return [{ type: 'JobEnded', data: { at, job: failed } }];
    }
  }
};

const create = (command: Of<'CreateJob'>): readonly JobEvent[] => {
  const { kind, actor, parent, retryOf, children, total = null, at } = command;
  const job: JobStanding = {
    kind,
    status: 'created',
    total,
    done: 0,
    failed: 0,
    createdAt: at,
    createdBy: actor,
    ...(parent === undefined ? {} : { parent }),
    ...(retryOf === undefined ? {} : { retryOf }),
  };
  return [{ type: 'JobCreated', data: { at, job, ...(children === undefined ? {} : { children }) } }];
};

const cancel = ({ actor, inHand, at }: Of<'CancelJob'>, { standing, children }: Job): readonly JobEvent[] => {
  if (standing === null) throw new AppError('job-not-found', 'No such job.');
  if (standing.status === 'cancelling' || standing.status === 'cancelled') return [];
  if (standing.endedAt !== undefined)
    throw new AppError('job-finished', `The job ended at ${standing.endedAt}: ${standing.status}.`);
  const job = { ...withoutReason(standing), status: 'cancelling', cancelledBy: actor } as const;
  const left = children === null ? inHand.length : Object.values(children).filter(isOpen).length;
  return [
    { type: 'JobCancelRequested', data: { at, job, inHand } },
    ...(left === 0 ? [endOf(job, 'cancelled', at)] : []),
  ];
};

const progressed = (
  { chunk, items, errors, at }: Of<'RecordChunk'>,
  { stuck, inHand }: Job,
  before: JobStanding,
): readonly JobEvent[] => {
  const goesOn = inHand === null ? working(before, at) : before;
  // What is stuck elsewhere stays to be seen while the rest goes on.
  const reason = inHand === null && stuck !== null && stuck.chunk !== chunk ? { reason: stuck.reason } : {};
  const job = {
    ...goesOn,
    ...reason,
    done: before.done + items,
    failed: before.failed + errors.length,
  };
  return [
    { type: 'JobProgressed', data: { at, job, chunk, items, errors } },
    ...(inHand === null ? endedByItems(job, at) : endedByCancel(job, chunk, inHand, at)),
  ];
};

const advanced = ({ done, failed, errors, at }: Of<'Advance'>, before: JobStanding): readonly JobEvent[] => {
  const further = {
    done: Math.min(Math.max(before.done, done), before.total ?? done),
    failed: Math.max(before.failed, failed),
  };
  const goesOn = before.status === 'cancelling' ? before : working(before, at);
  const same = further.done === before.done && further.failed === before.failed;
  const ended = further.done === before.total;
  if (same && !ended && goesOn.status === before.status) return [];
  const job = { ...goesOn, ...further };
  return [{ type: 'JobAdvanced', data: { at, job, errors } }, ...endedByItems(job, at)];
};

const dropped = ({ chunk, at }: Of<'DropChunk'>, { inHand }: Job, job: JobStanding): readonly JobEvent[] =>
  inHand?.includes(chunk) === true
    ? [{ type: 'JobChunkDropped', data: { at, job, chunk } }, ...endedByCancel(job, chunk, inHand, at)]
    : [];

/** Says so once: again only for another reason, or when the rest has gone on meanwhile. */
const waited = (
  { chunk, fault, since, at }: Of<'WaitForFault'>,
  { stuck }: Job,
  job: JobStanding,
): readonly JobEvent[] => {
  if (job.status === 'cancelling') return [];
  const same = stuck !== null && stuck.reason.code === fault.code;
  if (same && job.status === 'waiting') return [];
  return same
    ? [waiting(job, at, stuck.chunk, stuck.reason)]
    : [waiting(job, at, chunk, { code: fault.code, detail: fault.detail, since })];
};

const waiting = (job: JobStanding, at: string, chunk: number | null, reason: JobReason): JobEvent => ({
  type: 'JobWaited',
  schemaVersion: 2,
  data: { at, job: { ...job, status: 'waiting', reason }, chunk },
});

const childChanged = (
  { child, standing, at }: Of<'RecordChild'>,
  { children }: Job,
  before: JobStanding,
): readonly JobEvent[] => {
  const known = children?.[child];
  if (children === null || known === undefined || !isOpen(known) || isSame(known, standing)) return [];
  const all = Object.values({ ...children, [child]: standing });
  const job = { ...withSums(before, all), ...together(before, all, at) };
  return [
    { type: 'JobChildChanged', data: { at, job, child, childStanding: standing } },
    ...(all.some(isOpen) ? [] : [endOf(job, endOfChildren(before, all), at)]),
  ];
};

const withSums = (before: JobStanding, all: readonly ChildStanding[]): JobStanding => ({
  ...withoutReason(before),
  total: all.reduce<number | null>(
    (sum, { total }) => (sum === null || total === null ? null : sum + total),
    0,
  ),
  done: all.reduce((sum, { done }) => sum + done, 0),
  failed: all.reduce((sum, { failed }) => sum + failed, 0),
});

/** One that works is what counts; one that waits is shown when no other works. */
const together = (
  before: JobStanding,
  all: readonly ChildStanding[],
  at: string,
): Partial<Pick<JobStanding, 'status' | 'startedAt' | 'reason'>> => {
  if (before.status === 'cancelling') return {};
  const open = all.filter(isOpen);
  const waits = open.find(({ status }) => status === 'waiting');
  const works = open.some(({ status }) => status === 'in_progress' || status === 'cancelling');
  const begun = works || all.length > open.length ? { startedAt: before.startedAt ?? at } : {};
  if (!works && waits !== undefined)
    return { status: 'waiting', ...begun, ...(waits.reason === undefined ? {} : { reason: waits.reason }) };
  return 'startedAt' in begun || before.startedAt !== undefined ? { status: 'in_progress', ...begun } : {};
};

const endOfChildren = (before: JobStanding, all: readonly ChildStanding[]): JobEnd => {
  if (before.status === 'cancelling') return 'cancelled';
  if (all.some(({ status }) => status === 'failed')) return 'failed';
  return all.some(({ status }) => status === 'cancelled') ? 'cancelled' : 'success';
};

type JobEnd = 'success' | 'failed' | 'cancelled';

const isOpen = ({ status }: ChildStanding): boolean =>
  status !== 'success' && status !== 'failed' && status !== 'cancelled';

const isSame = (a: ChildStanding, b: ChildStanding): boolean =>
  a.status === b.status &&
  a.total === b.total &&
  a.done === b.done &&
  a.failed === b.failed &&
  a.reason?.code === b.reason?.code &&
  a.reason?.since === b.reason?.since;

/** Whatever it waited for is there, so the reason goes. */
const working = (before: JobStanding, at: string): JobStanding => ({
  ...withoutReason(before),
  status: 'in_progress',
  startedAt: before.startedAt ?? at,
});

const withoutReason = (job: JobStanding): JobStanding => {
  const rest = { ...job };
  delete (rest as { reason?: unknown }).reason; // of our own copy
  return rest;
};

const endedByItems = (job: JobStanding, at: string): readonly JobEvent[] =>
  job.done === job.total ? [endOf(job, job.failed === 0 ? 'success' : 'failed', at)] : [];

const endedByCancel = (
  job: JobStanding,
  chunk: number,
  inHand: readonly number[],
  at: string,
): readonly JobEvent[] => (inHand.every((one) => one === chunk) ? [endOf(job, 'cancelled', at)] : []);

const endOf = (job: JobStanding, status: JobEnd, at: string): JobEvent => ({
  type: 'JobEnded',
  data: { at, job: { ...withoutReason(job), status, endedAt: at } },
});

export const evolve = (state: Job, event: JobEvent): Job => {
  const next = { ...state, standing: event.data.job };
  switch (event.type) {
    case 'JobCreated': {
      const { children } = event.data;
      return children === undefined
        ? next
        : { ...next, children: Object.fromEntries(children.map((child) => [child, NOT_BEGUN])) };
    }
    case 'JobStarted':
    case 'JobPlanned':
      return { ...next, stuck: null };
    case 'JobProgressed':
      return {
        ...next,
        chunks: withChunk(state.chunks, event.data.chunk),
        stuck: event.data.job.reason === undefined ? null : state.stuck,
        inHand: less(state.inHand, event.data.chunk),
      };
    case 'JobWaited': {
      const { chunk, job } = event.data;
      return { ...next, stuck: job.reason === undefined ? null : { chunk, reason: job.reason } };
    }
    case 'JobChildChanged':
      return { ...next, children: { ...state.children, [event.data.child]: event.data.childStanding } };
    case 'JobCancelRequested':
      return { ...next, stuck: null, inHand: event.data.inHand };
    case 'JobAdvanced':
      return next;
    case 'JobChunkDropped':
      return { ...next, inHand: less(state.inHand, event.data.chunk) };
    case 'JobEnded':
      return next;
  }
};

const NOT_BEGUN: ChildStanding = { status: 'created', total: null, done: 0, failed: 0 };

const less = (chunks: readonly number[] | null, chunk: number): readonly number[] | null =>
  chunks === null ? null : chunks.filter((one) => one !== chunk);

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

/** The stream `job-<id>`. Version 2 of its state: what is stuck, in hand, and the children. */
export const job = { name: 'job', stateVersion: 2, initial, evolve, decide, upcast } as const;
