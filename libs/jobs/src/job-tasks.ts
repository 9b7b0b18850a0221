import { AppError, isErrorCode, isPassing, isRefused } from '@muster/contracts';
import { cutText } from '@muster/contracts/cut-text';
import type { JobFault } from '@muster/contracts/jobs/published';
import { asAppError, withinJob, type Database, type EventStore } from '@muster/event-store';
import type { Logger, Metrics } from '@muster/observability';
import type pg from 'pg';
import { assertAlive, backoffMs, Deadly, type Attempt } from './attempt.js';
import { job } from './job.decider.js';
import type { JobItemOutcome, JobKind, JobOf, PlanPage } from './job-kind.js';
import { JobRecord, lockJob, lockLane } from './job-record.js';
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
/** Chunks of the job that is retried whose errors make one page of the plan. */
const RETRY_PAGE_CHUNKS = 20;
/** Of an error's detail; up to 500 of them go into one event. */
const DETAIL_LENGTH = 300;

interface Work extends JobOf<object> {
  readonly kind: string;
  readonly cursor: string | null;
  readonly chunks: number;
  readonly items: number;
  readonly planned: boolean;
  readonly lane: string | null;
  readonly retryOf: string | null;
  readonly cancelled: boolean;
}

type ChunkTask = Task & { readonly chunk: number };

interface Failure {
  readonly bugs: number;
  readonly faults: number;
  /** It is not tried again. */
  readonly hopeless: boolean;
  /** What is told of it while it is. */
  readonly fault: JobFault;
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
  private readonly log: JobRecord;
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
    this.log = new JobRecord(options.database.schema, options.store, (kind, errors) => {
      if (errors.length > 0) this.itemsFailed.inc({ kind }, errors.length);
    });
  }

  async plan(task: Task, attempt: Attempt): Promise<void> {
    try {
      assertAlive(attempt);
      if (await this.waitsForTurn(task)) return;
      while (await this.planPage(task));
    } catch (error) {
      const known = asAppError(error);
      const refused = isRefused(known);
      const failure = this.failureOf(task, known, refused);
      await this.options.database.transaction(async (tx) => {
        if (failure.hopeless)
          await this.log.record(tx, task, { type: 'FailJob', reason: lastReason(known), at: now() });
        else await this.putOff(tx, PLAN_TASK, task, failure);
      });
    }
  }

  async chunk(task: ChunkTask, attempt: Attempt): Promise<void> {
    try {
      assertAlive(attempt);
      await this.runChunk(task);
    } catch (error) {
      const known = asAppError(error);
      const failure = this.failureOf(task, known, false);
      await this.options.database.transaction(async (tx) => {
        const items = await lockChunk(tx, task);
        if (items === undefined) return;
        if ((await lockJob(tx, task))?.cancelled === true) return this.dropChunk(tx, task);
        if (!failure.hopeless) return this.putOff(tx, CHUNK_TASK, task, failure);
        await this.finishChunk(
          tx,
          task,
          items,
          items.map(() => lastReason(known)),
        );
      });
    }
  }

  /** A job that waits is not looked at again until the one before it has ended: see JobRecord. */
  private async waitsForTurn(task: Task): Promise<boolean> {
    const { database } = this.options;
    const work = await readWork(database, task);
    if (work?.lane == null) return false;
    const { tenantId, lane } = { ...task, lane: work.lane };
    return database.transaction(async (tx) => {
      const locked = await lockJob(tx, task);
      if (locked === undefined) return false;
      if (locked.parent !== null) await lockJob(tx, { tenantId, jobId: locked.parent });
      await lockLane(tx, tenantId, lane);
      const { rows } = await tx.query<{ job_id: string }>({
        name: 'job-before',
        text: `SELECT job_id FROM job_work WHERE tenant_id = $1 AND lane = $2 AND place < $3 AND ended_at IS NULL
               ORDER BY place DESC LIMIT 1`,
        values: [tenantId, lane, locked.place],
      });
      const [before] = rows;
      if (before === undefined) return false;
      await this.log.record(tx, task, { type: 'WaitForTurn', before: before.job_id, at: now() });
      return true;
    });
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
    const page = (await this.failedPage(work)) ?? (await this.pageOf(work));
    const chunks = chunksOf(page.items);
    return database.transaction(async (tx) => {
      const moved = await tx.query(
        `UPDATE job_work SET cursor = $3::text, planned = $3::text IS NULL, chunks = chunks + $4, items = items + $5
         WHERE tenant_id = $1 AND job_id = $2 AND NOT planned AND ended_at IS NULL AND cursor IS NOT DISTINCT FROM $6`,
        [task.tenantId, task.jobId, page.next, chunks.length, page.items.length, work.cursor],
      );
      // Somebody else has stored this page meanwhile and goes on with the next, or has cancelled the job.
      if (moved.rowCount === 0) return false;
      await insertChunks(tx, task, work.chunks, chunks);
      if (page.next !== null) {
        await this.log.record(tx, task, { type: 'StartJob', at: now() });
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

  private pageOf(work: Work): Promise<PlanPage> {
    const kind = this.kindOf(work);
    if (kind.plan === undefined) throw new Error(`${kind.kind} cannot plan, and no items were given`);
    return kind.plan(work, work.cursor);
  }

  /** Of the job that is retried: undefined when it is none, or failed as a whole. */
  private async failedPage({ tenantId, retryOf, cursor }: Work): Promise<PlanPage | undefined> {
    if (retryOf === null) return undefined;
    const { store } = this.options;
    const { state } = await store.load(job, tenantId, retryOf);
    if (state.standing === null) throw new AppError('job-not-found', `Job ${retryOf} has been forgotten.`);
    if (state.standing.failed === 0) return undefined;
    const events = await store.readStream(tenantId, job, retryOf, {
      types: ['JobProgressed'],
      fromVersion: cursor === null ? 0 : Number(cursor),
      limit: RETRY_PAGE_CHUNKS,
    });
    const last = events.at(-1);
    return {
      items: events.flatMap((event) =>
        event.type === 'JobProgressed' ? event.data.errors.map(({ item }) => item) : [],
      ),
      next: last === undefined || events.length < RETRY_PAGE_CHUNKS ? null : String(last.version + 1),
    };
  }

  private async finishPlan(
    tx: pg.PoolClient,
    task: Task,
    work: Pick<Work, 'chunks' | 'items'>,
  ): Promise<void> {
    const recorded = await this.log.record(tx, task, { type: 'PlanJob', total: work.items, at: now() });
    const { tenantId, jobId } = task;
    if (recorded !== undefined && recorded.news > 0)
      await addChunkTasks(tx, this.options.database.schema, { tenantId, jobId }, work.chunks);
  }

  private async runChunk(task: ChunkTask): Promise<void> {
    const { database } = this.options;
    const work = await readWork(database, task);
    const items = await openItems(database, task);
    if (work === undefined || items === undefined) return;
    const kind = this.kindOf(work);
    if (!work.cancelled) await withinJob(task.jobId, async () => kind.prepare?.(work, items));
    await database.transaction(async (tx) => {
      // Whoever runs the same chunk at the same time waits here, and then finds it done.
      if ((await lockChunk(tx, task)) === undefined) return;
      // Not before the lock: who cancels takes a chunk that is locked for one that will be done, or dropped here.
      if (await isCancelled(tx, task)) return this.dropChunk(tx, task);
      const outcomes = await withinJob(task.jobId, () => kind.run(tx, work, items));
      if (outcomes.length !== items.length)
        throw new Error(`${kind.kind} gave ${outcomes.length} outcomes for ${items.length} items`);
      await this.finishChunk(tx, task, items, outcomes.map(settled));
    });
    this.chunksRun.inc({ kind: kind.kind });
  }

  /** Marks the chunk done and records its progress, which is the last thing to do: it locks the job for all its chunks. */
  private async finishChunk(
    tx: pg.PoolClient,
    task: ChunkTask,
    items: readonly string[],
    outcomes: readonly (JobFault | undefined)[],
  ): Promise<void> {
    const { chunk } = task;
    const errors = outcomes.flatMap((fault, index) =>
      fault === undefined ? [] : [{ item: items[index] ?? '', ...fault }],
    );
    await markDone(tx, task);
    await this.log.record(tx, task, { type: 'RecordChunk', chunk, items: items.length, errors, at: now() });
  }

  private async dropChunk(tx: pg.PoolClient, task: ChunkTask): Promise<void> {
    await markDone(tx, task);
    await this.log.record(tx, task, { type: 'DropChunk', chunk: task.chunk, at: now() });
  }

  /** Counts and logs it. `refused`: to try it again would be of no use. */
  private failureOf(task: Task, error: unknown, refused: boolean): Failure {
    const passing = passingFault(error);
    const bugs = task.bugs + (passing === undefined ? 1 : 0);
    const faults = task.faults + (passing === undefined ? 0 : 1);
    const hopeless = passing === undefined && (refused || bugs >= TRIES || error instanceof Deadly);
    this.faults.inc({ code: passing?.code ?? 'internal' });
    const about = { err: error, jobId: task.jobId, chunk: task.chunk, bugs, faults };
    const { logger } = this.options;
    if (passing !== undefined) logger.warn(about, 'a job waits');
    else logger.error(about, hopeless ? 'a step of a job is given up' : 'a step of a job failed');
    return { bugs, faults, hopeless, fault: passing ?? TRIED_AGAIN };
  }

  private async putOff(
    tx: pg.PoolClient,
    name: string,
    task: Task,
    { bugs, faults, fault }: Failure,
  ): Promise<void> {
    const at = now();
    const since = task.since ?? at;
    // Two transactions in each other's way are nothing to tell of.
    if (fault.code !== 'concurrent-change' || faults > 3) {
      const chunk = task.chunk ?? null;
      await this.log.record(tx, task, { type: 'WaitForFault', chunk, fault, since, at });
    }
    const { database, firstDelayMs } = this.options;
    const delayMs = backoffMs(bugs + faults, firstDelayMs);
    await addTask(tx, database.schema, name, { ...task, bugs, faults, since }, delayMs);
  }

  private kindOf({ kind }: Work): JobKind {
    const known = this.kinds.get(kind);
    // During an update an older replica may come upon a job of the newer one.
    if (known === undefined)
      throw new AppError('unavailable', `This version of the service knows no jobs of kind "${kind}".`);
    return known;
  }
}

const OUR_FAULT: JobFault = {
  code: 'internal',
  detail: 'Something failed on our side; the log of the service has the cause.',
};
const TRIED_AGAIN: JobFault = {
  code: 'internal',
  detail: 'Something failed on our side; it is tried again.',
};

/** Why it is worth trying again; undefined: it is not. */
const passingFault = (error: unknown): JobFault | undefined => {
  if (!isPassing(error)) return undefined;
  return error instanceof AppError
    ? faultOf(error)
    : { code: 'concurrent-change', detail: 'Somebody else changed the same at the same time.' };
};

/** What is told of an error that is not tried again. */
const lastReason = (error: unknown): JobFault =>
  error instanceof AppError && error.code !== 'internal' ? faultOf(error) : OUR_FAULT;

const faultOf = ({ code, detail }: AppError): JobFault => ({ code, detail: cutText(detail, DETAIL_LENGTH) });

/** An outcome that passes by itself undoes the chunk, which is then tried again. */
const settled = ({ code, detail = '' }: JobItemOutcome): JobFault | undefined => {
  if (code === undefined) return undefined;
  if (isPassing({ code }) && isErrorCode(code)) throw new AppError(code, detail);
  return { code, detail: cutText(detail, DETAIL_LENGTH) };
};

const readWork = async (database: Database, { tenantId, jobId }: Task): Promise<Work | undefined> => {
  const { rows } = await database.query<Omit<Work, 'tenantId' | 'jobId'>>({
    name: 'job-work',
    text: `SELECT kind, params, actor, cursor, chunks, items, planned, lane, retry_of AS "retryOf", cancelled
           FROM job_work
           WHERE tenant_id = $1 AND job_id = $2 AND ended_at IS NULL`,
    values: [tenantId, jobId],
  });
  return rows[0] === undefined ? undefined : { tenantId, jobId, ...rows[0] };
};

/** Undefined: done, or removed. */
const openItems = async (
  database: Database,
  { tenantId, jobId, chunk }: ChunkTask,
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
  { tenantId, jobId, chunk }: ChunkTask,
): Promise<readonly string[] | undefined> => {
  const { rows } = await tx.query<{ items: string[]; done: boolean }>({
    name: 'lock-job-chunk',
    text: `SELECT items, done FROM job_chunks WHERE tenant_id = $1 AND job_id = $2 AND chunk = $3 FOR UPDATE`,
    values: [tenantId, jobId, chunk],
  });
  return rows[0]?.done === false ? rows[0].items : undefined;
};

const markDone = async (tx: pg.PoolClient, { tenantId, jobId, chunk }: ChunkTask): Promise<void> => {
  await tx.query('UPDATE job_chunks SET done = true WHERE tenant_id = $1 AND job_id = $2 AND chunk = $3', [
    tenantId,
    jobId,
    chunk,
  ]);
};

/** Not locked: all chunks of a job would wait for each other. */
const isCancelled = async (tx: pg.PoolClient, { tenantId, jobId }: Task): Promise<boolean> => {
  const { rows } = await tx.query<{ cancelled: boolean }>({
    name: 'job-cancelled',
    text: 'SELECT cancelled FROM job_work WHERE tenant_id = $1 AND job_id = $2',
    values: [tenantId, jobId],
  });
  return rows[0]?.cancelled !== false;
};

const now = (): string => new Date().toISOString();
