import { describe, expect, it } from '@jest/globals';
import { keptKey } from './idempotency.js';
import { readProblem, Refused } from './problem.js';

/** The keys of two calls, the first of which ends so. */
const keysAfter = async (first: () => Promise<unknown>): Promise<readonly string[]> => {
  const once = keptKey();
  const keys: string[] = [];
  const call = (end: () => Promise<unknown>) =>
    once((key) => {
      keys.push(key);
      return end();
    }).catch(() => undefined);
  await call(first);
  await call(() => Promise.resolve());
  return keys;
};

describe('an idempotency key', () => {
  it.each([502, 503, 504, 500])(
    'stays the same after a %d: the call may have been carried out',
    async (status) => {
      const [first, second] = await keysAfter(() =>
        Promise.reject(new Refused(readProblem(undefined, status))),
      );
      expect(second).toBe(first);
    },
  );

  it('stays the same when nobody has answered', async () => {
    const [first, second] = await keysAfter(() => Promise.reject(new TypeError('Failed to fetch')));
    expect(second).toBe(first);
  });

  it.each([400, 409, 412, 422])('is another one after a %d: nothing was done', async (status) => {
    const [first, second] = await keysAfter(() =>
      Promise.reject(new Refused(readProblem(undefined, status))),
    );
    expect(second).not.toBe(first);
  });

  it('is another one after it was done', async () => {
    const [first, second] = await keysAfter(() => Promise.resolve());
    expect(second).not.toBe(first);
  });
});
