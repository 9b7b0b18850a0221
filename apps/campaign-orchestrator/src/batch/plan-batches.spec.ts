import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planBatches, type BatchAsk } from './plan-batches.js';

const percents = (...values: readonly number[]): BatchAsk[] => values.map((percent) => ({ percent }));

describe('percentages', () => {
  it('are rounded by the largest remainder, so that they add up', () => {
    expect(planBatches(10, percents(33.3, 33.3, 33.4))).toEqual([3, 3, 4]);
    expect(planBatches(3, percents(50, 50))).toEqual([2, 1]);
    expect(planBatches(7, percents(10, 20, 30, 40))).toEqual([1, 1, 2, 3]);
  });

  it('are of all targets, and one that asks for more than is left takes the rest', () => {
    expect(planBatches(1_000, percents(1, 10, 100))).toEqual([10, 100, 890]);
    expect(planBatches(1_000, percents(60, 60))).toEqual([600, 400]);
  });

  it('that leave devices over are refused with how many', () => {
    expect(() => planBatches(1_000, percents(10, 20))).toThrow('batches leave 700 of 1000 devices over');
    expect(() => planBatches(1_000, percents(33, 33, 33))).toThrow('leave 10 of 1000');
  });

  it('may come out empty', () => {
    expect(planBatches(2, percents(1, 1, 98))).toEqual([0, 0, 2]);
    expect(planBatches(0, percents(50, 50))).toEqual([0, 0]);
  });
});

describe('counts and names', () => {
  it('take as many as there are', () => {
    expect(planBatches(100, [{ count: 50 }, { count: 500 }])).toEqual([50, 50]);
    expect(planBatches(100, [{ named: 7 }, { count: 50 }, { percent: 100 }])).toEqual([7, 50, 43]);
  });

  it('that leave devices over are refused', () => {
    expect(() => planBatches(100, [{ count: 50 }, { count: 20 }])).toThrow('leave 30 of 100');
    expect(() => planBatches(100, [{ named: 99 }])).toThrow('leave 1 of 100');
  });

  it('of a later batch are not dealt out before', () => {
    expect(planBatches(10, [{ percent: 100 }, { named: 4 }])).toEqual([6, 4]);
  });
});

it('every device is in one batch, whatever is asked', () => {
  const ask = fc.oneof(
    fc.double({ min: 0.001, max: 100, noNaN: true }).map((percent) => ({ percent })),
    fc.integer({ min: 1, max: 2_000 }).map((count) => ({ count })),
  );
  fc.assert(
    fc.property(fc.nat(5_000), fc.array(ask, { maxLength: 20 }), (total, asks) => {
      const sizes = planBatches(total, [...asks, { percent: 100 }, { count: total + 1 }]);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(total);
      expect(sizes.every((size) => Number.isInteger(size) && size >= 0)).toBe(true);
    }),
  );
});
