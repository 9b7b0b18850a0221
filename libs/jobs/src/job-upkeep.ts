import type { Database } from '@muster/event-store';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import { workerSchema } from './worker-schema.js';

export interface JobUpkeepOptions {
  readonly database: Database;
  readonly retentionHours: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const MEASURE_EVERY_MS = 10_000;
const FORGET_EVERY_MS = 3_600_000;

/** Measures how long work has been waiting, and removes the items of jobs that ended long ago. */
export const startJobUpkeep = (options: JobUpkeepOptions): Pick<Upkeep, 'stop'> => {
  const { database, logger, metrics } = options;
  const oldest = metrics.gauge(
    'muster_job_oldest_waiting_seconds',
    'For how long the oldest chunk or plan could have been worked on, and nobody did',
  );
  const measuring = startUpkeep({
    what: 'measuring how long jobs wait',
    everyMs: MEASURE_EVERY_MS,
    round: async () => {
      oldest.set(await oldestWaitingSeconds(database));
      return false;
    },
    logger,
  });
  const forgetting = startUpkeep({
    what: 'forgetting ended jobs',
    everyMs: FORGET_EVERY_MS,
    round: async () => {
      await forgetEndedJobs(database, options.retentionHours); // all that there are
      return false;
    },
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

/** Returns how many jobs. SKIP LOCKED, so that replicas may do it at once; a hundred at a time, so that none takes long. */
export const forgetEndedJobs = async (database: Database, retentionHours: number): Promise<number> => {
  for (let count = 0; ;) {
    const { rowCount } = await database.query(
      `DELETE FROM job_work WHERE (tenant_id, job_id) IN (
         SELECT tenant_id, job_id FROM job_work WHERE ended_at < now() - $1 * interval '1 hour'
         ORDER BY ended_at LIMIT 100 FOR UPDATE SKIP LOCKED)`,
      [retentionHours],
    );
    count += rowCount ?? 0;
    if ((rowCount ?? 0) < 100) return count;
  }
};
