import { int } from '@muster/observability';

/** The configuration of a service that runs jobs; `prefix` as in `MUSTER_<prefix>_JOB_CONCURRENCY`. */
export const jobKeys = ({ prefix }: { readonly prefix: string }) => ({
  jobConcurrency: int({
    env: `MUSTER_${prefix}_JOB_CONCURRENCY`,
    doc: 'Chunks of jobs that one process works on at once; each takes a connection of the pool',
    unit: 'chunks',
    min: 1,
    max: 32,
    default: 2,
  }),
  jobRetentionDays: int({
    env: `MUSTER_${prefix}_JOB_RETENTION_DAYS`,
    doc: 'How long a job that has ended is kept, with its items, its errors and its events, and can be retried',
    unit: 'days',
    min: 1,
    max: 36_500,
    default: 30,
  }),
});
