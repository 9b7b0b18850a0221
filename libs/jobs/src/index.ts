import type { MigrationClass } from '@muster/event-store';
import { Jobs1763600900001 } from '../migrations/0001-jobs.js';
import { JobsInOrder1764300000001 } from '../migrations/0002-jobs-in-order.js';
import { Timers1764300000003 } from '../migrations/0003-timers.js';
import { HeldJobs1764300000004 } from '../migrations/0004-held-jobs.js';
import { Steps1764300000005 } from '../migrations/0005-steps.js';

/** Give these to `migrateSchema` after the event store's, and call `migrateJobs` after it. */
export const jobsMigrations: readonly MigrationClass[] = [
  Jobs1763600900001,
  JobsInOrder1764300000001,
  Timers1764300000003,
  HeldJobs1764300000004,
  Steps1764300000005,
];

export { DeviceTargets, type CheckedTarget, type TargetParams } from './device-targets.js';
export { job } from './job.decider.js';
export { isJobEvent, publishedOfJob } from './job.published.js';
export { type JobItemOutcome, type JobKind, type JobOf, type PlanPage } from './job-kind.js';
export { jobHandlersOf } from './job-handlers.js';
export { jobKeys, targetKeys } from './job-keys.js';
export { CHUNK_ITEMS, Jobs, type Driven, type StartChild, type StartJob } from './jobs.js';
export { startJobWorkers, type JobWorkers, type JobWorkersOptions } from './start-job-workers.js';
export { migrateJobs } from './worker-schema.js';
export { Steps, type StepHandler, type StepHandlers, type StepKey } from './steps.js';
export { Timers, type Timer, type TimerHandler, type TimerHandlers, type TimerKey } from './timers.js';
