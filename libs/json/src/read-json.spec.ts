import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findFault, isKept, JsonFault, readJson, type Json } from './read-json.js';

const MAX_DEPTH = 64;
const read = (text: string): Json => readJson(Buffer.from(text), MAX_DEPTH);

const refusal = (bytes: string | Buffer): { path: string; rule: string } => {
  try {
    readJson(Buffer.from(bytes as string), MAX_DEPTH);
  } catch (error) {
    if (error instanceof JsonFault) return { path: error.path, rule: error.rule };
    throw error;
  }
  throw new Error(`read: ${bytes.toString()}`);
};

const EXACTLY =
  'must be a number that is kept exactly, is one beyond 2^53 with more digits than a double has; send it as text';
const A_DOUBLE = 'must be a number that a double can hold, is one beyond';

describe('JSON of the outside', () => {
  it.each([
    ['1e999', '', A_DOUBLE],
    ['{"a":-1e999}', 'a', A_DOUBLE],
    [`{"a":1${'0'.repeat(309)}}`, 'a', A_DOUBLE],
    ['{"values":{"a":[0,1,{"b":1e400}]}}', 'values.a[2].b', A_DOUBLE],
    ['[1e-999]', '[0]', A_DOUBLE],
    [`[0.${'0'.repeat(400)}1]`, '[0]', A_DOUBLE],
    [`[0.${'0'.repeat(290)}1e-99]`, '[0]', A_DOUBLE],
    ['{"a":9007199254740993}', 'a', EXACTLY],
    ['{"a":-9007199254740993}', 'a', EXACTLY],
    ['{"a":9007199254740993.0}', 'a', EXACTLY],
    ['{"a":90071992547409930e-1}', 'a', EXACTLY],
    ['[[12345678901234567890]]', '[0][0]', EXACTLY],
    ['{"a":18446744073709551615}', 'a', EXACTLY],
    ['{"a":1,"b":{"c":1,"c":2}}', 'b.c', 'must be given once, is there twice'],
    ['{"a":1,"a":1}', 'a', 'must be given once, is there twice'],
    ['{"a":1,"\\u0061":2}', 'a', 'must be given once, is there twice'],
    ['[{"":1,"":1}]', '[0].', 'must be given once, is there twice'],
    ['{"a":["x","\\ud800"]}', 'a[1]', 'must not contain half a surrogate pair'],
    ['{"a":"\\udc00\\ud800"}', 'a', 'must not contain half a surrogate pair'],
    ['{"a":"x\\u0000"}', 'a', 'must not contain the character U+0000'],
    ['{"a":{"\\u0000":1}}', 'a', 'must not have a field name with the character U+0000'],
    ['{"\\ud800":1}', '', 'must not have a field name with half a surrogate pair'],
    ['{"__proto__":1,"__proto__":1}', '__proto__', 'must be given once, is there twice'],
    ['', '', 'must be JSON, is empty'],
    [' \n', '', 'must be JSON, is empty'],
    ['{"a":1,}', '', 'must be JSON, fault at position 7'],
    ['NaN', '', 'must be JSON'],
    ['[1] 2', '', 'must be JSON, fault at position 4'],
    [`${'['.repeat(65)}${']'.repeat(65)}`, '', 'must not be nested deeper than 64 levels'],
  ])('is refused with the path, not changed: %s', (text, path, rule) => {
    const refused = refusal(text);
    expect(refused.path).toBe(path);
    expect(refused.rule).toContain(rule);
  });

  it.each([
    [[0x22, 0xff, 0x22], 'a byte that begins nothing'],
    [[0x22, 0xc3, 0x28, 0x22], 'a character that is cut'],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 'half a surrogate pair as bytes'],
    [[0x22, 0xc0, 0x80, 0x22], 'U+0000 in two bytes'],
  ])('is refused where it is no UTF-8: %j, %s', (bytes) => {
    expect(refusal(Buffer.from(bytes))).toEqual({ path: '', rule: 'must be UTF-8 text' });
  });

  it.each([
    ['0.1', '0.1'],
    ['1.10', '1.1'],
    ['-0', '0'],
    ['0e999', '0'],
    ['0.1000000000000000055', '0.1'],
    ['3.14159265358979323846', '3.141592653589793'],
    ['1.0', '1'],
    ['1e2', '100'],
    ['9007199254740992', '9007199254740992'],
    ['9007199254740994', '9007199254740994'],
    ['1e20', '100000000000000000000'],
    ['100000000000000000000.00', '100000000000000000000'],
    ['6.02214076e23', '6.02214076e+23'],
    ['1.7976931348623157e308', '1.7976931348623157e+308'],
    ['5e-324', '5e-324'],
    ['"\\ud83d\\ude00"', '"😀"'],
    ['{"a":{"a":{"a":[1,1]}},"b":""}', '{"a":{"a":{"a":[1,1]}},"b":""}'],
    ['"9007199254740993 \\": __proto_"', '"9007199254740993 \\": __proto_"'],
    ['[":",{"x":":"}]', '[":",{"x":":"}]'],
    ['{"__proto__":{"__proto__":1},"constructor":2}', '{"__proto__":{"__proto__":1},"constructor":2}'],
  ])('is read: %s as %s', (text, printed) => {
    expect(JSON.stringify(read(text))).toBe(printed);
  });

  /** Texts that are JSON, with what may be refused in any place. */
  const numbers = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    fc
      .tuple(fc.bigInt({ min: 0n, max: 2n ** 60n }), fc.nat(2 ** 20), fc.integer({ min: -400, max: 400 }))
      .map(([whole, fraction, exponent]) => `${whole}.${fraction}e${exponent}`),
    fc.constantFrom('0', '-0', '0.0', '1e-400', '1E+400', '9007199254740993', '9007199254740992', '1e22'),
  );
  const strings = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    fc.constantFrom(
      '""',
      '"a"',
      '"\\ud800"',
      '"\\ud83d\\ude00"',
      '"\\u0000"',
      '"\\u0061"',
      '"\\\\u0000"',
      '":"',
    ),
  );
  const names = fc.oneof(fc.constantFrom('"a"', '"b"', '"\\u0061"', '"__proto__"', '""'), strings);
  const texts = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      numbers,
      strings,
      fc.constantFrom('true', 'false', 'null'),
      fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
      fc
        .array(fc.tuple(names, tie('value')), { maxLength: 4 })
        .map((members) => `{${members.map(([name, value]) => `${name} : ${value}`).join(',')}}`),
    ),
  })).value;

  it('is never looked at too shortly: what the search finds in a text is refused, and nothing else', () => {
    let [kept, refused] = [0, 0];
    fc.assert(
      fc.property(texts, (text) => {
        const fault = findFault(text);
        if (fault === undefined) {
          expect(read(text)).toEqual(JSON.parse(text));
          kept += 1;
        } else {
          expect(refusal(text)).toEqual({ path: fault.path, rule: fault.rule });
          refused += 1;
        }
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(kept, refused)).toBeGreaterThan(300); // or one of the two was never asked
  });

  it('keeps a whole number exactly or not at all', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (whole) => {
        const printed = BigInt(
          Number(whole).toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 0 }),
        );
        expect(isKept(String(whole)) || whole !== printed).toBe(true);
        if (isKept(String(whole))) expect(BigInt(Number(whole))).toBe(whole);
      }),
      { numRuns: 2_000 },
    );
  });
});
