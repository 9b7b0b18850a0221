import { describe, expect, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '@muster/contracts';
import { compileSchema, faultsOfSchema, MAX_SCHEMA_BYTES } from './value-schema.js';

const check = (schema: JsonValue, value: JsonValue) => compileSchema(schema)(value);

describe('a value', () => {
  it.each<[string, JsonValue, JsonValue, string | undefined]>([
    ['that fits', { type: 'integer', minimum: 1 }, 5, undefined],
    ['of another type', { type: 'integer' }, 'x', ' must be integer'],
    ['inside', { properties: { a: { items: { type: 'number' } } } }, { a: [1, 'x'] }, '.a.1 must be number'],
    ['not listed', { enum: ['eco', 'boost'] }, 'off', ' must be "eco" or "boost"'],
    ['not the one', { const: 1 }, 2, ' must be 1'],
    ['that lacks', { required: ['a'] }, {}, " must have required property 'a'"],
    ['with more', { properties: {}, additionalProperties: false }, { b: 1 }, ' must not have "b"'],
    [
      'with more by composition',
      { allOf: [{ properties: { a: true } }], unevaluatedProperties: false },
      { b: 1 },
      ' must not have "b"',
    ],
    ['by reference', { $ref: '#/$defs/n', $defs: { n: { maximum: 3 } } }, 4, ' must be <= 3'],
    ['by prefix', { prefixItems: [{ type: 'string' }] }, [1], '.0 must be string'],
    ['of any kind', true, { a: 1 }, undefined],
    ['of no kind', false, 1, ' boolean schema is false'],
    ['whose format only describes', { type: 'string', format: 'ipv4' }, 'x', undefined],
    ['that does not match', { pattern: '^v[0-9]+$' }, 'x1', ' must match pattern "^v[0-9]+$"'],
    ['that matches in part', { pattern: '[0-9]' }, 'x1', undefined],
    ['with a slash in a key', { properties: { 'a/b': { type: 'null' } } }, { 'a/b': 1 }, '.a/b must be null'],
  ])('%s is told the first fault with its place', (_what, schema, value, fault) => {
    expect(faultsOfSchema(schema)).toEqual([]);
    expect(check(schema, value).map(({ path, message }) => `${path} ${message}`)).toEqual(
      fault === undefined ? [] : [fault],
    );
  });

  it('cannot take long, whatever the pattern', () => {
    const began = performance.now();
    expect(check({ pattern: '^(a+)+$' }, `${'a'.repeat(5_000)}b`)).toHaveLength(1);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

/** `n` definitions, each of which refers twice to the next: 2^n places. */
const doubling = (n: number): JsonObject => ({
  $ref: '#/$defs/d0',
  $defs: Object.fromEntries(
    Array.from({ length: n }, (_, index) => [
      `d${index}`,
      index === n - 1
        ? true
        : { allOf: [{ $ref: `#/$defs/d${index + 1}` }, { $ref: `#/$defs/d${index + 1}` }] },
    ]),
  ),
});

describe('a schema is refused', () => {
  it.each<[string, JsonValue, string, RegExp]>([
    ['that is none', 5, '', /JSON Schema/],
    ['that is an array', [], '', /JSON Schema/],
    ['that is too large', { description: 'x'.repeat(MAX_SCHEMA_BYTES) }, '', /bytes/],
    ['of an older draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, '.$schema', /2020-12/],
    [
      'with a wrong keyword value',
      { properties: { a: { minimum: 'x' } } },
      '.properties.a.minimum',
      /number/,
    ],
    ['with an unknown keyword', { items: { minimun: 1 } }, '.items.minimun', /not a keyword/],
    ['that refers elsewhere', { items: { $ref: 'https://example.org' } }, '.items.$ref', /\$defs/],
    ['that refers to nothing', { $ref: '#/$defs/a' }, '.$ref', /not in \$defs/],
    ['that refers to itself', { $ref: '#' }, '.$ref', /\$defs/],
    [
      'that goes round',
      { $ref: '#/$defs/a', $defs: { a: { items: { $ref: '#/$defs/a' } } } },
      '.$defs.a.items.$ref',
      /itself/,
    ],
    ['that is asynchronous', { $async: true }, '.$async', /not allowed/],
    ['that has a name of its own', { $id: 'https://example.org/x' }, '.$id', /not allowed/],
    ['with a pattern that is none', { pattern: '(' }, '', /pattern/],
    ['with a pattern that looks back', { pattern: '(?<=a)b' }, '', /pattern/],
    ['that unfolds to too much', doubling(40), '.$defs.d27', /too much/],
  ])('%s', (_what, schema, path, message) => {
    const [fault] = faultsOfSchema(schema);
    expect(fault?.message).toMatch(message);
    if (!message.source.includes('too much')) expect(fault?.path).toBe(path);
  });

  it('with nesting without end', () => {
    const deep = JSON.parse('{"items":'.repeat(40) + 'true' + '}'.repeat(40)) as JsonValue;
    expect(faultsOfSchema(deep)[0]?.message).toMatch(/nested/);
  });
});
