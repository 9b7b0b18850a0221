import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '@muster/event-store';
import type { Logger } from '@muster/observability';
import type pg from 'pg';
import { workerSchema } from './worker-schema.js';

export interface WorkerLeases {
  /** This process has a worker of that id. */
  hold(workerId: string): void;
  /** It has not any more; what the worker left locked is freed. */
  release(workerId: string): void;
  check(): void;
  stop(): Promise<void>;
}

const SWEEP_MS = 1_000;
const MAX_BACKOFF_MS = 5_000;
const UNWELL_AFTER_MS = 10_000;

/**
 * graphile-worker writes into a task who has it, and frees it four hours after its holder was killed. Here it takes about
 * a second: each worker's life is a session lock of PostgreSQL, which ends with the connection of its process however that
 * ends; every process looks for tasks whose holder's lock is free, and frees them.
 *
 * Where a living worker is taken for dead (its connection broke, it has just begun), its task runs twice, and the second finds
 * the chunk locked or done. Whoever is done first removes the task, and graphile-worker frees the queue of a task only together
 * with it: the other one leaves the queue locked, in the name of a worker that may live on. That is freed here, too.
 */
export const keepWorkerLeases = (database: Database, logger: Logger): WorkerLeases => {
  const stopping = new AbortController();
  const own = new Set<string>();
  let failingSince: number | undefined;
  let failure: unknown;

  const session = async (): Promise<void> => {
    const client = await database.dedicated();
    const held = new Set<string>();
    try {
      // A host that lost its power closes no connection: PostgreSQL asks whether it is there.
      await client.query('SET tcp_keepalives_idle = 5');
      await client.query('SET tcp_keepalives_interval = 2');
      await client.query('SET tcp_keepalives_count = 3');
      while (!stopping.signal.aborted) {
        for (const id of own) if (!held.has(id)) await lock(client, database.schema, id);
        for (const id of held) if (!own.has(id)) await unlock(client, database.schema, id);
        held.clear();
        for (const id of own) held.add(id);
        const dead = await freeTasksOfTheDead(client, database.schema, [...own]);
        if (dead.length > 0) logger.warn({ workers: dead }, 'tasks of workers that died are free again');
        const queues = await freeQueuesOfNobody(client, database.schema);
        if (queues.length > 0) logger.warn({ queues }, 'queues in which nobody works are free again');
        failingSince = undefined;
        await pause(SWEEP_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  };

  const run = async (): Promise<void> => {
    for (let backoff = 100; !stopping.signal.aborted; backoff = Math.min(backoff * 2, MAX_BACKOFF_MS)) {
      try {
        await session();
      } catch (error) {
        if (failingSince === undefined) {
          failingSince = Date.now();
          backoff = 100;
        }
        failure = error;
        logger.warn({ err: error, backoffMs: backoff }, 'the leases of job workers will be taken again');
        await pause(backoff, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
  };

  const running = run();
  return {
    hold: (workerId) => own.add(workerId),
    release: (workerId) => own.delete(workerId),
    check: () => {
      if (failingSince !== undefined && Date.now() - failingSince > UNWELL_AFTER_MS)
        throw new Error(
          `the leases are lost: ${failure instanceof Error ? failure.message : String(failure)}`,
        );
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
};

const KEY = `hashtextextended('muster job worker ' || $1 || ' ' || $2, 0)`;

const lock = async (client: pg.Client, schema: string, id: string): Promise<void> => {
  await client.query(`SELECT pg_advisory_lock(${KEY})`, [schema, id]);
};

const unlock = async (client: pg.Client, schema: string, id: string): Promise<void> => {
  await client.query(`SELECT pg_advisory_unlock(${KEY})`, [schema, id]);
};

/** Our own are left out: a session may take its own lock a second time. */
const freeTasksOfTheDead = async (
  client: pg.Client,
  schema: string,
  own: readonly string[],
): Promise<string[]> => {
  const { rows } = await client.query<{ worker: string }>(
    `SELECT DISTINCT locked_by AS worker FROM ${workerSchema(schema)}.jobs
     WHERE locked_by <> ALL($1::text[]) AND locked_at < now() - interval '1 second'`,
    [own],
  );
  const dead: string[] = [];
  for (const { worker } of rows) {
    const { rows: locks } = await client.query<{ free: boolean }>(
      `SELECT pg_try_advisory_lock(${KEY}) AS free`,
      [schema, worker],
    );
    if (locks[0]?.free !== true) continue;
    await client.query(`SELECT ${workerSchema(schema)}.force_unlock_workers(ARRAY[$1])`, [worker]);
    await unlock(client, schema, worker);
    dead.push(worker);
  }
  return dead;
};

/** A task and its queue are locked by one statement, and freed by one. */
const freeQueuesOfNobody = async (client: pg.Client, schema: string): Promise<string[]> => {
  const { rows } = await client.query<{ queue: string }>(
    `UPDATE ${workerSchema(schema)}._private_job_queues q SET locked_at = NULL, locked_by = NULL
     WHERE locked_at < now() - interval '1 second' AND NOT EXISTS (
       SELECT FROM ${workerSchema(schema)}._private_jobs j WHERE j.job_queue_id = q.id AND j.locked_by = q.locked_by)
     RETURNING queue_name AS queue`,
  );
  return rows.map(({ queue }) => queue);
};
