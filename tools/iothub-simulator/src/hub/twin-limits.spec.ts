import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from './json.js';
import { checkPatch, checkSize, sizeOf, TWIN_LIMITS } from './twin-limits.js';

const check = (patch: JsonObject): void => checkPatch(patch, TWIN_LIMITS, 'properties.desired');

const nested = (depth: number): JsonObject => (depth === 0 ? {} : { a: nested(depth - 1) });

describe('limits of a twin', () => {
  it.each(['a.b', '$a', 'a b', 'a\u0001', 'a\u0085'])('refuse the key %j', (key) => {
    expect(() => check({ ok: { [key]: 1 } })).toThrow(/^properties\.desired\.ok/);
  });

  it.each(['a-b', 'ä', 'a/b', 'a#b'])('allow the key %j', (key) => {
    expect(() => check({ [key]: 1 })).not.toThrow();
  });

  it('allow ten objects within each other, and no eleven', () => {
    expect(() => check(nested(9))).not.toThrow();
    expect(() => check(nested(10))).toThrow(/nested deeper than 10/);
  });

  it('allow strings of 4 KB and integers that a double holds', () => {
    expect(() => check({ text: 'x'.repeat(4_096), number: 4_503_599_627_370_495 })).not.toThrow();
    expect(() => check({ text: 'x'.repeat(4_097) })).toThrow(/desired\.text is a string of more than 4096/);
    expect(() => check({ list: [4_503_599_627_370_496] })).toThrow(
      /desired\.list\[0\] is an integer outside/,
    );
  });

  it('count keys and values, and no commas', () => {
    expect(sizeOf({ ab: 'ä', c: 1, d: true, e: [1, 2], f: null })).toBe(2 + 2 + 1 + 8 + 1 + 4 + 1 + 16 + 1);
    expect(() => checkSize({ a: 'x'.repeat(10) }, 11, 'tags')).not.toThrow();
    expect(() => checkSize({ a: 'x'.repeat(10) }, 10, 'tags')).toThrow('tags has 11 bytes, more than 10');
  });
});
