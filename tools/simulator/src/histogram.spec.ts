import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Histogram } from './histogram.js';

describe('a histogram', () => {
  it('tells a percentile within 2.5 % of the nearest rank', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 100_000, noNaN: true }), { minLength: 1 }),
        fc.constantFrom(0, 0.5, 0.9, 0.99, 1),
        (values, share) => {
          const histogram = new Histogram();
          for (const value of values) histogram.record(value);
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!;
          expect(Math.abs(histogram.percentile(share) - exact) / exact).toBeLessThan(0.0251);
          expect(histogram.max).toBe(sorted.at(-1));
        },
      ),
    );
  });

  it('has no percentile without values, and keeps values out of range at its ends', () => {
    const histogram = new Histogram();
    expect(histogram.percentile(0.5)).toBeNaN();
    histogram.record(0);
    expect(histogram.percentile(0.5)).toBe(0);
    histogram.record(1e9);
    expect(histogram.percentile(1)).toBeGreaterThan(500_000);
    expect(histogram.count).toBe(2);
  });
});
