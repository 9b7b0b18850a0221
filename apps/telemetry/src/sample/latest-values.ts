import type pg from 'pg';
import { REPLY_BYTES, type JsonValue } from '@muster/contracts';
import type { ForgetLatest, GetLatest, LatestValues } from '@muster/contracts/telemetry/requests';
import type { Database, Queryable } from '@muster/event-store';
import { COUNT, decodeCursor, encodeCursor } from '@muster/service-host';
import { bytesOf } from './bytes-of.js';
import { deviceOf, keysIn, type DeviceKeys } from './key-limit.js';
import type { PreparedMessage, PreparedSample } from './prepare-message.js';
import { isoMillis } from './time.js';

interface Newest {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly values: Map<string, { readonly json: string; readonly at: number }>;
}

/**
 * The newest value of every key by the time of its sample, in the transaction that stores the samples. Of the same time
 * the one that comes later counts. Set-based, devices in order: two batches that shared devices in different orders
 * would wait for each other. Returns which devices now have more than `most` keys.
 */
export const mergeLatest = async (
  tx: pg.PoolClient,
  stored: Iterable<{ readonly message: PreparedMessage; readonly sample: PreparedSample }>,
  most: number,
): Promise<string[]> => {
  const devices = [...newestOf(stored)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, newest]) => newest);
  if (devices.length === 0) return [];
  const times = devices.map(({ values }) => [...values.values()].map(({ at }) => at));
  const { rows } = await tx.query<{ tenantId: string; deviceId: string }>({
    name: 'merge-latest',
    // When everything that comes is newer than everything that is there, one concatenation does; else key by key.
    text: `WITH merged AS (INSERT INTO latest_values AS l (tenant_id, device_id, newest_at, oldest_written, "values")
           SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::jsonb[])
           ON CONFLICT (tenant_id, device_id) DO UPDATE SET
             newest_at = greatest(l.newest_at, excluded.newest_at),
             oldest_written = excluded.oldest_written,
             "values" = CASE WHEN excluded.oldest_written >= l.newest_at THEN l."values" || excluded."values"
               ELSE l."values" || coalesce((
                 SELECT jsonb_object_agg(n.key, n.value) FROM jsonb_each(excluded."values") n
                 WHERE NOT l."values" ? n.key OR (l."values" -> n.key ->> 1)::bigint <= (n.value ->> 1)::bigint
               ), '{}') END
             RETURNING tenant_id, device_id, "values")
           SELECT tenant_id AS "tenantId", device_id AS "deviceId" FROM merged
           WHERE (SELECT count(*) FROM jsonb_object_keys("values")) > $6`,
    values: [
      devices.map(({ tenantId }) => tenantId),
      devices.map(({ deviceId }) => deviceId),
      times.map((own) => Math.max(...own)),
      times.map((own) => Math.min(...own)),
      devices.map(({ values }) => jsonOf(values)),
      most,
    ],
  });
  return rows.map(deviceOf);
};

/**
 * Which of the keys in these messages their devices have. Locks the rows, in the order in which `mergeLatest` writes them:
 * what is read holds until the transaction ends.
 */
export const readKeys = async (
  tx: pg.PoolClient,
  messages: readonly PreparedMessage[],
): Promise<ReadonlyMap<string, DeviceKeys>> => {
  const asked = new Map<string, { readonly message: PreparedMessage; readonly keys: Set<string> }>();
  for (const message of messages) {
    const { keys } = asked.get(deviceOf(message)) ?? { keys: new Set<string>() };
    asked.set(deviceOf(message), { message, keys });
    for (const { data } of message.samples) for (const key of keysIn(data)) keys.add(key);
  }
  const devices = [...asked].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, device]) => device);
  const { rows } = await tx.query<{ tenantId: string; deviceId: string; count: number; known: string[] }>({
    text: `SELECT l.tenant_id AS "tenantId", l.device_id AS "deviceId",
             (SELECT count(*) FROM jsonb_object_keys(l."values"))::integer AS count,
             ARRAY(SELECT k FROM jsonb_array_elements_text(n.keys) k WHERE l."values" ? k) AS known
           FROM unnest($1::text[], $2::text[], $3::jsonb[]) AS n (tenant_id, device_id, keys)
           JOIN latest_values l USING (tenant_id, device_id)
           ORDER BY (l.tenant_id || E'\n' || l.device_id) COLLATE "C" FOR UPDATE OF l`,
    values: [
      devices.map(({ message }) => message.tenantId),
      devices.map(({ message }) => message.deviceId),
      devices.map(({ keys }) => JSON.stringify([...keys])),
    ],
  });
  return new Map(rows.map((row) => [deviceOf(row), { count: row.count, known: new Set(row.known) }]));
};

/**
 * By key; `keys` undefined: all. A device that never sent anything has none. The cursor counts the items before it: a key that
 * comes between two pages may make the next one repeat an item, and one that an operator removes may make it leave one out.
 */
export const readLatest = async (
  database: Database,
  { tenantId, deviceId, keys, count, limit, cursor }: GetLatest,
): Promise<LatestValues> => {
  const [before = '0'] = decodeCursor('latest values', cursor, [COUNT]) ?? [];
  const { rows } = await database.query<{ key: string; value: JsonValue; at: string }>({
    text: `SELECT e.key, e.value -> 0 AS value, (e.value ->> 1)::bigint AS at
           FROM latest_values l, jsonb_each(l."values") e
           WHERE l.tenant_id = $1 AND l.device_id = $2 AND ($3::text[] IS NULL OR e.key = ANY ($3))
           ORDER BY e.key COLLATE "C" OFFSET $4`,
    values: [tenantId, deviceId, keys ?? null, before],
  });
  const total = count === true ? { total: Number(before) + rows.length } : {};
  const items: LatestValues['items'] = [];
  let bytes = 0;
  for (const { key, value, at } of rows) {
    const item = { key, value, ts: isoMillis(Number(at)) };
    bytes += bytesOf(item) + 1;
    if (items.length === limit || (bytes > REPLY_BYTES && items.length > 0)) {
      const nextCursor = encodeCursor('latest values', [String(Number(before) + items.length)]);
      return { items, nextCursor, ...total };
    }
    items.push(item);
  }
  return { items, nextCursor: null, ...total };
};

/** Returns how many there were. The history stays; the key comes again with the next sample that has it. */
export const forgetKeys = async (
  database: Queryable,
  { tenantId, deviceId, keys }: ForgetLatest,
): Promise<number> => {
  const { rows } = await database.query<{ removed: number }>({
    name: 'forget-keys',
    // The row as it was, with its lock: what a batch adds at this moment is neither lost nor counted.
    text: `WITH before AS MATERIALIZED (
             SELECT tenant_id, device_id, "values" FROM latest_values
             WHERE tenant_id = $1 AND device_id = $2 FOR UPDATE),
           changed AS (
             UPDATE latest_values l
             SET "values" = CASE WHEN $3::text[] IS NULL THEN '{}' ELSE before."values" - $3::text[] END
             FROM before WHERE l.tenant_id = before.tenant_id AND l.device_id = before.device_id)
           SELECT count(*)::integer AS removed FROM before, jsonb_object_keys("values") k
           WHERE $3::text[] IS NULL OR k = ANY ($3)`,
    values: [tenantId, deviceId, keys ?? null],
  });
  return rows[0]?.removed ?? 0;
};

/**
 * Removes what deleted devices had. Devices in order, as where they are written. A batch in an adapter's hand at that
 * moment may make a row again; no device of that id will ever ask for it.
 */
export const forgetLatest = async (
  database: Database,
  devices: readonly { readonly tenantId: string; readonly deviceId: string }[],
): Promise<void> => {
  await database.query({
    text: `DELETE FROM latest_values WHERE ctid = ANY (ARRAY(
             SELECT l.ctid FROM latest_values l JOIN unnest($1::text[], $2::text[]) AS d (t, d)
               ON l.tenant_id = d.t AND l.device_id = d.d
             ORDER BY l.tenant_id, l.device_id FOR UPDATE OF l))`,
    values: [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)],
  });
};

const newestOf = (
  stored: Iterable<{ readonly message: PreparedMessage; readonly sample: PreparedSample }>,
): Map<string, Newest> => {
  const devices = new Map<string, Newest>();
  for (const { message, sample } of stored) {
    const { data, at } = sample;
    if (keysIn(data).length === 0) continue;
    const { tenantId, deviceId } = message;
    const id = deviceOf(message);
    for (const [key, value] of Object.entries(data as Record<string, JsonValue>)) {
      const device: Newest = devices.get(id) ?? { tenantId, deviceId, values: new Map() };
      devices.set(id, device);
      const known = device.values.get(key);
      if (known === undefined || known.at <= at) device.values.set(key, { json: JSON.stringify(value), at });
    }
  }
  return devices;
};

const jsonOf = (values: Newest['values']): string =>
  `{${[...values].map(([key, { json, at }]) => `${JSON.stringify(key)}:[${json},${at}]`).join(',')}}`;
