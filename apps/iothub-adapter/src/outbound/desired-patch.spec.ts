import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '@muster/contracts';
import fc from 'fast-check';
import { desiredPatch } from './desired-patch.js';

/** As a twin does it (RFC 7396). */
const merged = (into: JsonValue | undefined, patch: JsonObject): JsonObject => {
  const result: JsonObject = isObject(into) ? { ...into } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = isObject(value) ? merged(result[key], value) : value;
  }
  return result;
};
const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

describe('what is merged into a twin', () => {
  it('is what differs, and nulls for what is to go, at every depth', () => {
    expect(desiredPatch({ a: 1, b: { c: 1, d: 2 }, e: 1 }, { a: 1, b: { c: 3 }, f: [1] })).toEqual({
      b: { c: 3, d: null },
      e: null,
      f: [1],
    });
  });

  it('is nothing when it is that already', () => {
    expect(desiredPatch({ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 2 }] } })).toBeUndefined();
    expect(desiredPatch(undefined, {})).toBeUndefined();
  });

  it('makes any twin what is wanted', () => {
    const { tree } = fc.letrec<{ tree: JsonObject; value: JsonValue }>((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, fc.integer(), fc.constant<JsonValue>([1, 2]), tie('tree')),
      tree: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { noNullPrototype: true }),
    }));
    fc.assert(
      fc.property(tree, tree, (current, wanted) => {
        expect(merged(current, desiredPatch(current, wanted) ?? {})).toEqual(wanted);
      }),
    );
  });
});
