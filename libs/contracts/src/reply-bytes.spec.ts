import { describe, expect, it } from '@jest/globals';
import { howManyFit, REPLY_BYTES, whatFits } from './reply-bytes.js';

const ofBytes = (bytes: number) => 'x'.repeat(bytes - 3);

describe('what fits in a reply', () => {
  it('is everything while it is small, and nothing of nothing', () => {
    expect([howManyFit([1, 2, 3]), howManyFit([])]).toEqual([3, 0]);
    expect(whatFits([1, 2], (n) => [n, n])).toEqual({ items: [1, 1, 2, 2] });
    expect(whatFits([], () => [1])).toEqual({ items: [] });
  });

  it('is what comes first, in order; the others are to be asked about again', () => {
    const half = ofBytes(REPLY_BYTES / 2);
    expect(howManyFit([half, half, half])).toBe(2);
    const { items, askAgain } = whatFits(['a', 'b', 'c', 'd'], (name) => [[name, half.slice(10)]]);
    expect(items.map(([name]) => name)).toEqual(['a', 'b']);
    expect(askAgain).toEqual(['c', 'd']);
  });

  it('counts bytes, not characters', () => {
    expect(howManyFit(Array.from({ length: 3 }, () => 'ü'.repeat(REPLY_BYTES / 5)))).toBe(2);
  });

  it('is never less than one, and never a part of what is said of one', () => {
    const large = ofBytes(REPLY_BYTES);
    expect(howManyFit([large + large, 1])).toBe(1);
    expect(whatFits(['a', 'b'], (name) => [name, large])).toEqual({ items: ['a', large], askAgain: ['b'] });
  });

  it('goes on where nothing is said of many', () => {
    const asked = Array.from({ length: 500 }, (_, n) => n);
    expect(whatFits(asked, (n) => (n === 499 ? [n] : []))).toEqual({ items: [499] });
  });
});
