import { describe, expect, it } from '@jest/globals';
import { aloneIn } from './alone.js';

describe('a point of a line', () => {
  it('is alone where the line is broken off on both of its sides', () => {
    expect(aloneIn([1, null, 2, null, 3, 4, null, 5])).toEqual([0, 2, 7]);
    expect(aloneIn([7])).toEqual([0]);
    expect(aloneIn([])).toEqual([]);
  });

  it('is not alone where only the times of another line lie between', () => {
    expect(aloneIn([1, undefined, 2, undefined, null, undefined, 3])).toEqual([6]);
  });
});
