import { REPLY_BYTES, type JsonValue } from '@muster/contracts';
import type { QuerySamples, SamplePage } from '@muster/contracts/telemetry/requests';
import type { Database } from '@muster/event-store';
import { decodeCursor, encodeCursor } from '@muster/service-host';
import { bytesOf } from './bytes-of.js';
import { DAY_MICROS, isoMicros, isoMillis, nowMicros } from './time.js';

const DEFAULT_LIMIT = 1_000;
/** Brackets, commas and the time around a value; brackets and names around a key. */
const POINT_BYTES = 32;
const SERIES_BYTES = 24;

/**
 * A sample's place in the order. The next page begins after it; with `member`, in it: every value repeats its time, so a
 * sample of many small ones may be too large for an answer.
 */
interface Place {
  readonly at: number;
  readonly hash: string;
  readonly member?: number;
}

/**
 * Samples as they were stored, by time and content, `limit` of them at most and as many as fit in an answer; keys that are
 * not asked for are left out.
 */
export const readSamples = async (database: Database, request: QuerySamples): Promise<SamplePage> => {
  const { tenantId, deviceId, keys, order = 'asc', limit = DEFAULT_LIMIT } = request;
  const to = microsOf(request.to) ?? nowMicros();
  const from = microsOf(request.from) ?? to - DAY_MICROS;
  const list = `samples ${order}`;
  const after = placeOf(decodeCursor(list, request.cursor, PLACE));

  const [beyond, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  const sign = after?.member === undefined ? beyond : `${beyond}=`;
  const { rows } = await database.query<{ at: string; hash: string; data: string }>({
    name: `read-samples-${order}${after === null ? '' : after.member === undefined ? '-after' : '-within'}`,
    text: `SELECT (extract(epoch FROM ts) * 1000000)::bigint AS at, hash::text AS hash, data::text AS data
           FROM samples
           WHERE tenant_id = $1 AND device_id = $2 AND ts >= $3::timestamptz AND ts < $4::timestamptz
             ${after === null ? '' : `AND (ts, hash) ${sign} ($6::timestamptz, $7::bigint)`}
           ORDER BY ts ${direction}, samples.hash ${direction} LIMIT $5`,
    values: [
      tenantId,
      deviceId,
      isoMicros(from),
      isoMicros(to),
      limit + 1,
      ...(after === null ? [] : [isoMicros(after.at), after.hash]),
    ],
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
    last = { at: Number(row.at), hash: row.hash };
    const ts = isoMillis(last.at);
    const done = index === 0 ? (after?.member ?? 0) : 0;
    for (const [member, [key, value]] of membersOf(row.data).entries()) {
      if (member < done || (wanted !== undefined && !wanted.has(key))) continue;
      const known = series.get(key);
      bytes += POINT_BYTES + bytesOf(value) + (known === undefined ? SERIES_BYTES + bytesOf(key) : 0);
      if (bytes > REPLY_BYTES && series.size > 0) return pageTo({ ...last, member });
      if (known === undefined) series.set(key, [[ts, value]]);
      else known.push([ts, value]);
    }
  }
  return { series: seriesOf(series), nextCursor: null };
};

const seriesOf = (series: ReadonlyMap<string, [string, JsonValue][]>): SamplePage['series'] =>
  [...series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, points]) => ({ key, points }));

/** Only an object has series. */
const membersOf = (json: string): [string, JsonValue][] =>
  json.startsWith('{') ? Object.entries(JSON.parse(json) as Record<string, JsonValue>) : [];

/** Of a `Place`, whose `member` is empty where it has none. */
const PLACE = [/^\d{1,16}$/, /^-?\d{1,19}$/, /^\d{0,7}$/];

const positionOf = ({ at, hash, member }: Place): string[] => [String(at), hash, String(member ?? '')];

const placeOf = (position: readonly string[] | undefined): Place | null => {
  if (position === undefined) return null;
  const [at, hash = '', member] = position;
  return { at: Number(at), hash, ...(member === '' ? {} : { member: Number(member) }) };
};

const microsOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : Date.parse(time) * 1_000;
