import { describe, expect, it } from '@jest/globals';
import { chance, Random } from './random.js';

const draw = (seed: string, count: number): number[] => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.next());
};
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('random', () => {
  it('repeats itself for the same seed, and only for that', () => {
    expect(draw('1 7', 5)).toEqual(draw('1 7', 5));
    expect(draw('1 7', 5)).not.toEqual(draw('1 8', 5));
  });

  it('is even, also over the first number of seeds that differ little', () => {
    const firsts = Array.from({ length: 10_000 }, (_, n) => draw(`1 ${n}`, 1)[0]!);
    expect(Math.min(...firsts)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...firsts)).toBeLessThan(1);
    for (const low of [0, 0.25, 0.5, 0.75]) {
      const share = firsts.filter((value) => value >= low && value < low + 0.25).length / firsts.length;
      expect(share).toBeCloseTo(0.25, 1);
    }
  });

  it('waits for the mean on average, and never longer than five times that', () => {
    const random = new Random('wait');
    const waits = Array.from({ length: 20_000 }, () => random.wait(10));
    expect(Math.max(...waits)).toBeLessThanOrEqual(50);
    expect(mean(waits)).toBeGreaterThan(9.5);
    expect(mean(waits)).toBeLessThan(10.3);
  });

  it('decides by the text alone, with the share that was asked for', () => {
    const texts = Array.from({ length: 100_000 }, (_, n) => `device ${n} config abc`);
    const struck = texts.filter((text) => chance(0.05, text));
    expect(struck).toEqual(texts.filter((text) => chance(0.05, text)));
    expect(struck.length / texts.length).toBeCloseTo(0.05, 2);
    expect(texts.some((text) => chance(0, text))).toBe(false);
    expect(texts.every((text) => chance(1, text))).toBe(true);
  });
});
