import { newId, type Actor } from '@muster/contracts';
import type { Database, EventStore } from '@muster/event-store';
import type pg from 'pg';
import { job } from './job.decider.js';
import { addTask, PLAN_TASK } from './tasks.js';

/** Items of one chunk: the unit of progress, of a transaction and of what is done again after a kill. */
export const CHUNK_ITEMS = 500;

export interface StartJob {
  readonly tenantId: string;
  /** One of the kinds given to `startJobWorkers`. */
  readonly kind: string;
  /** JSON; read again for every chunk, so keep lists of items out of it. */
  readonly params: object;
  readonly actor: Actor;
  /** The job this one is a part of. */
  readonly parent?: string;
  /** Distinct; when they are known already. Otherwise the kind plans them. */
  readonly items?: readonly string[];
}

/** Starts jobs of this service. */
export class Jobs {
  constructor(
    private readonly database: Database,
    private readonly store: EventStore,
  ) {}

  /** Returns the job's id. The job exists, and its work will be done, if and only if `tx` is committed. */
  async start(tx: pg.PoolClient, request: StartJob): Promise<string> {
    const { tenantId, kind, params, actor, parent, items } = request;
    const jobId = newId();
    const chunks = items === undefined ? [] : chunksOf(items);
    await tx.query(
      `INSERT INTO job_work (tenant_id, job_id, kind, params, actor, chunks, items, planned)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        tenantId,
        jobId,
        kind,
        JSON.stringify(params),
        JSON.stringify(actor),
        chunks.length,
        items?.length ?? 0,
        items !== undefined,
      ],
    );
    await insertChunks(tx, { tenantId, jobId }, 0, chunks);
    await this.store.execute(job, {
      tenantId,
      id: jobId,
      command: {
        type: 'CreateJob',
        kind,
        at: new Date().toISOString(),
        ...(parent === undefined ? {} : { parent }),
      },
      metadata: { actor },
      within: tx,
    });
    await addTask(tx, this.database.schema, PLAN_TASK, { tenantId, jobId, faults: 0, bugs: 0 });
    return jobId;
  }
}

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
  { tenantId, jobId }: { readonly tenantId: string; readonly jobId: string },
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
