import { AsyncLocalStorage } from 'node:async_hooks';

const current = new AsyncLocalStorage<number>();

/** Unix milliseconds at which whoever asked stops waiting; undefined outside of a request. */
export const currentDeadline = (): number | undefined => current.getStore();

/** What a handler asks of others within its request ends with its own deadline: nobody would read the answer. */
export const withDeadline = <T>(deadline: number | undefined, fn: () => T): T =>
  deadline === undefined ? fn() : current.run(deadline, fn);
