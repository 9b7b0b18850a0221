import {
  createEventStore,
  eventStoreMigrations,
  migrateSchema,
  openDatabase,
  type Database,
  type EventStore,
} from '@muster/event-store';
import { createLogger, createMetrics } from '@muster/observability';
import {
  Jobs,
  jobsMigrations,
  migrateJobs,
  startJobWorkers,
  type JobKind,
  type JobWorkers,
  type StepHandlers,
  type TimerHandlers,
} from './index.js';

const SCHEMA = 'works';

/** A service that does nothing but jobs; `effects` takes a row twice, so that it shows what was done twice. */
export const migrateWorks = async (url: string): Promise<void> => {
  await migrateSchema({ url, schema: SCHEMA, migrations: [...eventStoreMigrations, ...jobsMigrations] });
  await migrateJobs({ url, schema: SCHEMA });
  const database = openDatabase({ url, schema: SCHEMA, poolSize: 1, name: 'fixture' });
  await database.query('CREATE TABLE effects (nth bigserial, job_id text NOT NULL, item text NOT NULL)');
  await database.close();
};

export interface Works {
  readonly database: Database;
  readonly store: EventStore;
  readonly jobs: Jobs;
}

export const openWorks = (url: string, name = 'works', kinds: readonly JobKind[] = []): Works => {
  const database = openDatabase({ url, schema: SCHEMA, poolSize: 8, name });
  const store = createEventStore(database);
  return { database, store, jobs: new Jobs(database, store, kinds) };
};

export const startWorkers = (
  { database, store }: Works,
  kinds: readonly JobKind[],
  concurrency = 2,
  timers: TimerHandlers = {},
  steps: StepHandlers = {},
): JobWorkers =>
  startJobWorkers({
    database,
    store,
    kinds,
    concurrency,
    retentionDays: 30,
    timers,
    steps,
    firstDelayMs: 20,
    logger: createLogger({ service: 'works', level: 'silent' }),
    metrics: createMetrics('works'),
  });

/** Writes every item down. */
export const write: JobKind = {
  kind: 'write',
  run: async (tx, { jobId }, items) => {
    await tx.query('INSERT INTO effects (job_id, item) SELECT $1, * FROM unnest($2::text[])', [jobId, items]);
    return items.map(() => ({}));
  },
};
