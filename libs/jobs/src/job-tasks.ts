import { AppError, type Actor } from '@muster/contracts';
import type { JobReason } from '@muster/contracts/jobs/published';
import { asAppError, type Database, type EventStore } from '@muster/event-store';
import type { Logger, Metrics } from '@muster/observability';
import type pg from 'pg';
import { job, type JobCommand } from './job.decider.js';
import type { JobKind, JobOf } from './job-kind.js';
import { chunksOf, insertChunks } from './jobs.js';
import { addChunkTasks, addTask, CHUNK_TASK, PLAN_TASK, type Task } from './tasks.js';

export interface JobTasksOptions {
  readonly database: Database;
  readonly store: EventStore;
  readonly kinds: readonly JobKind[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Before what failed is tried again the first time; then twice as long each time, up to 30 s. Default 1 s. */
  readonly firstDelayMs?: number;
}

/** Of a chunk or a plan that fails by itself. */
const TRIES = 5;
/** Of a chunk during which the process dies every time, without ever an error. */
const DEATHS = 10;
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;
/** Until a job looks again whether the one before it has ended. */
const TURN_MS = 200;
/** Of an error's detail; up to 500 of them go into one event. */
const DETAIL_LENGTH = 300;

interface Work extends JobOf<object> {
  readonly kind: string;
  readonly cursor: string | null;
  readonly chunks: number;
  readonly items: number;
  readonly planned: boolean;
}

/** What graphile-worker knows of a task besides its payload. */
interface Attempt {
  /** 1 at first. Higher without an error: the process died at it. */
  readonly attempts: number;
  readonly last_error: string | null;
}

/**
 * Does the tasks. A task may run several times, also at the same time as itself, after a kill or when its holder was
 * wrongly taken for dead: what it does is guarded by the rows it locks, not by being called once.
 *
 * A task that fails is replaced by another one that runs later, in the transaction that tells of it in the job. Only when
 * not even that is possible does the error leave: then the database is away, and graphile-worker tries again.
 */
export class JobTasks {
  private readonly kinds: ReadonlyMap<string, JobKind>;
  private readonly chunksRun;
  private readonly itemsFailed;
  private readonly faults;

  constructor(private readonly options: JobTasksOptions) {
    this.kinds = new Map(options.kinds.map((kind) => [kind.kind, kind]));
    const { metrics } = options;
    this.chunksRun = metrics.counter('muster_job_chunks_total', 'Chunks of jobs that are done', ['kind']);
    this.itemsFailed = metrics.counter('muster_job_items_failed_total', 'Items of jobs with an error', [
      'kind',
    ]);
    this.faults = metrics.counter('muster_job_faults_total', 'Chunks and plans that are tried again', [
      'code',
    ]);
  }

  async plan(task: Task, attempt: Attempt): Promise<void> {
    try {
      assertAlive(attempt);
      if (await this.waitsForTurn(task)) return;
      while (await this.planPage(task));
    } catch (error) {
      const known = asAppError(error);
      const refusal = known instanceof AppError && !isPassing(known.code) ? reasonOf(known) : undefined;
      await this.putOff(PLAN_TASK, task, known, async (tx) => {
        await this.record(tx, task, { type: 'FailJob', reason: refusal ?? OUR_FAULT, at: now() });
      });
    }
  }

  async chunk(task: Task & { readonly chunk: number }, attempt: Attempt): Promise<void> {
    try {
      assertAlive(attempt);
      await this.runChunk(task);
    } catch (error) {
      await this.putOff(CHUNK_TASK, task, asAppError(error), async (tx) => {
        const items = await lockChunk(tx, task);
        if (items === undefined) return;
        await this.finishChunk(
          tx,
          task,
          items,
          items.map(() => OUR_FAULT),
        );
      });
    }
  }

  /** Ids rise with the time of the start. A job that has not ended is never skipped: it says itself what it waits for. */
  private async waitsForTurn(task: Task): Promise<boolean> {
    const { database } = this.options;
    const work = await readWork(database, task);
    if (work === undefined || this.kindOf(work).inOrder !== true) return false;
    const { rows } = await database.query<{ job_id: string }>({
      name: 'job-before',
      text: `SELECT job_id FROM job_work
             WHERE tenant_id = $1 AND kind = $2 AND job_id < $3 AND ended_at IS NULL ORDER BY job_id DESC LIMIT 1`,
      values: [task.tenantId, work.kind, task.jobId],
    });
    const [before] = rows;
    if (before === undefined) return false;
    const reason = {
      code: 'unavailable',
      detail: `Waits for job ${before.job_id}, which was started before.`,
    };
    await database.transaction(async (tx) => {
      await this.record(tx, task, { type: 'WaitForFault', reason, at: now() });
      await addTask(tx, database.schema, PLAN_TASK, task, TURN_MS);
    });
    return true;
  }

  /** True: there is another page. */
  private async planPage(task: Task): Promise<boolean> {
    const { database } = this.options;
    const work = await readWork(database, task);
    if (work === undefined) return false;
    // Items that were given with the start are planned already, and only their tasks are missing.
    if (work.planned) {
      await database.transaction((tx) => this.finishPlan(tx, task, work));
      return false;
    }
    const kind = this.kindOf(work);
    if (kind.plan === undefined) throw new Error(`${kind.kind} cannot plan, and no items were given`);
    const page = await kind.plan(work, work.cursor);
    const chunks = chunksOf(page.items);
    return database.transaction(async (tx) => {
      const moved = await tx.query(
        `UPDATE job_work SET cursor = $3::text, planned = $3::text IS NULL, chunks = chunks + $4, items = items + $5
         WHERE tenant_id = $1 AND job_id = $2 AND NOT planned AND cursor IS NOT DISTINCT FROM $6`,
        [task.tenantId, task.jobId, page.next, chunks.length, page.items.length, work.cursor],
      );
      // Somebody else has stored this page meanwhile, and goes on with the next.
      if (moved.rowCount === 0) return false;
      await insertChunks(tx, task, work.chunks, chunks);
      if (page.next !== null) {
        await this.record(tx, task, { type: 'StartJob', at: now() });
        return true;
      }
      await this.finishPlan(tx, task, {
        ...work,
        chunks: work.chunks + chunks.length,
        items: work.items + page.items.length,
      });
      return false;
    });
  }

  private async finishPlan(
    tx: pg.PoolClient,
    task: Task,
    work: Pick<Work, 'chunks' | 'items'>,
  ): Promise<void> {
    const news = await this.record(tx, task, { type: 'PlanJob', total: work.items, at: now() });
    const { tenantId, jobId } = task;
    if (news > 0) await addChunkTasks(tx, this.options.database.schema, { tenantId, jobId }, work.chunks);
  }

  private async runChunk(task: Task & { readonly chunk: number }): Promise<void> {
    const { database } = this.options;
    const work = await readWork(database, task);
    const items = await openItems(database, task);
    if (work === undefined || items === undefined) return;
    const kind = this.kindOf(work);
    await kind.prepare?.(work, items);
    await database.transaction(async (tx) => {
      // Whoever runs the same chunk at the same time waits here, and then finds it done.
      if ((await lockChunk(tx, task)) === undefined) return;
      const outcomes = await kind.run(tx, work, items);
      if (outcomes.length !== items.length)
        throw new Error(`${kind.kind} gave ${outcomes.length} outcomes for ${items.length} items`);
      await this.finishChunk(tx, task, items, outcomes.map(settled));
    });
    this.chunksRun.inc({ kind: kind.kind });
  }

  /** Marks the chunk done and records its progress, which is the last thing to do: it locks the job for all its chunks. */
  private async finishChunk(
    tx: pg.PoolClient,
    task: Task & { readonly chunk: number },
    items: readonly string[],
    outcomes: readonly (JobReason | undefined)[],
  ): Promise<void> {
    const { tenantId, jobId, chunk } = task;
    const errors = outcomes.flatMap((reason, index) =>
      reason === undefined ? [] : [{ item: items[index] ?? '', ...reason }],
    );
    await tx.query('UPDATE job_chunks SET done = true WHERE tenant_id = $1 AND job_id = $2 AND chunk = $3', [
      tenantId,
      jobId,
      chunk,
    ]);
    await this.record(tx, task, { type: 'RecordChunk', chunk, items: items.length, errors, at: now() });
  }

  /** Returns how many events that caused. */
  private async record(tx: pg.PoolClient, { tenantId, jobId }: Task, command: JobCommand): Promise<number> {
    const { store } = this.options;
    const actor = await actorOf(tx, tenantId, jobId);
    if (actor === undefined) return 0;
    const { events, state } = await store.execute(job, {
      tenantId,
      id: jobId,
      command,
      metadata: { actor },
      within: tx,
    });
    if (state.standing?.endedAt !== undefined && events.length > 0) {
      await tx.query('UPDATE job_work SET ended_at = now() WHERE tenant_id = $1 AND job_id = $2', [
        tenantId,
        jobId,
      ]);
    }
    if (command.type === 'RecordChunk' && events.length > 0 && command.errors.length > 0) {
      this.itemsFailed.inc({ kind: state.standing?.kind ?? '' }, command.errors.length);
    }
    return events.length;
  }

  /** `giveUp` when the error is a bug that has come too often, or in a plan a refusal. */
  private async putOff(
    name: string,
    task: Task,
    error: unknown,
    giveUp: (tx: pg.PoolClient) => Promise<void>,
  ): Promise<void> {
    const { database, logger } = this.options;
    const passing = passingReason(error);
    const bugs = task.bugs + (passing === undefined ? 1 : 0);
    const faults = task.faults + (passing === undefined ? 0 : 1);
    const hopeless =
      passing === undefined &&
      (bugs >= TRIES || error instanceof Deadly || (name === PLAN_TASK && error instanceof AppError));
    this.faults.inc({ code: passing?.code ?? 'internal' });
    const about = { err: error, jobId: task.jobId, chunk: task.chunk, bugs, faults };
    if (passing !== undefined) logger.warn(about, 'a job waits');
    else logger.error(about, hopeless ? 'a step of a job is given up' : 'a step of a job failed');
    await database.transaction(async (tx) => {
      if (hopeless) return giveUp(tx);
      // Two transactions in each other's way are nothing to tell of.
      if (passing?.code !== 'concurrent-change' || faults > 3) {
        await this.record(tx, task, { type: 'WaitForFault', reason: passing ?? TRIED_AGAIN, at: now() });
      }
      const delayMs = Math.min(
        (this.options.firstDelayMs ?? FIRST_DELAY_MS) * 2 ** (bugs + faults - 1),
        MAX_DELAY_MS,
      );
      await addTask(tx, database.schema, name, { ...task, bugs, faults }, delayMs);
    });
  }

  private kindOf({ kind }: Work): JobKind {
    const known = this.kinds.get(kind);
    // During an update an older replica may come upon a job of the newer one.
    if (known === undefined)
      throw new AppError('unavailable', `This version of the service knows no jobs of kind "${kind}".`);
    return known;
  }
}

const OUR_FAULT: JobReason = {
  code: 'internal',
  detail: 'Something failed on our side; the log of the service has the cause.',
};
const TRIED_AGAIN: JobReason = {
  code: 'internal',
  detail: 'Something failed on our side; it is tried again.',
};

/** The process ended again and again at the same task. */
class Deadly extends Error {
  override readonly name = 'Deadly';
}

const assertAlive = ({ attempts, last_error }: Attempt): void => {
  if (attempts > DEATHS && last_error === null)
    throw new Deadly(`the process ended ${attempts - 1} times while it worked on this`);
};

const isPassing = (code: string | undefined): boolean =>
  code === 'unavailable' || code === 'deadline-exceeded' || code === 'concurrent-change';

/** Why it is worth trying again; undefined: a bug. */
const passingReason = (error: unknown): JobReason | undefined => {
  if (error instanceof AppError) return isPassing(error.code) ? reasonOf(error) : undefined;
  // Serialization failure and deadlock, which the event store leaves as they are inside our transaction.
  const state = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return state === '40001' || state === '40P01'
    ? { code: 'concurrent-change', detail: 'Somebody else changed the same at the same time.' }
    : undefined;
};

const reasonOf = ({ code, detail }: AppError): JobReason => ({ code, detail });

/** An outcome that passes by itself undoes the chunk, which is then tried again. */
const settled = ({ code, detail = '' }: { readonly code?: string; readonly detail?: string }) => {
  if (code === undefined) return undefined;
  if (code === 'unavailable' || code === 'deadline-exceeded' || code === 'concurrent-change')
    throw new AppError(code, detail);
  return { code, detail: detail.slice(0, DETAIL_LENGTH) };
};

const readWork = async (database: Database, { tenantId, jobId }: Task): Promise<Work | undefined> => {
  const { rows } = await database.query<Omit<Work, 'tenantId' | 'jobId'>>({
    name: 'job-work',
    text: `SELECT kind, params, actor, cursor, chunks, items, planned FROM job_work
           WHERE tenant_id = $1 AND job_id = $2 AND ended_at IS NULL`,
    values: [tenantId, jobId],
  });
  return rows[0] === undefined ? undefined : { tenantId, jobId, ...rows[0] };
};

/** Undefined: done, or removed. */
const openItems = async (
  database: Database,
  { tenantId, jobId, chunk }: Task,
): Promise<readonly string[] | undefined> => {
  const { rows } = await database.query<{ items: string[] }>({
    name: 'job-chunk',
    text: 'SELECT items FROM job_chunks WHERE tenant_id = $1 AND job_id = $2 AND chunk = $3 AND NOT done',
    values: [tenantId, jobId, chunk],
  });
  return rows[0]?.items;
};

/** Undefined: done, or removed. */
const lockChunk = async (
  tx: pg.PoolClient,
  { tenantId, jobId, chunk }: Task,
): Promise<readonly string[] | undefined> => {
  const { rows } = await tx.query<{ items: string[]; done: boolean }>({
    name: 'lock-job-chunk',
    text: `SELECT items, done FROM job_chunks WHERE tenant_id = $1 AND job_id = $2 AND chunk = $3 FOR UPDATE`,
    values: [tenantId, jobId, chunk],
  });
  return rows[0]?.done === false ? rows[0].items : undefined;
};

const actorOf = async (tx: pg.PoolClient, tenantId: string, jobId: string): Promise<Actor | undefined> => {
  const { rows } = await tx.query<{ actor: Actor }>({
    name: 'job-actor',
    text: 'SELECT actor FROM job_work WHERE tenant_id = $1 AND job_id = $2',
    values: [tenantId, jobId],
  });
  return rows[0]?.actor;
};

const now = (): string => new Date().toISOString();
