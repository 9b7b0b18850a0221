import { describe, expect, it } from '@jest/globals';
import { heldRows } from './held-rows.js';

const rows = (...ids: readonly string[]) => new Map(ids.map((id, place) => [place, { id, seen: 1 }]));
const places = (of: ReadonlyMap<number, { readonly id: string }>) =>
  [...of].sort(([a], [b]) => a - b).map(([, { id }]) => id);

describe('rows under the pointer', () => {
  it('stay where they were when others come between them, which are counted', () => {
    const held = heldRows(rows('a', 'c'), rows('a', 'b', 'c'));
    expect(places(held.rows)).toEqual(['a', 'c', 'c']);
    expect(held.fresh).toBe(1);
  });

  it('show what was read anew of them', () => {
    const now = new Map([[0, { id: 'a', seen: 2 }]]);
    expect(heldRows(rows('a'), now).rows.get(0)).toEqual({ id: 'a', seen: 2 });
  });

  it('are let go where they are not loaded any more, so that a long way down costs no memory', () => {
    const now = new Map([[1, { id: 'b', seen: 1 }]]);
    expect([...heldRows(rows('a', 'b'), now).rows.keys()]).toEqual([1]);
  });

  it('stay when they are gone from the list, and the places below are read on', () => {
    const held = heldRows(rows('a', 'b'), rows('b', 'c', 'd'));
    expect(places(held.rows)).toEqual(['a', 'b', 'd']);
    expect(held.fresh).toBe(1);
  });
});
