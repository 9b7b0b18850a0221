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
  jobRetentionHours: int({
    env: `MUSTER_${prefix}_JOB_RETENTION_HOURS`,
    doc: 'How long the items of an ended job are kept; what became of it, and its errors, stay',
    unit: 'hours',
    min: 1,
    default: 72,
  }),
});
