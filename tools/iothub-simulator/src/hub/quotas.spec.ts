import { describe, expect, it } from '@jest/globals';
import { Quotas, type QuotaClass, type QuotaOptions } from './quotas.js';

/** How many get through at once. */
const burst = (options: QuotaOptions, what: QuotaClass): number => {
  const quotas = new Quotas(options);
  let taken = 0;
  while (taken < 100_000 && quotas.take(what, 0).waitMs === 0) taken += 1;
  return taken;
};

describe('quotas', () => {
  it.each<[QuotaOptions, QuotaClass, number]>([
    [{ tier: 'S1' }, 'identity', 100],
    [{ tier: 'S1', units: 3 }, 'identity', 300],
    [{ tier: 'S1', units: 20 }, 'twinUpdate', 50],
    [{ tier: 'S2', units: 20 }, 'twinUpdate', 100],
    [{ tier: 'S3' }, 'twinUpdate', 250],
    [{ tier: 'S1', units: 10 }, 'connect', 120],
    [{ tier: 'S1', scale: 0.1 }, 'twinUpdate', 5],
    [{ tier: 'S1' }, 'query', 20],
  ])('of %j let so many %s through: %d', (options, what, expected) => {
    expect(burst(options, what)).toBe(expected);
  });

  it('say when to come again, and are true to it', () => {
    const quotas = new Quotas({ tier: 'S1', scale: 0.02 });
    expect(quotas.take('twinUpdate', 0).waitMs).toBe(0);
    expect(quotas.take('twinUpdate', 0).waitMs).toBe(1_000);
    expect(quotas.take('twinUpdate', 400).waitMs).toBe(600);
    expect(quotas.take('twinUpdate', 1_000).waitMs).toBe(0);
  });

  it('let through what is larger than the bucket, once it is full', () => {
    const quotas = new Quotas({ tier: 'S1', scale: 0.1 });
    expect(quotas.take('method', 0, 32).waitMs).toBe(0);
    expect(quotas.take('method', 0, 1).waitMs).toBeGreaterThan(5_000);
  });

  it('are not there unless wanted', () => {
    const quotas = new Quotas(undefined);
    expect(quotas.take('query', 0, 1_000_000)).toEqual({ waitMs: 0 });
  });
});
