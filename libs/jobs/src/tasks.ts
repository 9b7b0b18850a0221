import type pg from 'pg';
import { MAX_ATTEMPTS } from './attempt.js';
import { workerSchema } from './worker-schema.js';

export const PLAN_TASK = 'plan';
export const CHUNK_TASK = 'chunk';

/** The payload of a task. */
export interface Task {
  readonly tenantId: string;
  readonly jobId: string;
  /** With CHUNK_TASK. */
  readonly chunk?: number;
  /** How often it was put off because something was away. */
  readonly faults: number;
  /** How often it failed of itself. */
  readonly bugs: number;
  /** When it failed for the first time; ISO 8601. */
  readonly since?: string;
}

export const planTask = (tenantId: string, jobId: string): Task => ({ tenantId, jobId, faults: 0, bugs: 0 });

/**
 * Tasks are taken in the order of their priority, lowest first, then by age. The priority of a chunk is its number: the
 * first chunk of a small job comes before the fiftieth of a large one, so no job waits for the whole of another.
 */
export const addTask = async (
  tx: pg.PoolClient,
  schema: string,
  name: string,
  task: Task,
  delayMs = 0,
): Promise<void> => {
  await tx.query(
    `SELECT ${workerSchema(schema)}.add_job($1, $2::json, run_at => now() + $3 * interval '1 millisecond',
                                            max_attempts => $4, priority => $5)`,
    [name, JSON.stringify(task), delayMs, MAX_ATTEMPTS, priorityOf(task)],
  );
};

/** A task for every chunk of a job that is planned. */
export const addChunkTasks = async (
  tx: pg.PoolClient,
  schema: string,
  task: { readonly tenantId: string; readonly jobId: string },
  chunks: number,
): Promise<void> => {
  await tx.query(
    `SELECT count(*) FROM ${workerSchema(schema)}.add_jobs(ARRAY(
       SELECT ROW($1, payload::json, NULL, NULL, $2::integer, NULL, priority, NULL)::${workerSchema(schema)}.job_spec
       FROM unnest($3::text[], $4::integer[]) AS n (payload, priority)))`,
    [
      CHUNK_TASK,
      MAX_ATTEMPTS,
      ...transposed(
        Array.from({ length: chunks }, (_none, chunk): Task => ({ ...task, chunk, faults: 0, bugs: 0 })),
      ),
    ],
  );
};

const transposed = (tasks: readonly Task[]): [string[], number[]] => [
  tasks.map((task) => JSON.stringify(task)),
  tasks.map(priorityOf),
];

const priorityOf = ({ chunk }: Task): number => Math.min(chunk ?? -1, 32_767);
