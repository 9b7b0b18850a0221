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

/** The configuration of a service whose jobs do something to devices that are named; `prefix` as above. */
export const targetKeys = ({ prefix }: { readonly prefix: string }) => ({
  bulkDevices: int({
    env: `MUSTER_${prefix}_BULK_DEVICES`,
    doc: 'Most devices that one bulk act may name; a filter has no limit. A request has at most 1 MB',
    unit: 'devices',
    min: 1,
    max: 25_000,
    default: 20_000,
  }),
});
