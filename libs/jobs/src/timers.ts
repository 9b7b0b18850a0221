import { AppError } from '@muster/contracts';
import type { Database } from '@muster/event-store';
import type { Logger, Metrics } from '@muster/observability';
import type pg from 'pg';
import { assertAlive, backoffMs, MAX_ATTEMPTS, type Attempt } from './attempt.js';
import { workerSchema } from './worker-schema.js';

/** Which timer: one of a tenant, a name and a key there is once. */
export interface TimerKey {
  readonly tenantId: string;
  /** Of the handler: one of those given to `startJobWorkers`. */
  readonly name: string;
  /** What it is about: `<campaign id>`. At most 255 characters. */
  readonly key: string;
}

export interface Timer extends TimerKey {
  /** ISO 8601. Passed already: it fires at once. */
  readonly at: string;
  /** JSON. */
  readonly payload: object;
}

/**
 * What a timer does, inside the transaction that also takes the timer away: both happen, once, or neither does. A fault, of
 * whatever kind, undoes it, and it is tried again for as long as it takes. It may set the same timer again. Must not ask
 * others, nor take long: what does is a job, which it may start in the same transaction.
 */
export type TimerHandler = (tx: pg.PoolClient, timer: Timer) => Promise<void>;

export type TimerHandlers = Readonly<Record<string, TimerHandler>>;

export const TIMER_TASK = 'timer';

/** The payload of a timer's task. When and what for is in the timer's row. */
export interface TimerTask extends TimerKey {
  readonly faults: number;
}

/** Sets and cancels timers of this service, in the caller's transaction. */
export class Timers {
  constructor(private readonly database: Pick<Database, 'schema'>) {}

  /** It fires not before `at`, by the clock of the database. One that is set already is moved, and gets this payload. */
  async set(tx: pg.PoolClient, { tenantId, name, key, at, payload }: Timer): Promise<void> {
    if (key.length > MAX_KEY) throw new Error(`the key of a timer has at most ${MAX_KEY} characters`);
    await tx.query({
      name: 'set-timer',
      text: `INSERT INTO timers (tenant_id, name, key, at, payload) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant_id, name, key) DO UPDATE SET at = excluded.at, payload = excluded.payload`,
      values: [tenantId, name, key, at, JSON.stringify(payload)],
    });
    await addTimerTask(tx, this.database.schema, { tenantId, name, key, faults: 0 }, { at, delayMs: 0 });
  }

  /** It never fires, once `tx` is committed. False: it was not set, or has fired. */
  async cancel(tx: pg.PoolClient, { tenantId, name, key }: TimerKey): Promise<boolean> {
    const { rowCount } = await tx.query({
      name: 'cancel-timer',
      text: 'DELETE FROM timers WHERE tenant_id = $1 AND name = $2 AND key = $3',
      values: [tenantId, name, key],
    });
    // Only to be tidy: a task that finds no row does nothing.
    await tx.query(`SELECT ${workerSchema(this.database.schema)}.remove_job($1)`, [
      taskKeyOf({ tenantId, name, key }),
    ]);
    return rowCount === 1;
  }
}

const MAX_KEY = 255;

/** Fires timers. As with jobs, a task may run twice and at the wrong time: the timer's row says whether it is due. */
export class TimerTasks {
  private readonly faults;

  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly timers: TimerHandlers;
      readonly logger: Logger;
      readonly metrics: Metrics;
      readonly firstDelayMs?: number;
    },
  ) {
    this.faults = parts.metrics.counter(
      'muster_timer_faults_total',
      'Timers that could not do what they were set for, and are tried again',
      ['name'],
    );
  }

  async fire(task: TimerTask, attempt: Attempt): Promise<void> {
    const { database } = this.parts;
    try {
      assertAlive(attempt);
      await database.transaction(async (tx) => {
        const timer = await takeDue(tx, task);
        // Cancelled, moved, or fired by somebody else.
        if (timer === undefined) return;
        const handler = this.parts.timers[task.name];
        // During an update an older replica may come upon a timer of the newer one.
        if (handler === undefined)
          throw new AppError('unavailable', `This version of the service knows no timer "${task.name}".`);
        await handler(tx, timer);
      });
    } catch (error) {
      await this.putOff(task, error);
    }
  }

  private async putOff(task: TimerTask, error: unknown): Promise<void> {
    const { database, logger, firstDelayMs } = this.parts;
    const { tenantId, name, key } = task;
    const faults = task.faults + 1;
    this.faults.inc({ name });
    logger.error({ err: error, tenantId, timer: name, key, faults }, 'a timer will be tried again');
    await database.transaction(async (tx) => {
      // Moved meanwhile: whoever moved it has set a task of its own, which must stay.
      const { rowCount } = await tx.query(
        `SELECT 1 FROM timers WHERE tenant_id = $1 AND name = $2 AND key = $3 AND at <= clock_timestamp() FOR UPDATE`,
        [tenantId, name, key],
      );
      if (rowCount === 0) return;
      const delayMs = backoffMs(faults, firstDelayMs);
      await addTimerTask(tx, database.schema, { tenantId, name, key, faults }, { at: null, delayMs });
    });
  }
}

/** Undefined: there is none, or its time has not come. */
const takeDue = async (tx: pg.PoolClient, { tenantId, name, key }: TimerKey): Promise<Timer | undefined> => {
  const { rows } = await tx.query<{ at: Date; payload: object }>({
    name: 'take-timer',
    text: `DELETE FROM timers WHERE tenant_id = $1 AND name = $2 AND key = $3 AND at <= clock_timestamp()
           RETURNING at, payload`,
    values: [tenantId, name, key],
  });
  const [row] = rows;
  return row && { tenantId, name, key, at: row.at.toISOString(), payload: row.payload };
};

/**
 * In place of the one that waits with the same key; one that runs at this moment stays, and finds its row gone or moved.
 * Before all chunks: a timer is short, and somebody waits for its time. `at` null: now.
 */
const addTimerTask = async (
  tx: pg.PoolClient,
  schema: string,
  task: TimerTask,
  { at, delayMs }: { readonly at: string | null; readonly delayMs: number },
): Promise<void> => {
  await tx.query(
    `SELECT ${workerSchema(schema)}.add_job($1, $2::json,
       run_at => coalesce($3::timestamptz, now()) + $4 * interval '1 millisecond',
       max_attempts => $5, job_key => $6, priority => -2)`,
    [TIMER_TASK, JSON.stringify(task), at, delayMs, MAX_ATTEMPTS, taskKeyOf(task)],
  );
};

const taskKeyOf = ({ tenantId, name, key }: TimerKey): string => `timer ${tenantId} ${name} ${key}`;

/** How late the timer is that should have fired first; 0: none is due. */
export const latestTimerSeconds = async (database: Database): Promise<number> => {
  const { rows } = await database.query<{ seconds: number | null }>(
    'SELECT extract(epoch FROM now() - min(at))::double precision AS seconds FROM timers WHERE at <= now()',
  );
  return rows[0]?.seconds ?? 0;
};
