import { describe, expect, it } from '@jest/globals';
import { changedOnly } from './changed-only.js';

describe('what is saved', () => {
  it('is what was changed, whatever the order of members', () => {
    expect(
      changedOnly({ a: 1, b: { x: 1, y: 2 }, c: null }, { a: 2, b: { y: 2, x: 1 }, c: 3 as never }),
    ).toEqual({
      a: 1,
      c: null,
    });
    expect(changedOnly({ a: 1 }, { a: 1 })).toEqual({});
  });
});
