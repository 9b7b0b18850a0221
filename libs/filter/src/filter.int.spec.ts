import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@muster/testing';
import fc from 'fast-check';
import pg from 'pg';
import { matches } from './matches.js';
import { readFilter } from './read-filter.js';
import { THINGS } from './things.fixture.js';
import { toSql } from './to-sql.js';

let test: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  test = await testDatabase();
  client = new pg.Client({ connectionString: test.url });
  await client.connect();
  await client.query(`
    CREATE TABLE things (
      nth integer, name text, side text, folder text NOT NULL, weight double precision, alive boolean,
      seen_at timestamptz, tags text[] NOT NULL, metadata jsonb NOT NULL)`);
});

afterAll(async () => {
  await client.end();
  await test.drop();
});

/** Few, so that filters and things meet; with what LIKE, JSON, collations and wildcards trip over. */
const TEXTS = [
  'a', 'A', 'ab', 'b', 'aXb', 'a%b', 'a_b', 'a*b', 'a\\b', '%', '', ' ', 'é', 'z', 'Z', '\uFFFD', '\u{1F600}', '5', '5.0',
  'true', 'null', `it's "quoted"`, 'a\nb',
]; // prettier-ignore
const FOLDERS = ['/', '/a', '/ab', '/a/b', '/a/b/c', '/ab/c', '/b_c', '/b%c'];
const NUMBERS = [0, 1, -1, 5, 21.5, 0.1, 1e21, 1e-7, 2 ** 53];
/** The stored one, with microseconds, and how it is shown. */
const TIMES = [
  ['2026-11-01T00:00:00.000000Z', '2026-11-01T00:00:00.000Z'],
  ['2026-11-01T00:00:00.000999Z', '2026-11-01T00:00:00.000Z'],
  ['2026-11-01T00:00:00.001000Z', '2026-11-01T00:00:00.001Z'],
  ['2025-12-31T23:59:59.999999Z', '2025-12-31T23:59:59.999Z'],
] as const;

const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 3 });
const jsonValue = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(...NUMBERS),
  fc.boolean(),
  fc.constantFrom(null, [], ['a'], {}, { a: 'a' }),
);
const things = fc.array(
  fc.record({
    name: orNull(fc.constantFrom(...TEXTS)),
    side: orNull(fc.constantFrom('left', 'right')),
    folder: fc.constantFrom(...FOLDERS),
    weight: orNull(fc.constantFrom(...NUMBERS)),
    alive: orNull(fc.boolean()),
    time: orNull(fc.constantFrom(...TIMES)),
    tags: fc.uniqueArray(fc.constantFrom(...TEXTS), { maxLength: 3 }),
    metadata: fc.dictionary(fc.constantFrom('k', 'l', '__proto__'), jsonValue, { noNullPrototype: true }),
  }),
  { minLength: 1, maxLength: 30 },
);

const escaped = (text: string): string => text.replace(/["'();,=!~<>\s\\*]/g, '\\$&');
const quoted = (text: string): string => `"${text.replace(/["\\*]/g, '\\$&')}"`;
const literal = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(text.map(quoted), text.filter((one) => one !== '').map(escaped));
const pattern = (text: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(text, { minLength: 2, maxLength: 3 }).map((pieces) => pieces.map(escaped).join('*'));
const number = fc.constantFrom(...NUMBERS).map(String);
const time = fc.constantFrom(...TIMES.map(([, shown]) => shown), '2026-11-01', '2026-11-01T01:00+01:00');

const comparison = (
  selector: string,
  value: fc.Arbitrary<string>,
  operators: { readonly wild?: fc.Arbitrary<string>; readonly ordered?: boolean; readonly sets?: boolean },
): fc.Arbitrary<string> => {
  const { wild = value, ordered = true, sets = true } = operators;
  const any = fc.oneof(value, wild);
  return fc.oneof(
    fc.tuple(fc.constantFrom('==', '!='), any).map(([operator, one]) => `${selector}${operator}${one}`),
    fc.boolean().map((yes) => `${selector}=exists=${yes}`),
    ...(ordered
      ? [fc.tuple(fc.constantFrom('<', '<=', '>', '>='), value).map((two) => `${selector}${two.join('')}`)]
      : []),
    ...(sets
      ? [
          fc
            .tuple(fc.constantFrom('in', 'out'), fc.array(any, { minLength: 1, maxLength: 3 }))
            .map(([operator, list]) => `${selector}=${operator}=(${list.join()})`),
        ]
      : []),
  );
};

const text = fc.constantFrom(...TEXTS);
const folder = fc.constantFrom(...FOLDERS);
const comparisons = fc.oneof(
  comparison('name', literal(text), { wild: pattern(text) }),
  comparison('side', fc.constantFrom('left', 'right'), { ordered: false }),
  comparison('folder', literal(folder), {
    wild: fc.oneof(
      pattern(fc.constantFrom('/', '/a', 'b', '')),
      folder.map((one) => `${escaped(one)}/*`.replace('//', '/')),
    ),
  }),
  comparison('weight', number, {}),
  comparison('alive', fc.constantFrom('true', 'false'), { ordered: false, sets: false }),
  comparison('seenAt', time, {}),
  comparison('tags', literal(text), { wild: pattern(text), ordered: false }),
  comparison('metadata.k', fc.oneof(literal(text), number, fc.constantFrom('true', 'null')), {
    wild: pattern(text),
  }),
  comparison('metadata.__proto__', literal(text), {}),
);
const filters = fc.letrec<{ filter: string; group: string }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: comparisons },
    tie('group'),
  ),
  group: fc
    .tuple(fc.constantFrom(';', ','), fc.array(tie('filter'), { minLength: 2, maxLength: 3 }))
    .map(([sign, operands]) => `(${operands.join(sign)})`),
})).filter;

describe('a filter in SQL', () => {
  it('finds in PostgreSQL exactly what it holds for in memory', async () => {
    let found = 0;
    await fc.assert(
      fc.asyncProperty(things, fc.array(filters, { minLength: 10, maxLength: 10 }), async (rows, all) => {
        await client.query('DELETE FROM things');
        await client.query(
          `INSERT INTO things SELECT * FROM jsonb_to_recordset($1) AS t (nth integer, name text, side text, folder text,
             weight double precision, alive boolean, seen_at timestamptz, tags text[], metadata jsonb)`,
          [
            JSON.stringify(
              rows.map(({ time: at, ...row }, nth) => ({ ...row, nth, seen_at: at?.[0] ?? null })),
            ),
          ],
        );
        const records = rows.map(({ time: at, ...row }) => ({ ...row, seenAt: at?.[1] ?? null }));
        for (const written of all) {
          const filter = readFilter(written, THINGS);
          const values: unknown[] = [];
          const condition = toSql(filter, (value) => `$${values.push(value)}`);
          const { rows: got } = await client.query<{ nth: number }>(
            `SELECT nth FROM things WHERE ${condition} ORDER BY nth`,
            values,
          );
          const expected = records.flatMap((record, nth) => (matches(filter, record) ? [nth] : []));
          expect({ written, nths: got.map(({ nth }) => nth) }).toEqual({ written, nths: expected });
          found += expected.length;
        }
      }),
      { numRuns: 150 },
    );
    expect(found).toBeGreaterThan(1_000); // or the two agreed on nothing
  }, 60_000);

  it('is complete: a comparison and its opposite find every row once', async () => {
    await fc.assert(
      fc.asyncProperty(things, comparisons, async (rows, written) => {
        const opposite = written.includes('=in=')
          ? written.replace('=in=', '=out=')
          : /^[\w.]+==/.test(written)
            ? written.replace('==', '!=')
            : undefined;
        fc.pre(opposite !== undefined);
        const records = rows.map(({ time: at, ...row }) => ({ ...row, seenAt: at?.[1] ?? null }));
        const [filter, other] = [readFilter(written, THINGS), readFilter(opposite, THINGS)];
        for (const record of records) expect(matches(filter, record)).toBe(!matches(other, record));
      }),
    );
  });
});
