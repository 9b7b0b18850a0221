import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { REPLY_BYTES, type JsonValue } from '@muster/contracts';
import { canonicalJson } from '@muster/contracts/canonical-json';
import type {
  ReportedKey,
  ReportedValueCount,
  SupervisionView,
} from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import type { Database } from '@muster/event-store';
import type pg from 'pg';
import { keysOf } from './verdict.js';

/** Key → digest of the value that a device reports; "" where it reports none. Null: the device is counted nowhere. */
export type Reports = Readonly<Record<string, string>> | null;

/** Of each key that is shown; the rest are counted together. */
const MOST_VALUES = 20;
/** Of the JSON of a value that is kept to be shown. */
const LONGEST_VALUE = 1_000;

/** What a device reports of these keys, and the values themselves. A deleted device reports nothing any more. */
export const reportsOf = (
  keys: readonly string[],
  { ended, reported }: Pick<DeviceState, 'ended' | 'reported'>,
): { readonly reports: Reports; readonly values: ReadonlyMap<string, string> } => {
  if (ended) return { reports: null, values: new Map() };
  const values = new Map<string, string>();
  const reports = keys.map((key): [string, string] => {
    const entry = Object.hasOwn(reported, key) ? reported[key] : undefined;
    if (entry === undefined) return [key, ''];
    const text = canonicalJson(entry.value);
    // As long as it must be for values that nobody chose to collide.
    const digest = createHash('sha256').update(text).digest('base64url').slice(0, 22);
    values.set(digest, text);
    return [key, digest];
  });
  return { reports: Object.fromEntries(reports), values };
};

export const sameReports = (a: Reports, b: Reports): boolean => isDeepStrictEqual(a, b);

/** What has changed of one device. */
export interface ReportsChange {
  readonly before: Reports;
  readonly after: Reports;
  readonly values: ReadonlyMap<string, string>;
}

/** Counts in the transaction that changes the rows; as many rows here as values that became more or fewer. */
export const countReports = async (
  tx: pg.PoolClient,
  { tenantId, supervisionId }: { readonly tenantId: string; readonly supervisionId: string },
  changes: readonly ReportsChange[],
): Promise<void> => {
  const sums = new Map<string, { key: string; digest: string; value: string | null; n: number }>();
  const add = (reports: Reports, n: number, values: ReadonlyMap<string, string>): void => {
    for (const [key, digest] of Object.entries(reports ?? {})) {
      const id = `${digest} ${key}`;
      const sum = sums.get(id) ?? { key, digest, value: null, n: 0 };
      const text = values.get(digest);
      sum.value ??= text !== undefined && text.length <= LONGEST_VALUE ? text : null;
      sum.n += n;
      sums.set(id, sum);
    }
  };
  for (const { before, after, values } of changes) {
    add(before, -1, values);
    add(after, 1, values);
  }
  // In one order, so that two transactions do not wait for each other.
  const rows = [...sums].filter(([, { n }]) => n !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
  if (rows.length === 0) return;
  await tx.query({
    name: 'count-reports',
    text: `INSERT INTO supervision_values AS v (tenant_id, supervision_id, key, digest, value, n)
           SELECT $1, $2, u.* FROM unnest($3::text[], $4::text[], $5::jsonb[], $6::integer[]) AS u
           ON CONFLICT (tenant_id, supervision_id, key, digest) DO UPDATE SET n = v.n + excluded.n`,
    values: [
      tenantId,
      supervisionId,
      rows.map(([, { key }]) => key),
      rows.map(([, { digest }]) => digest),
      rows.map(([, { value }]) => value),
      rows.map(([, { n }]) => n),
    ],
  });
  if (rows.every(([, { n }]) => n > 0)) return;
  await tx.query({
    text: `DELETE FROM supervision_values WHERE tenant_id = $1 AND supervision_id = $2 AND n <= 0
             AND (key, digest) IN (SELECT * FROM unnest($3::text[], $4::text[]))`,
    values: [tenantId, supervisionId, rows.map(([, { key }]) => key), rows.map(([, { digest }]) => digest)],
  });
};

/** Every watched key with what most devices report of it. */
export const readReports = async (
  database: Database,
  tenantId: string,
  { id: supervisionId, total, configurations, expectedStates }: SupervisionView,
): Promise<ReportedKey[]> => {
  // The most frequent of each key by a heap, and not by sorting all: where every device reports another, these are many.
  const { rows } = await database.query<{
    key: string;
    counted: number;
    none: number;
    value: JsonValue;
    has_value: boolean;
    n: number | null;
  }>({
    name: 'reported-values',
    text: `SELECT k.key, k.counted, k.none, v.value, v.value IS NOT NULL AS has_value, v.n FROM (
             SELECT key, sum(n)::integer AS counted,
                    coalesce(sum(n) FILTER (WHERE digest = ''), 0)::integer AS none
             FROM supervision_values WHERE tenant_id = $1 AND supervision_id = $2 GROUP BY key) k
           LEFT JOIN LATERAL (
             SELECT value, n, digest FROM supervision_values
             WHERE tenant_id = $1 AND supervision_id = $2 AND key = k.key AND digest <> ''
             ORDER BY n DESC, digest LIMIT $3) v ON true
           ORDER BY k.key, v.n DESC, v.digest`,
    values: [tenantId, supervisionId, MOST_VALUES],
  });
  const watched = keysOf({ configurations, expectedStates });
  const expected = { ...configurations, ...expectedStates };
  const keys = [...new Set([...watched, ...rows.map(({ key }) => key)])].sort();
  const rowsOf = new Map<string, typeof rows>();
  for (const row of rows) {
    const own = rowsOf.get(row.key);
    if (own === undefined) rowsOf.set(row.key, [row]);
    else own.push(row);
  }
  const all = keys.map((key): ReportedKey => {
    const own = rowsOf.get(key) ?? [];
    const { counted, none } = own[0] ?? { counted: 0, none: 0 };
    const values = own.flatMap(({ value, has_value, n }): ReportedValueCount[] => {
      if (n === null) return [];
      return [has_value ? { value, devices: n } : { cut: true, devices: n }];
    });
    const shown = values.reduce((sum, { devices }) => sum + devices, 0);
    const wanted = Object.hasOwn(expected, key) ? expected[key] : undefined;
    return {
      key,
      // Null takes the devices' own value away: what they report then is each type's default.
      ...(wanted == null ? {} : { expected: wanted }),
      values,
      others: counted - none - shown,
      none,
      unknown: Math.max(0, total - counted),
    };
  });
  return withinReply(all);
};

/** The same with as many values as the reply holds; of the others only how many devices report them. */
export const withinReply = (keys: readonly ReportedKey[], most = REPLY_BYTES): ReportedKey[] => {
  const cut = ({ devices }: ReportedValueCount): ReportedValueCount => ({ cut: true, devices });
  const told = keys.map((one) => ({ ...one, values: one.values.map(cut) }));
  let bytes = howLong(told);
  // The most frequent of each key before the second of any.
  for (let nth = 0; nth < MOST_VALUES; nth += 1) {
    for (const [index, { values }] of keys.entries()) {
      const [value, instead] = [values[nth], told[index]?.values];
      if (value === undefined || instead === undefined) continue;
      const more = howLong(value) - howLong(cut(value));
      if (bytes + more > most) continue;
      bytes += more;
      instead[nth] = value;
    }
  }
  return told;
};

const howLong = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
