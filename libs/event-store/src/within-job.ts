import { AsyncLocalStorage } from 'node:async_hooks';

const current = new AsyncLocalStorage<string>();

/** Undefined outside of `withinJob`. */
export const currentJob = (): string | undefined => current.getStore();

/** Runs `fn`; the events of what it does, and of all that it starts, say in their metadata that they are parts of this job. */
export const withinJob = <T>(jobId: string, fn: () => T): T => current.run(jobId, fn);
