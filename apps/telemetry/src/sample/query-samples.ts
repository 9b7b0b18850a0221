import { REPLY_BYTES, type JsonValue } from '@muster/contracts';
import type { QuerySamples, SamplePage } from '@muster/contracts/telemetry/requests';
import type { Database } from '@muster/event-store';
import { decodeCursor, encodeCursor } from '@muster/service-host';
import { bytesOf } from './bytes-of.js';
import { DAY_MICROS, isoMicros, isoMillis, microsOf, nowMicros } from './time.js';

const DEFAULT_LIMIT = 1_000;
/** Of one page: a day of a sample each second. More would be more than a query may take. */
const LOOKED_AT = 100_000;
/** Brackets, commas and the time around a value; brackets and names around a key. */
const POINT_BYTES = 32;
const SERIES_BYTES = 24;

/**
 * A sample's place in the order. The next page begins after it; with `member`, in it: every value repeats its time, so a
 * sample of many small ones may be too large for an answer.
 */
interface Place {
  readonly at: number;
  readonly receivedAt: number;
  readonly hash: string;
  readonly member?: number;
}

/**
 * Samples as they were stored, by time, and of one time in the order in which they came: those that have any of the keys, `limit` of them at most and as many as fit
 * in an answer. Keys that are not asked for are left out. Where the keys are rare, no more than `LOOKED_AT` samples are read
 * for a page, which may then be short, or empty, and still have a `nextCursor`.
 */
export const readSamples = async (database: Database, request: QuerySamples): Promise<SamplePage> => {
  const { tenantId, deviceId, keys, order = 'asc', limit = DEFAULT_LIMIT } = request;
  const to = microsOf(request.to) ?? nowMicros();
  const from = microsOf(request.from) ?? to - DAY_MICROS;
  const list = `samples ${order}`;
  const after = placeOf(decodeCursor(list, request.cursor, PLACE));

  const [beyond, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  const sign = after?.member === undefined ? beyond : `${beyond}=`;
  const where = `tenant_id = $1 AND device_id = $2 AND ts >= $3::timestamptz AND ts < $4::timestamptz
                 ${after === null ? '' : `AND (ts, received_at, hash) ${sign} ($5::timestamptz, $6::timestamptz, $7::bigint)`}`;
  const place = after === null ? [] : [isoMicros(after.at), isoMicros(after.receivedAt), after.hash];
  const bounds = [tenantId, deviceId, isoMicros(from), isoMicros(to), ...place];
  const [namedKeys, most] = [`$${bounds.length + 1}::text[]`, `$${bounds.length + 2}`];
  // The index has the times in order, and equal times are few: they are sorted as they are read.
  const by = `ts ${direction}, received_at ${direction}, samples.hash ${direction}`;
  const suffix = `${order}${after === null ? '' : after.member === undefined ? '-after' : '-within'}`;
  const { rows } = await database.query<PlaceRow & { data: string }>({
    name: `read-samples-${suffix}`,
    // A subquery with a limit is read as far as it is needed and no further.
    text: `SELECT ${PLACE_COLUMNS}, data::text AS data
           FROM (SELECT ts, received_at, hash, data FROM samples WHERE ${where} ORDER BY ${by} LIMIT ${LOOKED_AT}) AS samples
           WHERE jsonb_typeof(data) = 'object'
             AND CASE WHEN ${namedKeys} IS NULL THEN data <> '{}' ELSE data ?| ${namedKeys} END
           ORDER BY ${by} LIMIT ${most}`,
    values: [...bounds, keys ?? null, limit + 1],
  });

  const wanted = keys === undefined ? undefined : new Set(keys);
  const series = new Map<string, [string, JsonValue][]>();
  const pageTo = (last: Place): SamplePage => ({
    series: seriesOf(series),
    nextCursor: encodeCursor(list, positionOf(last)),
  });
  let last: Place | null = null;
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    if (index === limit && last !== null) return pageTo(last);
    last = placeIn(row);
    const ts = isoMillis(last.at);
    const isBegun = last.at === after?.at && last.receivedAt === after.receivedAt && last.hash === after.hash;
    const done = isBegun ? (after.member ?? 0) : 0;
    for (const [member, [key, value]] of membersOf(row.data).entries()) {
      if (member < done || (wanted !== undefined && !wanted.has(key))) continue;
      const known = series.get(key);
      bytes += POINT_BYTES + bytesOf(value) + (known === undefined ? SERIES_BYTES + bytesOf(key) : 0);
      if (bytes > REPLY_BYTES && series.size > 0) return pageTo({ ...last, member });
      if (known === undefined) series.set(key, [[ts, value]]);
      else known.push([ts, value]);
    }
  }
  // All there is, or only all that is read for a page?
  const { rows: unread } = await database.query<PlaceRow>({
    name: `read-samples-${suffix}-to`,
    text: `SELECT ${PLACE_COLUMNS}
           FROM samples WHERE ${where} ORDER BY ${by} OFFSET ${LOOKED_AT - 1} LIMIT 1`,
    values: bounds,
  });
  const [end] = unread;
  return end === undefined ? { series: seriesOf(series), nextCursor: null } : pageTo(placeIn(end));
};

const membersOf = (json: string): [string, JsonValue][] =>
  Object.entries(JSON.parse(json) as Record<string, JsonValue>);

const seriesOf = (series: ReadonlyMap<string, [string, JsonValue][]>): SamplePage['series'] =>
  [...series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, points]) => ({ key, points }));

interface PlaceRow {
  readonly at: string;
  readonly received: string;
  readonly hash: string;
}

const PLACE_COLUMNS = `(extract(epoch FROM ts) * 1000000)::bigint AS at,
  (extract(epoch FROM received_at) * 1000000)::bigint AS received, hash::text AS hash`;

const placeIn = ({ at, received, hash }: PlaceRow): Place => ({
  at: Number(at),
  receivedAt: Number(received),
  hash,
});

/** Of a `Place`, whose `member` is empty where it has none. */
const PLACE = [/^\d{1,16}$/, /^\d{1,16}$/, /^-?\d{1,19}$/, /^\d{0,7}$/];

const positionOf = ({ at, receivedAt, hash, member }: Place): string[] => [
  String(at),
  String(receivedAt),
  hash,
  String(member ?? ''),
];

const placeOf = (position: readonly string[] | undefined): Place | null => {
  if (position === undefined) return null;
  const [at, received, hash = '', member] = position;
  return {
    at: Number(at),
    receivedAt: Number(received),
    hash,
    ...(member === '' ? {} : { member: Number(member) }),
  };
};
