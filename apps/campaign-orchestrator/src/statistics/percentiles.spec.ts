import { describe, expect, it } from '@jest/globals';
import { percentilesOf } from './percentiles.js';

describe('percentiles of durations', () => {
  it('are none of nothing', () => {
    expect(percentilesOf([])).toBeUndefined();
    expect(percentilesOf([{ bucket: 60, n: 0 }])).toBeUndefined();
  });

  it('are the upper ends of the buckets in which they lie, whatever the order', () => {
    const one = { bucket: 60, n: 1 }; // one second
    expect(percentilesOf([one])).toEqual({ p50Seconds: 1, p90Seconds: 1, p99Seconds: 1 });
    // 60 of a second, 35 of ten seconds, 5 of a hundred.
    const many = [
      { bucket: 100, n: 5 },
      { bucket: 60, n: 60 },
      { bucket: 80, n: 35 },
    ];
    expect(percentilesOf(many)).toEqual({ p50Seconds: 1, p90Seconds: 10, p99Seconds: 100 });
  });
});
