import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PayloadError } from './payload.js';
import { decodePlainTelemetry, decodeTelemetry } from './telemetry.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (text: string, path?: string, unit?: 'seconds') =>
  decodeTelemetry(bytes(text), { path, unit });
const refusal = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof PayloadError) return error.reasonPhrase;
    throw error;
  }
  return 'accepted';
};

describe('telemetry', () => {
  it('is one object or an array of them', () => {
    expect(decode('{"t":1}')).toEqual([{ at: null, data: { t: 1 } }]);
    expect(decode('[{"t":1},{"t":[2]}]')).toEqual([
      { at: null, data: { t: 1 } },
      { at: null, data: { t: [2] } },
    ]);
    expect(decode('[]')).toEqual([]);
  });

  it.each([
    ['[{"t":1},2]', '[1] must be an object, is a number'],
    ['["x"]', '[0] must be an object, is text'],
    ['[null]', '[0] must be an object, is null'],
    ['[[]]', '[0] must be an object, is an array'],
    ['{}', 'payload must have a field besides ts'],
    ['[{"t":1},{}]', '[1] must have a field besides ts'],
    ['{"ts":"2019-04-26T15:41:07Z"}', 'payload must have a field besides ts'],
  ])('is not %j, which no query could answer', (text, reason) =>
    expect(refusal(() => decode(text))).toBe(reason),
  );

  it('has no field that is its time', () => {
    expect(decode('{"ts":1556293267000,"t":1}')).toEqual([{ at: 1_556_293_267_000_000, data: { t: 1 } }]);
    expect(decode('{"ts":null,"t":1}')).toEqual([{ at: null, data: { t: 1 } }]);
    // Where the type says that the time is elsewhere, it is a field like any other.
    expect(decode('{"ts":1,"time":2,"t":1}', 'time')).toEqual([{ at: 2_000, data: { ts: 1, t: 1 } }]);
    expect(decode('{"meta":{"time":1},"t":1}', 'meta.time')[0]?.data).toEqual({ meta: { time: 1 }, t: 1 });
    expect(decode('{"__proto__":1,"ts":1}')[0]?.data).toEqual(JSON.parse('{"__proto__":1}'));
  });

  it('gives back any objects unchanged', () => {
    const arrays = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { minKeys: 1 }));
    fc.assert(
      fc.property(arrays, (samples) => {
        const text = JSON.stringify(samples);
        const decoded = decodeTelemetry(bytes(text), { path: 'no_such_field' });
        expect(decoded.map(({ data }) => data)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['', 'payload must be JSON, is empty'],
    ['  \n', 'payload must be JSON, is empty'],
    ['21', 'payload must be an object or an array, is a number'],
    ['"x"', 'payload must be an object or an array, is text'],
    ['true', 'payload must be an object or an array, is a boolean'],
    ['null', 'payload must be an object or an array, is null'],
  ])('is not %j', (text, reason) => expect(refusal(() => decode(text))).toBe(reason));

  it('says that it is no JSON without repeating the payload', () => {
    const reason = refusal(() => decode('{"password":"hunter2",}'));
    expect(reason).toMatch(/^payload must be JSON/);
    expect(reason).not.toContain('hunter2');
    expect(refusal(() => decodeTelemetry(new Uint8Array([0x7b, 0xff, 0x7d])))).toBe(
      'payload must be UTF-8 text',
    );
  });

  it.each([
    ['"2019-04-26T15:41:07+0000"', 1_556_293_267_000_000],
    ['"2019-04-26T15:41:07Z"', 1_556_293_267_000_000],
    ['"2019-04-26T17:41:07+02:00"', 1_556_293_267_000_000],
    ['"2019-04-26T17:41:07+02"', 1_556_293_267_000_000],
    ['"2019-04-26T10:11:07-0530"', 1_556_293_267_000_000],
    ['"2019-04-26 15:41:07.123456Z"', 1_556_293_267_123_456],
    ['"2019-04-26T15:41:07,5Z"', 1_556_293_267_500_000],
    ['"2019-04-26T15:41:07.123456999Z"', 1_556_293_267_123_456],
    ['"2019-04-26T15:41Z"', 1_556_293_260_000_000],
    ['"1969-12-31T23:59:59.5Z"', -500_000],
    ['1556293267000', 1_556_293_267_000_000],
    ['1556293267000.25', 1_556_293_267_000_250],
    ['0', 0],
    ['null', null],
  ])('reads the time %s', (time, micros) => {
    expect(decode(`{"ts":${time},"t":1}`)[0]?.at).toBe(micros);
  });

  it.each([
    '"2019-04-26T15:41:07"',
    '"2019-04-26"',
    '"0050-01-01T00:00:00Z"',
    '"2019-02-30T00:00:00Z"',
    '"2019-13-01T00:00:00Z"',
    '"2019-04-26T24:00:00Z"',
    '"2019-04-26T15:60:00Z"',
    '"2019-04-26T15:41:07+25:00"',
    '"1556293267000"',
    '"yesterday"',
    '""',
  ])('refuses the time %s and names the field', (time) => {
    expect(refusal(() => decode(`{"ts":${time},"t":1}`))).toMatch(/^ts must be an ISO 8601 time/);
  });

  it('refuses a time of another kind, and one that is certainly not milliseconds', () => {
    expect(refusal(() => decode('{"ts":true,"t":1}'))).toBe(
      'ts must be ISO 8601 text or Unix milliseconds, is a boolean',
    );
    expect(refusal(() => decode('{"ts":{"a":1},"t":1}'))).toMatch(/is an object$/);
    expect(refusal(() => decode('{"ts":1556293267000000000,"t":1}'))).toMatch(
      /^ts must be Unix time in milliseconds/,
    );
  });

  it('takes a number as seconds where the type says so', () => {
    expect(decode('{"ts":1795868948,"t":1}', undefined, 'seconds')[0]?.at).toBe(1_795_868_948_000_000);
    expect(decode('{"ts":1795868948.25,"t":1}', undefined, 'seconds')[0]?.at).toBe(1_795_868_948_250_000);
    expect(decode('{"ts":"2019-04-26T15:41:07Z","t":1}', undefined, 'seconds')[0]?.at).toBe(
      1_556_293_267_000_000,
    );
    expect(refusal(() => decode('{"ts":true,"t":1}', undefined, 'seconds'))).toMatch(/Unix seconds/);
  });

  it('asks what to make of each time, and leaves out what it is told to', () => {
    const asked: [number, string][] = [];
    const judge = (at: number, field: string): number | null | undefined => {
      asked.push([at, field]);
      return at === 1_000 ? undefined : at === 2_000 ? null : at;
    };
    const text = '[{"ts":1,"t":1},{"ts":2,"t":2},{"ts":3,"t":3},{"t":4}]';
    expect(decodeTelemetry(bytes(text), { judge })).toEqual([
      { at: null, data: { t: 2 } },
      { at: 3_000, data: { t: 3 } },
      { at: null, data: { t: 4 } },
    ]);
    expect(asked).toEqual([
      [1_000, '[0].ts'],
      [2_000, '[1].ts'],
      [3_000, '[2].ts'],
    ]);
  });

  it('finds the time at a dotted path and names the element that is wrong', () => {
    expect(decode('{"meta":{"time":1}}', 'meta.time')[0]?.at).toBe(1000);
    expect(decode('{"meta":{"time":1}}', 'meta.time', 'seconds')[0]?.at).toBe(1_000_000);
    expect(decode('{"meta":[1]}', 'meta.time')[0]?.at).toBeNull();
    expect(decode('{"ts":1,"t":1}', '__proto__.x')[0]?.at).toBeNull();
    expect(refusal(() => decode('[{"meta":{"time":1}},{"meta":{"time":"x"}}]', 'meta.time'))).toMatch(
      /^\[1\]\.meta\.time must be/,
    );
  });

  it.each([
    ['{"a":"x\\u0000y"}', 'a must not contain the character U+0000'],
    ['{"a":{"b":["\\ud800"]}}', 'a.b[0] must not contain half a surrogate pair'],
    ['{"\\u0000":1}', 'payload must not have a field name with the character U+0000'],
    ['{"a":1e999}', 'a must be a number that a double can hold, is one beyond'],
    ['['.repeat(65) + ']'.repeat(65), 'payload must not be nested deeper than 64 levels'],
  ])('refuses what the database cannot keep: %j', (text, reason) => {
    expect(refusal(() => decode(text))).toBe(reason);
  });

  it('keeps what only looks like it', () => {
    expect(decode('{"a":"\\\\u0000","b":"\\ud83d\\ude00","c":1e100,"d":"[[[["}')[0]?.data).toEqual({
      a: '\\u0000',
      b: '😀',
      c: 1e100,
      d: '[[[[',
    });
  });
});

describe('a plain sample', () => {
  const plain = (text: string, metric = 'temperature') =>
    decodePlainTelemetry(metric, new TextEncoder().encode(text));

  it.each([
    ['200', 200, 'number'],
    ['-1.5', -1.5, 'number'],
    ['+3', 3, 'number'],
    ['.5', 0.5, 'number'],
    ['2e3', 2000, 'number'],
    ['47%', 47, '%'],
    ['20m', 20, 'm'],
    ['21.5°C', 21.5, '°C'],
    ['9.81m/s²', 9.81, 'm/s²'],
    ['3e', 3, 'e'],
    ['200\n', 200, 'number'],
  ])('%j is a number with its unit', (text, value, unit) =>
    expect(plain(text)).toEqual({
      at: null,
      data: { 'temperature-value': value, 'temperature-unit': unit },
    }),
  );

  it.each(['open', '20 m', '12:30', '2026-01-01', '192.168.0.1', '-', '{"a":1}', '"47%"', 'NaN', '12,5'])(
    '%j is kept as text',
    (text) => expect(plain(text)).toEqual({ at: null, data: { 'temperature-value': text } }),
  );

  it.each([
    ['', 'payload must not be empty'],
    [' ', 'payload must not be empty'],
    ['1e999', 'payload must be a number that a double can hold, is one beyond'],
    ['a\0', 'payload must not contain the character U+0000'],
  ])('%j is refused', (text, reason) => expect(() => plain(text)).toThrow(reason));

  it.each(['5', '12345678901', 'status', 'error', 'tempé', 'x'.repeat(65)])('has no metric %j', (metric) =>
    expect(() => plain('1', metric)).toThrow('metric must'),
  );
});
