import { describe, expect, it } from '@jest/globals';
import { canonicalJson } from '@muster/contracts/canonical-json';
import { configIdOf } from './config-id.js';

describe('configIdOf', () => {
  it('is the first half of the SHA-256 of the canonical JSON', () => {
    // printf '{"a":1,"b":"x"}' | sha256sum
    expect(configIdOf({ b: 'x', a: 1 })).toBe('ecf9e98ec0641e23113ff3ce8bdc78d0');
  });

  it('is that of {} without keys: no document is another thing than one without keys', () => {
    // printf '{}' | sha256sum
    expect(configIdOf({})).toBe('44136fa355b3678a1146ad16f7e8649e');
  });

  it('does not depend on the order of keys, at any depth', () => {
    expect(configIdOf({ a: { x: 1, y: [{ p: 1, q: 2 }] }, b: 2 })).toBe(
      configIdOf({ b: 2, a: { y: [{ q: 2, p: 1 }], x: 1 } }),
    );
  });

  it('depends on the order of an array and on the kind of a value', () => {
    const ids = [{ a: [1, 2] }, { a: [2, 1] }, { a: '1' }, { a: 1 }, { a: true }].map((document) =>
      configIdOf(document),
    );
    expect(new Set(ids).size).toBe(5);
  });
});

describe('canonicalJson', () => {
  it('sorts keys and leaves out white space', () => {
    expect(canonicalJson({ b: [1, null, { d: 'é', c: false }], 10: 1, 9: 1 })).toBe(
      '{"10":1,"9":1,"b":[1,null,{"c":false,"d":"é"}]}',
    );
  });

  it('reads a key named __proto__ as data', () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"a":1}}') as never)).toBe('{"__proto__":{"a":1}}');
  });
});
