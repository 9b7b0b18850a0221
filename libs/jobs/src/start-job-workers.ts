import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { runMigrations, runTaskList, type WorkerEvents, type WorkerPool } from 'graphile-worker';
import type { JobTasksOptions } from './job-tasks.js';
import { JobTasks } from './job-tasks.js';
import { startJobUpkeep } from './job-upkeep.js';
import { taskLogger } from './task-logger.js';
import { CHUNK_TASK, PLAN_TASK, type Task } from './tasks.js';
import { STEP_TASK, StepTasks, type StepHandlers, type StepKey } from './steps.js';
import { TIMER_TASK, TimerTasks, type TimerHandlers, type TimerTask } from './timers.js';
import { keepWorkerLeases } from './worker-leases.js';
import { workerSchema } from './worker-schema.js';

export interface JobWorkersOptions extends JobTasksOptions {
  /** Chunks at once in this process. */
  readonly concurrency: number;
  /** Ended jobs are forgotten after as many days. */
  readonly retentionDays: number;
  /** What timers do, by name. */
  readonly timers?: TimerHandlers;
  /** What steps do, by name. */
  readonly steps?: StepHandlers;
}

export interface JobWorkers {
  /** Throws when no work has been taken for 10 s because something is wrong. */
  check(): void;
  /** Finishes the chunks in hand. */
  stop(): Promise<void>;
}

/** How soon a task is taken whose time has come; new ones are announced. */
const POLL_MS = 500;
const MAX_BACKOFF_MS = 5_000;
const UNWELL_AFTER_MS = 10_000;
const STOP_WITHIN_MS = 10_000;

/**
 * Works on the jobs and timers of this service; any number of processes may. A worker of graphile-worker ends when it cannot say that
 * a task is done. One that cannot ask for a task asks again, but if it was the first time, the answer "cannot" is what
 * graphile-worker keeps (`taskIdentifiers.js`), and none of its workers ever takes a task. In both cases all are replaced.
 */
export const startJobWorkers = (options: JobWorkersOptions): JobWorkers => {
  const { database, concurrency, logger, metrics, retentionDays, timers = {}, steps = {} } = options;
  const tasks = new JobTasks(options);
  const timerTasks = new TimerTasks({ ...options, timers });
  const stepTasks = new StepTasks({ ...options, steps });
  // A worker is woken on a connection of the pool, in the context of whoever opened it: after PostgreSQL was away, of a request,
  // with whose deadline, long past, all that is asked of others would fail, and go on failing.
  const outside = AsyncLocalStorage.snapshot();
  const leases = keepWorkerLeases(database, logger);
  const upkeep = startJobUpkeep({ database, store: options.store, retentionDays, logger, metrics });
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  let failingSince: number | undefined;
  let failure: unknown;

  /** Resolves when it was told to stop, or a worker has ended; throws when one could not ask for a task. */
  const session = async (): Promise<void> => {
    const workerIds: string[] = [];
    const events: WorkerEvents = new EventEmitter();
    events.on('worker:create', ({ worker }) => {
      workerIds.push(worker.workerId);
      leases.hold(worker.workerId);
    });
    const works = (): void => {
      failingSince = undefined;
    };
    events.on('worker:getJob:empty', works);
    events.on('job:start', works);
    const ended = new Promise<void>((resolve, reject) => {
      events.on('worker:stop', () => resolve());
      events.on('worker:getJob:error', ({ error }) => reject(asError(error)));
      stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    ended.catch(() => undefined); // it may come before anybody waits
    const shared = {
      schema: workerSchema(database.schema),
      pollInterval: POLL_MS,
      noHandleSignals: true,
      events,
      logger: taskLogger(logger),
    };
    let workers: WorkerPool | undefined;
    try {
      await runMigrations({ ...shared, pgPool: database.pool });
      // Not by `run`, which starts its cron, too: that asks the database as well, nobody can catch its fault when it cannot, and the
      // process would end of it.
      workers = runTaskList(
        { ...shared, concurrency },
        {
          // What we have put in as a payload comes out again.
          [PLAN_TASK]: (payload, { job }) => outside(() => tasks.plan(payload as Task, job)),
          [TIMER_TASK]: (payload, { job }) => outside(() => timerTasks.fire(payload as TimerTask, job)),
          [STEP_TASK]: (payload) => outside(() => stepTasks.run(payload as StepKey)),
          [CHUNK_TASK]: (payload, { job }) =>
            outside(() => tasks.chunk({ chunk: 0, ...(payload as Task) }, job)),
        },
        database.pool,
      );
      workers.promise.catch(() => undefined); // why a worker ended is in the log already
      if (!isStopping()) await ended;
    } finally {
      if (workers !== undefined) await stopWorkers(workers);
      for (const id of workerIds) leases.release(id);
    }
  };

  const supervise = async (): Promise<void> => {
    for (let backoff = 100; !isStopping(); backoff = Math.min(backoff * 2, MAX_BACKOFF_MS)) {
      try {
        await session();
        if (!isStopping()) logger.warn('a job worker ended: all are replaced');
      } catch (error) {
        if (failingSince === undefined) {
          failingSince = Date.now();
          backoff = 100;
        }
        failure = error;
        logger.warn({ err: error, backoffMs: backoff }, 'the job workers will be started again');
      }
      await pause(backoff, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };

  const running = supervise();
  return {
    check: () => {
      if (failingSince !== undefined && Date.now() - failingSince > UNWELL_AFTER_MS)
        throw new Error(`no worker runs: ${asError(failure).message}`);
      leases.check();
    },
    stop: async () => {
      stopping.abort();
      await running;
      await upkeep.stop();
      await leases.stop();
    },
  };
};

const asError = (fault: unknown): Error => (fault instanceof Error ? fault : new Error(String(fault)));

/**
 * Waits for the chunks in hand, but not for ever: without the database graphile-worker would try for minutes to say that
 * a task is done. Whoever is left behind is as good as killed.
 */
const stopWorkers = async (workers: WorkerPool): Promise<void> => {
  const waiting = new AbortController();
  const enough = pause(STOP_WITHIN_MS, undefined, { signal: waiting.signal }).catch(() => undefined);
  // It may have stopped by itself, which it calls an error.
  await Promise.race([workers.gracefulShutdown().catch(() => undefined), enough]);
  waiting.abort();
};
