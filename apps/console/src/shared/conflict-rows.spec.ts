import { describe, expect, it } from '@jest/globals';
import { conflictRows } from './conflict-rows.js';

describe('a conflict', () => {
  it('shows what either side has changed, and that the rest of it is theirs', () => {
    const was = { name: 'a', limit: '1', mode: 'x', gone: '1' };
    const theirs = { name: 'a', limit: '2', mode: 'y', fresh: '3' };
    const yours = { ...was, limit: '5', name: 'b' };
    expect(conflictRows(was, theirs, yours)).toEqual([
      { name: 'name', was: 'a', theirs: 'a', yours: 'b' },
      { name: 'limit', was: '1', theirs: '2', yours: '5' },
      { name: 'mode', was: 'x', theirs: 'y', yours: 'as theirs' },
      { name: 'gone', was: '1', theirs: '–', yours: 'as theirs' },
      { name: 'fresh', was: '–', theirs: '3', yours: 'as theirs' },
    ]);
  });

  it('of things that nobody has changed is empty', () => {
    expect(conflictRows({ a: '1' }, { a: '1' }, { a: '1' })).toEqual([]);
  });
});
