import { AppError, type JsonValue, type QuerySamples, type SamplePage } from '@muster/contracts';
import type { Database } from '@muster/event-store';
import { DAY_MICROS, isoMicros, isoMillis, nowMicros } from './time.js';

const DEFAULT_LIMIT = 1_000;
/** A page must fit in a message of the bus, which takes 1 MB by default; every value repeats its time. */
const PAGE_BYTES = 600_000;
const POINT_BYTES = 32;

/** A sample's place in the order. The next page begins after it. */
interface Place {
  readonly at: number;
  readonly hash: string;
}

/** Samples as they were stored, by time and content, `limit` of them at most; keys that are not asked for are left out. */
export const readSamples = async (database: Database, request: QuerySamples): Promise<SamplePage> => {
  const { tenantId, deviceId, keys, order = 'asc', limit = DEFAULT_LIMIT } = request;
  const to = timeOf('to', request.to) ?? nowMicros();
  const from = timeOf('from', request.from) ?? to - DAY_MICROS;
  const after = request.cursor === undefined ? null : placeOf(request.cursor);

  const [sign, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
  const { rows } = await database.query<{ at: string; hash: string; data: string }>({
    name: `read-samples-${order}${after === null ? '' : '-after'}`,
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
  let last: Place | null = null;
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    if (index === limit || (index > 0 && bytes > PAGE_BYTES)) {
      return { series: seriesOf(series), nextCursor: last === null ? null : cursorAt(last) };
    }
    last = { at: Number(row.at), hash: row.hash };
    const ts = isoMillis(last.at);
    for (const [key, value] of membersOf(row.data)) {
      if (wanted !== undefined && !wanted.has(key)) continue;
      const points = series.get(key) ?? [];
      points.push([ts, value]);
      series.set(key, points);
      bytes += POINT_BYTES + JSON.stringify(value).length;
    }
  }
  return { series: seriesOf(series), nextCursor: null };
};

const seriesOf = (series: ReadonlyMap<string, [string, JsonValue][]>): SamplePage['series'] =>
  [...series].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, points]) => ({ key, points }));

/** Only an object has series. */
const membersOf = (json: string): [string, JsonValue][] =>
  json.startsWith('{') ? Object.entries(JSON.parse(json) as Record<string, JsonValue>) : [];

const cursorAt = ({ at, hash }: Place): string => Buffer.from(`${at}.${hash}`).toString('base64url');

const placeOf = (cursor: string): Place => {
  const [, at, hash] =
    /^(\d{1,16})\.(-?\d{1,19})$/.exec(Buffer.from(cursor, 'base64url').toString()) ??
    invalid('cursor', 'is not one of ours');
  return { at: Number(at), hash: hash ?? '' };
};

const timeOf = (field: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  // The contract takes every ISO 8601 form, JavaScript reads only some of them.
  return Number.isNaN(time) ? invalid(field, 'must be a time like 2026-01-31T12:00:00Z') : time * 1_000;
};

const invalid = (path: string, message: string): never => {
  throw new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
};
