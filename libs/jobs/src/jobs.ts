import { AppError, newId, type Actor } from '@muster/contracts';
import type { JobItemError, JobStands } from '@muster/contracts/jobs/published';
import type { Database, EventStore } from '@muster/event-store';
import type pg from 'pg';
import { job } from './job.decider.js';
import type { JobStanding } from './job.events.js';
import type { JobKind } from './job-kind.js';
import { JobRecord, type JobKey } from './job-record.js';
import { addTask, PLAN_TASK, planTask } from './tasks.js';

/** Items of one chunk: the unit of progress, of a transaction and of what is done again after a kill. */
export const CHUNK_ITEMS = 500;

export interface StartJob {
  readonly tenantId: string;
  /** One of the kinds given to `Jobs`; of a job with children any name, as it has nothing to do itself. */
  readonly kind: string;
  /** JSON; read again for every chunk, so keep lists of items out of it. */
  readonly params: object;
  readonly actor: Actor;
  /** Distinct; when they are known already. Otherwise the kind plans them. */
  readonly items?: readonly string[];
  /** It begins when it is released. Not of a kind in order: the ones behind it would wait for somebody's hand. */
  readonly held?: boolean;
  /** In place of items: its service works through them by itself, and says by `progress` how far it is. */
  readonly driven?: Driven;
  /** In place of items, at least one: the jobs it is made of, which have no children of their own. */
  readonly children?: readonly StartChild[];
  readonly jobId?: string;
}

export interface Driven {
  /** How many items it has. */
  readonly total: number;
  /** What an operator is told who wants to cancel or retry it, a sentence: by what else that is done. */
  readonly instead: string;
}

export type StartChild = Pick<StartJob, 'kind' | 'params' | 'items' | 'held' | 'driven'> & {
  /** Where the caller must know it beforehand: an id of `newId`. */
  readonly jobId?: string;
};

interface NewJob extends Omit<StartJob, 'children'> {
  readonly parent?: string;
  readonly retryOf?: string;
  readonly children?: readonly (StartChild & { readonly retryOf?: string })[];
}

/** Starts, cancels and retries jobs of this service. */
export class Jobs {
  private readonly kinds: ReadonlyMap<string, JobKind>;
  private readonly log: JobRecord;

  constructor(
    private readonly database: Database,
    private readonly store: EventStore,
    kinds: readonly JobKind[],
  ) {
    this.kinds = new Map(kinds.map((kind) => [kind.kind, kind]));
    this.log = new JobRecord(database.schema, store);
  }

  /**
   * Returns the job's id. The job exists, and its work will be done, if and only if `tx` is committed. Whoever starts another
   * one of a kind in order, for the same tenant, waits for the end of `tx`: start it late in the transaction.
   */
  start(tx: pg.PoolClient, request: StartJob): Promise<string> {
    return this.create(tx, request);
  }

  /** Lets a job begin that was started as `held`. False: it has been released before, or has ended, or there is none. */
  async release(tx: pg.PoolClient, { tenantId, jobId }: JobKey): Promise<boolean> {
    const { rowCount } = await tx.query(
      'UPDATE job_work SET held = false WHERE tenant_id = $1 AND job_id = $2 AND held AND ended_at IS NULL',
      [tenantId, jobId],
    );
    if (rowCount === 0) return false;
    await addTask(tx, this.database.schema, PLAN_TASK, planTask(tenantId, jobId));
    return true;
  }

  /**
   * Nothing more of the job, or of its children, is begun; chunks in hand are finished, and with the last of them it is
   * `cancelled`. The same answer to whoever asks again. AppError `job-not-found`, `job-finished`, `job-not-cancellable`.
   */
  cancel({ tenantId, jobId, actor }: JobKey & { readonly actor: Actor }): Promise<JobStands> {
    return this.database.transaction(async (tx) => {
      // Children before their parent, as everywhere: see lockJob.
      const { family, own } = await lockFamily(tx, { tenantId, jobId });
      const driven = family.find((one) => one.driven !== null)?.driven;
      if (driven != null) throw new AppError('job-not-cancellable', driven);
      const fixed = family.find(({ kind }) => this.kinds.get(kind)?.cancel === false);
      if (fixed !== undefined)
        throw new AppError('job-not-cancellable', `Jobs of the kind ${fixed.kind} cannot be cancelled.`);
      const at = new Date().toISOString();
      const cancelOne = async (key: JobKey): Promise<void> => {
        const inHand = await dropChunks(tx, key);
        await this.log.record(tx, key, { type: 'CancelJob', actor, inHand, at }, actor);
      };
      // The parent first: it must know that it is cancelled when its children tell it of their end.
      await cancelOne({ tenantId, jobId });
      for (const child of family) {
        if (child !== own && !child.ended) await cancelOne({ tenantId, jobId: child.job_id });
      }
      const { state, version } = await this.store.load(job, tenantId, jobId, { within: tx });
      if (state.standing === null) throw notFound();
      return standsOf(jobId, state.standing, version, own.actor);
    });
  }

  /**
   * How far a driven job is: absolute numbers of this moment, so that it may be said twice. What is lower than was said
   * before changes nothing. With the last item it ends. `errors`: of those that failed since the last time, at most 500; with equal numbers they are not told again.
   */
  async progress(
    tx: pg.PoolClient,
    key: JobKey,
    {
      done,
      failed,
      errors = [],
    }: { readonly done: number; readonly failed: number; readonly errors?: readonly JobItemError[] },
  ): Promise<void> {
    await this.log.record(tx, key, { type: 'Advance', done, failed, errors, at: new Date().toISOString() });
  }

  /** Ends a driven job, or all that is open of one whose children are driven, as `cancelled`. Again: nothing. */
  async finish(
    tx: pg.PoolClient,
    { tenantId, jobId, actor }: JobKey & { readonly actor: Actor },
  ): Promise<void> {
    const { family } = await lockFamily(tx, { tenantId, jobId });
    const at = new Date().toISOString();
    // The parent first: it must know that it is cancelled when its children tell it of their end.
    for (const { job_id: id, ended } of [...family].reverse()) {
      if (!ended)
        await this.log.record(
          tx,
          { tenantId, jobId: id },
          { type: 'CancelJob', actor, inHand: [], at },
          actor,
        );
    }
  }

  /**
   * Returns the id of a new job of the failed items of one that has ended; of one with children, of those that have any.
   * Where not even the items could be found, the whole is tried again. AppError `job-not-found`, `job-not-finished`,
   * `job-not-retryable`, `job-without-failures`.
   */
  async retry(
    tx: pg.PoolClient,
    { tenantId, jobId, actor }: JobKey & { readonly actor: Actor },
  ): Promise<string> {
    const { rows } = await tx.query<{ job_id: string; kind: string; params: object; driven: string | null }>(
      `SELECT job_id, kind, params, driven FROM job_work
       WHERE tenant_id = $1 AND (job_id = $2 OR parent = $2) ORDER BY job_id`,
      [tenantId, jobId],
    );
    const driven = rows.find((row) => row.driven !== null)?.driven;
    if (driven != null) throw new AppError('job-not-retryable', driven);
    const loaded = await this.store.loadMany(
      job,
      rows.map(({ job_id: id }) => ({ tenantId, id })),
      { within: tx },
    );
    const family = rows.map(({ job_id: id, kind, params }, nth) => ({
      retryOf: id,
      kind,
      params,
      standing: loaded[nth]?.state.standing,
    }));
    const own = family.find(({ retryOf }) => retryOf === jobId);
    if (own?.standing == null) throw notFound();
    if (own.standing.endedAt === undefined)
      throw new AppError(
        'job-not-finished',
        `The job is ${own.standing.status}; only one that ended can be retried.`,
      );
    const parts = family.filter(({ retryOf }) => retryOf !== jobId || family.length === 1);
    const failed = parts.filter(({ standing }) => standing != null && hasFailed(standing));
    if (failed.length === 0) throw new AppError('job-without-failures', 'None of its items has failed.');
    const fixed = failed.find(({ kind }) => this.kinds.get(kind)?.retry === false);
    if (fixed !== undefined)
      throw new AppError('job-not-retryable', `Jobs of the kind ${fixed.kind} cannot be retried.`);
    return this.create(tx, {
      tenantId,
      actor,
      kind: own.kind,
      params: own.params,
      retryOf: jobId,
      ...(family.length === 1 ? {} : { children: failed }),
    });
  }

  private async create(tx: pg.PoolClient, request: NewJob): Promise<string> {
    const { tenantId, kind, params, actor, items, held = false, children, parent, retryOf, driven } = request;
    const jobId = request.jobId ?? newId();
    if (children?.length === 0) throw new Error('a job is made of at least one child, or of items');
    const family = children?.map((child) => ({
      ...child,
      tenantId,
      actor,
      parent: jobId,
      jobId: child.jobId ?? newId(),
    }));
    const chunks = items === undefined ? [] : chunksOf(items);
    const lane = children === undefined && this.kinds.get(kind)?.inOrder === true ? kind : null;
    if (held && (lane !== null || family !== undefined))
      throw new Error('a job in order, or with children, cannot be held');
    await tx.query(
      `INSERT INTO job_work
         (tenant_id, job_id, kind, params, actor, chunks, items, planned, parent, retry_of, lane, place, held, driven)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
      [
        tenantId,
        jobId,
        kind,
        JSON.stringify(params),
        JSON.stringify(actor),
        chunks.length,
        driven?.total ?? items?.length ?? 0,
        items !== undefined || driven !== undefined,
        parent ?? null,
        retryOf ?? null,
        lane,
        lane === null ? null : await takePlace(tx, tenantId, lane),
        held,
        driven?.instead ?? null,
      ],
    );
    await insertChunks(tx, { tenantId, jobId }, 0, chunks);
    await this.store.execute(job, {
      tenantId,
      id: jobId,
      command: {
        type: 'CreateJob',
        kind,
        actor,
        at: new Date().toISOString(),
        ...(parent === undefined ? {} : { parent }),
        ...(retryOf === undefined ? {} : { retryOf }),
        ...(family === undefined ? {} : { children: family.map((child) => child.jobId) }),
        ...(driven === undefined ? {} : { total: driven.total }),
      },
      // Only the whole of it was asked for by somebody.
      metadata: { actor, ...(parent === undefined ? {} : { job: parent }) },
      within: tx,
    });
    for (const child of family ?? []) {
      await this.create(tx, child);
      // Of the others the parent hears when they are planned.
      if (child.driven !== undefined) await this.tellParent(tx, child, child.driven.total);
    }
    // What has children, or is driven, has nothing to do itself.
    if (family === undefined && driven === undefined && !held)
      await addTask(tx, this.database.schema, PLAN_TASK, planTask(tenantId, jobId));
    return jobId;
  }

  private async tellParent(
    tx: pg.PoolClient,
    {
      tenantId,
      parent,
      jobId,
    }: { readonly tenantId: string; readonly parent: string; readonly jobId: string },
    total: number,
  ): Promise<void> {
    await this.log.record(
      tx,
      { tenantId, jobId: parent },
      {
        type: 'RecordChild',
        child: jobId,
        standing: { status: 'created', total, done: 0, failed: 0 },
        at: new Date().toISOString(),
      },
    );
  }
}

interface Relative {
  readonly job_id: string;
  readonly kind: string;
  readonly actor: Actor;
  readonly ended: boolean;
  readonly driven: string | null;
}

/** A job and its children, locked: children before their parent, as everywhere (see lockJob). AppError `job-not-found`. */
const lockFamily = async (
  tx: pg.PoolClient,
  { tenantId, jobId }: JobKey,
): Promise<{ readonly family: readonly Relative[]; readonly own: Relative }> => {
  const { rows: family } = await tx.query<Relative>(
    `SELECT job_id, kind, actor, ended_at IS NOT NULL AS ended, driven FROM job_work
     WHERE tenant_id = $1 AND (job_id = $2 OR parent = $2)
     ORDER BY job_id = $2, job_id FOR NO KEY UPDATE`,
    [tenantId, jobId],
  );
  const own = family.at(-1);
  if (own?.job_id !== jobId) throw notFound();
  return { family, own };
};

const notFound = (): AppError => new AppError('job-not-found', 'No such job.');

/** Some of its items, or the finding of them. */
const hasFailed = ({ failed, status }: JobStanding): boolean => failed > 0 || status === 'failed';

/** The place of a job in its lane, behind all that were ever committed; whoever asks next waits for the commit of `tx`. */
const takePlace = async (tx: pg.PoolClient, tenantId: string, lane: string): Promise<string> => {
  const { rows } = await tx.query<{ place: string }>(
    `INSERT INTO job_lanes AS l (tenant_id, lane, place) VALUES ($1, $2, 1)
     ON CONFLICT (tenant_id, lane) DO UPDATE SET place = l.place + 1 RETURNING place`,
    [tenantId, lane],
  );
  if (rows[0] === undefined) throw new Error('no place was given');
  return rows[0].place;
};

/**
 * Takes away what nobody has begun. Returns the chunks somebody works on: their rows are locked, and whoever comes to lock one
 * later finds the job cancelled. A second time there is nothing left to take away; a chunk whose worker died must stay
 * for the next one, which says that it is dropped.
 */
const dropChunks = async (tx: pg.PoolClient, { tenantId, jobId }: JobKey): Promise<readonly number[]> => {
  const key = [tenantId, jobId];
  const first = await tx.query(
    'UPDATE job_work SET cancelled = true WHERE tenant_id = $1 AND job_id = $2 AND NOT cancelled',
    key,
  );
  if (first.rowCount === 0) return [];
  await tx.query(
    `WITH idle AS (SELECT chunk FROM job_chunks WHERE tenant_id = $1 AND job_id = $2 AND NOT done
                   FOR UPDATE SKIP LOCKED)
     UPDATE job_chunks c SET done = true FROM idle
     WHERE c.tenant_id = $1 AND c.job_id = $2 AND c.chunk = idle.chunk`,
    key,
  );
  const { rows } = await tx.query<{ chunk: number }>(
    'SELECT chunk FROM job_chunks WHERE tenant_id = $1 AND job_id = $2 AND NOT done ORDER BY chunk',
    key,
  );
  return rows.map(({ chunk }) => chunk);
};

/** As others are told of it. */
export const standsOf = (
  jobId: string,
  { createdBy, ...standing }: JobStanding,
  version: number,
  /** Of a job that does not say whose it is. */
  actor: Actor,
): JobStands => ({ jobId, ...standing, actor: createdBy ?? actor, version });

export const chunksOf = (items: readonly string[]): readonly (readonly string[])[] => {
  const chunks: (readonly string[])[] = [];
  for (let start = 0; start < items.length; start += CHUNK_ITEMS) {
    chunks.push(items.slice(start, start + CHUNK_ITEMS));
  }
  return chunks;
};

/** `first` is the number of the first of `chunks`. */
export const insertChunks = async (
  tx: pg.PoolClient,
  { tenantId, jobId }: JobKey,
  first: number,
  chunks: readonly (readonly string[])[],
): Promise<void> => {
  if (chunks.length === 0) return;
  await tx.query(
    `INSERT INTO job_chunks (tenant_id, job_id, chunk, items)
     SELECT $1, $2, $3 + n.nth - 1, n.items::jsonb FROM unnest($4::text[]) WITH ORDINALITY AS n (items, nth)`,
    [tenantId, jobId, first, chunks.map((items) => JSON.stringify(items))],
  );
};
