import { isPassing } from '@muster/contracts';
import type { Database, EventStore } from '@muster/event-store';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import { job } from './job.decider.js';
import { latestStepSeconds } from './steps.js';
import { latestTimerSeconds } from './timers.js';
import { workerSchema } from './worker-schema.js';

export interface JobUpkeepOptions {
  readonly database: Database;
  readonly store: EventStore;
  readonly retentionDays: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const MEASURE_EVERY_MS = 10_000;
const FORGET_EVERY_MS = 3_600_000;

/** Measures how long work and timers have been waiting, and forgets jobs that ended long ago. */
export const startJobUpkeep = (options: JobUpkeepOptions): Pick<Upkeep, 'stop'> => {
  const { database, logger, metrics } = options;
  const oldest = metrics.gauge(
    'muster_job_oldest_waiting_seconds',
    'For how long the oldest chunk or plan could have been worked on, and nobody did',
  );
  const late = metrics.gauge(
    'muster_timer_late_seconds',
    'How late the timer is that should have fired first',
  );
  const lateSteps = metrics.gauge(
    'muster_step_late_seconds',
    'How late the step is that should have run first',
  );
  const measuring = startUpkeep({
    what: 'measuring how long jobs wait',
    everyMs: MEASURE_EVERY_MS,
    round: async () => {
      oldest.set(await oldestWaitingSeconds(database));
      late.set(await latestTimerSeconds(database));
      lateSteps.set(await latestStepSeconds(database));
      return false;
    },
    logger,
  });
  const forgetting = startUpkeep({
    what: 'forgetting ended jobs',
    everyMs: FORGET_EVERY_MS,
    round: async () => (await forgetEndedJobs(options)) === FORGET_AT_ONCE,
    logger,
  });
  return {
    stop: async () => {
      await Promise.all([measuring.stop(), forgetting.stop()]);
    },
  };
};

const oldestWaitingSeconds = async (database: Database): Promise<number> => {
  const { rows } = await database.query<{ seconds: number | null }>(
    `SELECT extract(epoch FROM now() - min(run_at))::double precision AS seconds
     FROM ${workerSchema(database.schema)}.jobs WHERE locked_at IS NULL AND run_at <= now()`,
  );
  return rows[0]?.seconds ?? 0;
};

/** Of one round. Each is a transaction of its own: one job may have thousands of chunks and events. */
const FORGET_AT_ONCE = 50;

/**
 * Removes jobs that ended long ago: their chunks, their parameters, and their events with the errors in them; a parent with
 * its children. Not one that is being retried: its failed items are read from its events. Returns how many; one whose last
 * events are not published yet comes in another round. SKIP LOCKED, so that replicas may do it at once.
 */
export const forgetEndedJobs = async ({
  database,
  store,
  retentionDays,
}: Pick<JobUpkeepOptions, 'database' | 'store' | 'retentionDays'>): Promise<number> => {
  const { rows } = await database.query<{ tenant_id: string; job_id: string }>(
    `SELECT tenant_id, job_id FROM job_work w
     WHERE ended_at < now() - $1 * interval '1 day' AND parent IS NULL
       AND NOT EXISTS (SELECT 1 FROM job_work r
                       WHERE r.tenant_id = w.tenant_id AND r.retry_of = w.job_id AND r.ended_at IS NULL)
     ORDER BY ended_at LIMIT $2`,
    [retentionDays, FORGET_AT_ONCE],
  );
  let count = 0;
  for (const { tenant_id: tenantId, job_id: jobId } of rows) {
    try {
      await database.transaction(async (tx) => {
        const { rows: family } = await tx.query<{ job_id: string }>(
          `SELECT job_id FROM job_work WHERE tenant_id = $1 AND (job_id = $2 OR parent = $2)
           FOR UPDATE SKIP LOCKED`,
          [tenantId, jobId],
        );
        for (const { job_id: id } of family) await store.erase(job, tenantId, id, { within: tx });
        await tx.query('DELETE FROM job_work WHERE tenant_id = $1 AND job_id = ANY($2)', [
          tenantId,
          family.map(({ job_id: id }) => id),
        ]);
      });
      count += 1;
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }
  return count;
};
