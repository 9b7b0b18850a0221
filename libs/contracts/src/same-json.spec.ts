import { describe, expect, it } from '@jest/globals';
import { sameJson } from './same-json.js';

const parsed = (json: string): unknown => JSON.parse(json);

describe('sameJson', () => {
  it.each([
    ['{"a":1,"b":{"c":[1,{"d":2,"e":3}]}}', '{"b":{"c":[1,{"e":3,"d":2}]},"a":1}'],
    ['{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
    ['1.0', '1'],
    ['-0', '0'],
    ['null', 'null'],
  ])('%s is the same as %s', (a, b) => {
    expect(sameJson(parsed(a), parsed(b))).toBe(true);
  });

  it.each([
    ['{"a":1}', '{"a":"1"}'],
    ['{"a":1}', '{"a":1,"b":1}'],
    ['{"a":null}', '{}'],
    ['[1,2]', '[2,1]'],
    ['[1]', '{"0":1}'],
    ['[]', '{}'],
    ['{"__proto__":{"a":1}}', '{"__proto__":{"a":2}}'],
    ['null', 'false'],
  ])('%s is not the same as %s', (a, b) => {
    expect(sameJson(parsed(a), parsed(b))).toBe(false);
    expect(sameJson(parsed(b), parsed(a))).toBe(false);
  });

  it('takes a field that is undefined for absent, and a value that is absent for no other', () => {
    expect(sameJson({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(sameJson(undefined, null)).toBe(false);
  });
});
