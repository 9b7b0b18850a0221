import { AppError, isPassing } from '@muster/contracts';
import { asAppError, type Database } from '@muster/event-store';
import type { Logger, Metrics } from '@muster/observability';
import type pg from 'pg';
import { backoffMs, MAX_ATTEMPTS } from './attempt.js';
import { workerSchema } from './worker-schema.js';

/** Which step: one of a tenant, a name and a key there is once. */
export interface StepKey {
  readonly tenantId: string;
  /** Of the handler: one of those given to `startJobWorkers`. */
  readonly name: string;
  /** What it is about: `<campaign id>`. At most 255 characters. */
  readonly key: string;
}

/**
 * What is done. Unlike a timer's handler it runs outside of a transaction and may ask others. It may be killed anywhere, and
 * is then run again from the beginning, so it begins with what is stored. Runs of one step follow each other; only when a
 * living process is taken for dead two overlap, so what it changes is guarded by its rows. Short: a long work is many
 * steps, each of which sets the next one. What is thrown leads to another run after 1, 2, 4 … 30 s, without end.
 */
export type StepHandler = (step: StepKey) => Promise<void>;

export type StepHandlers = Readonly<Record<string, StepHandler>>;

export const STEP_TASK = 'step';

/**
 * Steps share so many queues of graphile-worker, which runs one task of a queue at a time. Not one queue for each: a queue
 * that is not used any more cannot be removed while tasks may be added to it.
 */
const QUEUES = 32;
const MAX_KEY = 255;

/** Says that a step is to run, in the caller's transaction. */
export class Steps {
  constructor(private readonly database: Pick<Database, 'schema'>) {}

  /**
   * It runs not before `at` (ISO 8601; passed already: at once), by the clock of the database. Set already: the earlier
   * of the two counts, so nobody's wish is lost. Set while it runs: it runs once more.
   */
  async set(
    tx: pg.PoolClient,
    { tenantId, name, key, at }: StepKey & { readonly at: string },
  ): Promise<void> {
    if (key.length > MAX_KEY) throw new Error(`the key of a step has at most ${MAX_KEY} characters`);
    // A task is added only for what is earlier than all that was asked so far: there is a task for that already.
    const { rowCount } = await tx.query({
      name: 'set-step',
      text: `INSERT INTO steps AS s (tenant_id, name, key, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, name, key) DO UPDATE SET at = excluded.at
             WHERE s.at IS NULL OR s.at > excluded.at`,
      values: [tenantId, name, key, at],
    });
    if (rowCount === 1) await addStepTask(tx, this.database.schema, { tenantId, name, key }, at);
  }
}

export interface StepTasksOptions {
  readonly database: Database;
  readonly steps: StepHandlers;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly firstDelayMs?: number;
}

/** Runs steps. A task may come twice, too early or too late: the step's row says whether it is due. */
export class StepTasks {
  private readonly faults;

  constructor(private readonly options: StepTasksOptions) {
    this.faults = options.metrics.counter(
      'muster_step_faults_total',
      'Steps that could not do what they were set for, and are tried again',
      ['name'],
    );
  }

  async run(step: StepKey): Promise<void> {
    if (!(await this.begin(step))) return;
    try {
      const handler = this.options.steps[step.name];
      // During an update an older replica may come upon a step of the newer one.
      if (handler === undefined)
        throw new AppError('unavailable', `This version of the service knows no step "${step.name}".`);
      await handler(step);
    } catch (error) {
      return this.putOff(step, error);
    }
    await this.end(step);
  }

  /**
   * From here on what is set is another run. Begun already: its process died, or was taken for dead, and nobody else is
   * at it. False: it is not due, or somebody has done it.
   */
  private async begin({ tenantId, name, key }: StepKey): Promise<boolean> {
    const { rowCount } = await this.options.database.query({
      name: 'begin-step',
      text: `UPDATE steps SET begun = true, at = CASE WHEN at <= clock_timestamp() THEN NULL ELSE at END
             WHERE tenant_id = $1 AND name = $2 AND key = $3 AND (begun OR at <= clock_timestamp())`,
      values: [tenantId, name, key],
    });
    return rowCount === 1;
  }

  private async end({ tenantId, name, key }: StepKey): Promise<void> {
    const values = [tenantId, name, key];
    await this.options.database.transaction(async (tx) => {
      await tx.query({
        name: 'end-step',
        text: 'UPDATE steps SET begun = false, faults = 0 WHERE tenant_id = $1 AND name = $2 AND key = $3',
        values,
      });
      await tx.query({
        name: 'forget-step',
        text: 'DELETE FROM steps WHERE tenant_id = $1 AND name = $2 AND key = $3 AND at IS NULL AND NOT begun',
        values,
      });
    });
  }

  private async putOff(step: StepKey, error: unknown): Promise<void> {
    const { database, logger, firstDelayMs } = this.options;
    const { tenantId, name, key } = step;
    this.faults.inc({ name });
    await database.transaction(async (tx) => {
      const { rows } = await tx.query<{ faults: number }>(
        `UPDATE steps SET begun = false, faults = faults + 1
         WHERE tenant_id = $1 AND name = $2 AND key = $3 RETURNING faults`,
        [tenantId, name, key],
      );
      const faults = rows[0]?.faults ?? 1;
      const about = { err: error, tenantId, step: name, key, faults };
      if (isPassing(asAppError(error))) logger.warn(about, 'a step waits');
      else logger.error(about, 'a step will be tried again');
      const delayMs = backoffMs(Math.min(faults, 16), firstDelayMs);
      const { rows: next } = await tx.query<{ at: Date }>(
        `UPDATE steps SET at = least(at, clock_timestamp() + $4 * interval '1 millisecond')
         WHERE tenant_id = $1 AND name = $2 AND key = $3 RETURNING at`,
        [tenantId, name, key, delayMs],
      );
      for (const { at } of next) await addStepTask(tx, database.schema, step, at.toISOString());
    });
  }
}

/** After timers, before chunks. */
const addStepTask = async (tx: pg.PoolClient, schema: string, step: StepKey, at: string): Promise<void> => {
  const { tenantId, name, key } = step;
  await tx.query({
    name: 'add-step-task',
    text: `SELECT ${workerSchema(schema)}.add_job($1, $2::json, run_at => $3::timestamptz + interval '1 millisecond',
             max_attempts => $4, priority => -2, queue_name => 'steps ' || abs(hashtext($5) % ${QUEUES}))`,
    values: [
      STEP_TASK,
      JSON.stringify({ tenantId, name, key }),
      at,
      MAX_ATTEMPTS,
      `${tenantId} ${name} ${key}`,
    ],
  });
};

/** How late the step is that should have run first; 0: none is due. */
export const latestStepSeconds = async (database: Database): Promise<number> => {
  const { rows } = await database.query<{ seconds: number | null }>(
    'SELECT extract(epoch FROM now() - min(at))::double precision AS seconds FROM steps WHERE at <= now()',
  );
  return rows[0]?.seconds ?? 0;
};
