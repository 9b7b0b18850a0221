import { AppError, REPLY_BYTES, type JsonValue } from '@muster/contracts';
import { bucketOf, type Aggregate, type QueryBuckets } from '@muster/contracts/telemetry/buckets.requests';
import type { SamplePage } from '@muster/contracts/telemetry/requests';
import type { Database } from '@muster/event-store';
import { decodeCursor, encodeCursor } from '@muster/service-host';
import { bytesOf } from './bytes-of.js';
import { DAY_MICROS, isoMicros, isoMillis, microsOf, nowMicros } from './time.js';

/** What a query may cost. */
export interface BucketLimits {
  /** Buckets × keys × aggregates. */
  readonly points: number;
  /** Read for an answer. */
  readonly samples: number;
}

/** Before whoever waits gives up; a machine that is this slow is told as a query that is too large. */
const TIMEOUT_MS = 8_000;
const QUERY_CANCELED = '57014';
const OUT_OF_RANGE = '22003';
/** Brackets, commas and the time around a value. */
const POINT_BYTES = 32;

/** A page begins with the sample of this time: Unix microseconds. */
const PLACE = [/^\d{1,16}$/];

interface Row {
  /** 0: not of a key, but of all samples of the bucket. */
  readonly nth: number;
  readonly starts: string;
  readonly first_at: string;
  readonly last_at: string;
  readonly samples: string;
  readonly values: readonly (JsonValue | null)[];
}

/**
 * See `QueryBuckets`. One statement: it reads the samples once, in time order by the one index there is, and gives a row for each
 * bucket and key. A page ends with a whole bucket, and the next one reads on from the samples after it.
 */
export const readBuckets = async (
  database: Database,
  request: QueryBuckets,
  limits: BucketLimits,
): Promise<SamplePage> => {
  const { tenantId, deviceId, keys, order = 'asc', aggregates = ['avg'], timeZone = 'UTC' } = request;
  const bucket = bucketOf(request.bucket);
  if (bucket === undefined) throw new AppError('invalid-request', 'bucket must be the size of a bucket');
  const list = `buckets ${order}`;
  const [begins] = decodeCursor(list, request.cursor, PLACE) ?? [];
  const to = microsOf(request.to) ?? nowMicros();
  const from = microsOf(request.from) ?? to - DAY_MICROS;
  const limit = Math.min(request.limit ?? limits.points, limits.points);
  requireFew(Math.ceil((to - from) / 1_000_000 / bucket.seconds) + 1, request, limits.points);

  const after = begins === undefined ? undefined : Number(begins);
  const bounds =
    order === 'asc' ? [after ?? from, to] : [from, after === undefined ? to : Math.min(to, after + 1)];
  const rows = await read(database, {
    text: statementOf(aggregates, bucket.days !== undefined, order),
    values: [
      tenantId,
      deviceId,
      ...bounds.map(isoMicros),
      limits.samples + 1,
      keys,
      bucket.days === undefined ? `${bucket.seconds} seconds` : `${bucket.days} days`,
      ...(bucket.days === undefined ? [] : [timeZone]),
    ],
  });
  const samples = rows.reduce((sum, { nth, samples: of }) => sum + (nth === 0 ? Number(of) : 0), 0);
  if (samples > limits.samples) {
    throw tooLarge('from', `there are more than ${limits.samples} samples: ask for a shorter time`);
  }
  const series = new Map<string, SamplePage['series'][number]>();
  let [points, bytes] = [0, 0];
  for (const [index, ofBucket] of bucketsIn(rows).entries()) {
    const [of] = ofBucket;
    if (of === undefined) continue;
    const ts = isoMillis(Number(of.starts));
    const found = ofBucket.flatMap(({ nth, values }) =>
      nth === 0
        ? []
        : values.flatMap((value, place) =>
            value === null
              ? []
              : [
                  {
                    key: keys[nth - 1] ?? '',
                    aggregate: aggregates[place] ?? 'avg',
                    value: unwrapped(value),
                  },
                ],
          ),
    );
    points += found.length;
    bytes += found.reduce((sum, { key, value }) => sum + POINT_BYTES + bytesOf(value) + bytesOf(key), 0);
    if (index === 0 && bytes > REPLY_BYTES) {
      throw tooLarge('keys', 'the values of a single bucket do not fit in an answer: ask for fewer keys');
    }
    if (index > 0 && (points > limit || bytes > REPLY_BYTES)) {
      const next = order === 'asc' ? of.first_at : of.last_at;
      return { series: [...series.values()], nextCursor: encodeCursor(list, [next]) };
    }
    for (const { key, aggregate, value } of found) {
      const name = `${aggregate} ${key}`;
      const one = series.get(name) ?? { key, aggregate, points: [] };
      series.set(name, one);
      one.points.push([ts, value]);
    }
  }
  return { series: [...series.values()].sort(bySeries), nextCursor: null };
};

/** They come in order. */
const bucketsIn = (rows: readonly Row[]): readonly (readonly Row[])[] => {
  const buckets: Row[][] = [];
  for (const row of rows) {
    const last = buckets.at(-1);
    if (last?.[0]?.starts === row.starts) last.push(row);
    else buckets.push([row]);
  }
  return buckets;
};

/** What was read as `[value]`: null is a value of a device. */
const unwrapped = (value: JsonValue): JsonValue => (Array.isArray(value) ? (value[0] ?? null) : value);

type Series = SamplePage['series'][number];

const bySeries = (a: Series, b: Series): number => compare(a.key, b.key) || compare(a.aggregate, b.aggregate);

const compare = (a = '', b = ''): number => (a === b ? 0 : a < b ? -1 : 1);

const requireFew = (buckets: number, { keys, aggregates = ['avg'] }: QueryBuckets, most: number): void => {
  const points = Math.max(0, buckets) * keys.length * aggregates.length;
  if (points <= most) return;
  throw tooLarge(
    'bucket',
    `makes ${points} points (${buckets} buckets, ${keys.length} keys, ${aggregates.length} aggregates), and a query may have ${most}: ` +
      'ask for larger buckets, a shorter time or fewer keys',
  );
};

const tooLarge = (path: string, message: string): AppError =>
  new AppError('telemetry-query-too-large', `${path}: ${message}.`, { errors: [{ path, message }] });

/** Of `first` and `last` the place of the sample is found, and its value read afterwards: a value has no order of its own. */
const EXPRESSIONS: Readonly<Record<Aggregate, string>> = {
  avg: 'avg(number)',
  min: 'min(number)',
  max: 'max(number)',
  sum: 'sum(number)',
  count: 'count(*)',
  first: 'min(place)',
  last: 'max(place)',
};

const NEEDS_PLACE: readonly Aggregate[] = ['first', 'last'];

const statementOf = (aggregates: readonly Aggregate[], areDays: boolean, order: 'asc' | 'desc'): string => {
  const placed = NEEDS_PLACE.filter((aggregate) => aggregates.includes(aggregate));
  const bin = areDays
    ? "date_bin($7::interval, ts AT TIME ZONE $8::text, timestamp '2000-01-03')"
    : "date_bin($7::interval, ts, 'epoch'::timestamptz)";
  // Midnight is where the day before ends: there may be none of that name, or two.
  const starts = areDays
    ? "(bin - interval '1 microsecond') AT TIME ZONE $8::text + interval '1 microsecond'"
    : 'bin';
  const place =
    placed.length === 0 ? 'NULL::bigint[]' : `ARRAY[${micros('ts')}, ${micros('received_at')}, hash]`;
  const values = aggregates.map((aggregate) =>
    NEEDS_PLACE.includes(aggregate)
      ? `CASE WHEN of_${aggregate}.data IS NOT NULL THEN jsonb_build_array(of_${aggregate}.data -> key) END`
      : aggregate,
  );
  return `
    WITH found AS (
      SELECT ${bin} AS bin, key, nth, ts, ${place} AS place,
             CASE WHEN jsonb_typeof(data -> key) = 'number' THEN (data -> key)::float8 END AS number
      FROM (SELECT ts, received_at, hash, data FROM samples
            WHERE tenant_id = $1 AND device_id = $2 AND ts >= $3::timestamptz AND ts < $4::timestamptz
            ORDER BY ts LIMIT $5::bigint) AS read,
           unnest(array_prepend(NULL::text, $6::text[])) WITH ORDINALITY AS k (key, nth)
      WHERE nth = 1 OR (jsonb_typeof(data) = 'object' AND data ? key)),
    grouped AS (
      SELECT bin, key, nth, min(ts) AS first_at, max(ts) AS last_at, count(*) AS samples,
             ${aggregates.map((aggregate) => `${EXPRESSIONS[aggregate]} AS ${aggregate}`).join(', ')}
      FROM found GROUP BY bin, key, nth)
    SELECT (nth - 1)::integer AS nth, samples, ${micros(starts)} AS starts, ${micros('first_at')} AS first_at,
           ${micros('last_at')} AS last_at, jsonb_build_array(${values.join(', ')}) AS "values"
    FROM grouped ${placed.map(joinOf).join(' ')}
    ORDER BY bin ${order}, nth`;
};

const micros = (time: string): string => `(extract(epoch FROM ${time}) * 1000000)::bigint`;

const joinOf = (aggregate: Aggregate): string => `
    LEFT JOIN samples AS of_${aggregate} ON nth > 1
      AND of_${aggregate}.tenant_id = $1 AND of_${aggregate}.device_id = $2
      AND of_${aggregate}.ts = 'epoch'::timestamptz + grouped.${aggregate}[1] * interval '1 microsecond'
      AND of_${aggregate}.hash = grouped.${aggregate}[3]`;

const read = (
  database: Database,
  query: { readonly text: string; readonly values: unknown[] },
): Promise<Row[]> =>
  database.transaction(async (tx) => {
    // Compiling the statement takes longer than most of its runs.
    await tx.query(`SET LOCAL statement_timeout = ${TIMEOUT_MS}; SET LOCAL jit = off`);
    try {
      return (await tx.query<Row>(query)).rows;
    } catch (error) {
      switch ((error as { code?: unknown }).code) {
        case QUERY_CANCELED:
          throw tooLarge(
            'from',
            `the query took longer than ${TIMEOUT_MS / 1_000} s: ask for a shorter time or fewer keys`,
          );
        case OUT_OF_RANGE:
          throw tooLarge(
            'aggregate',
            'the values of a bucket add up to more than a double can hold: ask for min and max',
          );
        default:
          throw error;
      }
    }
  });
