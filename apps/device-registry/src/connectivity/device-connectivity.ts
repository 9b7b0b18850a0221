import type {
  DeviceConnectivity,
  EndReason,
  LastSeen,
} from '@muster/contracts/device-registry/connectivity.requests';
import type { Connectivity, DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { Projection, Queryable } from '@muster/event-store';
import type pg from 'pg';
import { liveConnectionsOf } from './door-tables.js';
import type { DeviceKey, Transition } from './presence.js';

/** With a device goes what is known of its connections. */
export const deviceConnectivity: Projection = {
  name: 'device-connectivity',
  handles: ['DeviceDeleted'],
  project: async (tx, events) => {
    for (const table of [
      'device_connectivity',
      'connection_devices',
      'device_connections',
      'client_devices',
    ]) {
      await tx.query(
        `DELETE FROM ${table} WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
        [events.map(({ tenantId }) => tenantId), events.map(({ streamId }) => streamId)],
      );
    }
  },
  /** All stays: no event could bring it back. */
  reset: () => Promise.resolve(),
};

/** A transition with the version to tell it under. */
export interface Turned extends Transition {
  readonly version: number;
}

/**
 * Writes what the transitions, in their order, make of their devices, and when devices were seen; returns the transitions of
 * devices that exist. Only with the lock of presence: `version` is read and written. One statement writes all, in the order
 * of the keys: a second one would wait for rows after having taken some, and deadlock with `saveLastSeen`.
 */
export const saveDevices = async (
  tx: pg.PoolClient,
  transitions: readonly Transition[],
  seen: readonly LastSeen[],
): Promise<Turned[]> => {
  const named = [...transitions, ...seen];
  if (named.length === 0) return [];
  const { rows } = await tx.query<{ tenant_id: string; device_id: string; version: number | null }>(
    `SELECT d.tenant_id, d.id AS device_id, c.version
     FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS k (tenant_id, device_id)) k
     JOIN devices d ON d.tenant_id = k.tenant_id AND d.id = k.device_id ${CONNECTIVITY_JOIN}`,
    keysOf(named),
  );
  const versions = new Map(rows.map((row) => [keyOf(row.tenant_id, row.device_id), row.version ?? 0]));
  const turned: Turned[] = [];
  const changes = new Map<string, DeviceKey & { turned?: Turned; seenAt?: string }>();
  for (const { tenantId, deviceId, connected, at } of transitions) {
    const key = keyOf(tenantId, deviceId);
    const version = versions.get(key);
    if (version === undefined) continue;
    const one = { tenantId, deviceId, connected, at, version: version + 1 };
    versions.set(key, one.version);
    turned.push(one);
    changes.set(key, { tenantId, deviceId, turned: one });
  }
  for (const { tenantId, deviceId, at } of seen) {
    const key = keyOf(tenantId, deviceId);
    if (versions.has(key)) changes.set(key, { tenantId, deviceId, ...changes.get(key), seenAt: at });
  }
  const all = [...changes.values()];
  await tx.query(
    `INSERT INTO device_connectivity AS c (tenant_id, device_id, connected, since, version, last_seen_at)
     SELECT n.tenant_id, n.device_id, n.connected, n.since, n.version, CASE WHEN n.seen_at IS NOT NULL THEN least(n.seen_at, now()) END
     FROM unnest($1::text[], $2::text[], $3::boolean[], $4::timestamptz[], $5::integer[], $6::timestamptz[])
       AS n (tenant_id, device_id, connected, since, version, seen_at) ORDER BY n.tenant_id, n.device_id
     ON CONFLICT (tenant_id, device_id) DO UPDATE SET
       connected = coalesce(excluded.connected, c.connected), since = coalesce(excluded.since, c.since),
       version = excluded.version, last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at)`,
    [
      ...keysOf(all),
      all.map((one) => one.turned?.connected ?? null),
      all.map((one) => one.turned?.at ?? null),
      all.map(({ tenantId, deviceId }) => versions.get(keyOf(tenantId, deviceId)) ?? 0),
      all.map(({ seenAt }) => seenAt ?? null),
    ],
  );
  return turned;
};

/** Of these devices the keys of those that exist. */
export const existingOf = async (from: Queryable, devices: readonly DeviceKey[]): Promise<Set<string>> => {
  if (devices.length === 0) return new Set();
  const { rows } = await from.query<{ tenant_id: string; id: string }>({
    text: `SELECT d.tenant_id, d.id FROM devices d
           WHERE (d.tenant_id, d.id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    values: keysOf(devices),
  });
  return new Set(rows.map((row) => keyOf(row.tenant_id, row.id)));
};

/**
 * Newer times only, and none of the future. Returns the devices that exist. Rows are locked in the order of their keys, so
 * that two adapters wait for each other instead of deadlocking.
 */
export const saveLastSeen = async (from: Queryable, seen: readonly LastSeen[]): Promise<Set<string>> => {
  const { rows } = await from.query<{ tenant_id: string; device_id: string }>({
    text: `WITH seen AS (
             SELECT d.tenant_id, d.id AS device_id, least(max(s.at), now()) AS at
             FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS s (tenant_id, device_id, at)
             JOIN devices d ON d.tenant_id = s.tenant_id AND d.id = s.device_id
             GROUP BY d.tenant_id, d.id ORDER BY d.tenant_id, d.id
           ), saved AS (
             INSERT INTO device_connectivity AS c (tenant_id, device_id, last_seen_at) SELECT * FROM seen
             ON CONFLICT (tenant_id, device_id) DO UPDATE SET last_seen_at = excluded.last_seen_at
               WHERE c.last_seen_at IS NULL OR c.last_seen_at < excluded.last_seen_at
           ) SELECT tenant_id, device_id FROM seen`,
    values: [...keysOf(seen), seen.map(({ at }) => at)],
  });
  return new Set(rows.map((row) => keyOf(row.tenant_id, row.device_id)));
};

/** Whether a device of `devices d` and `device_connectivity c` is connected; null where nobody can know. */
export const CONNECTED =
  "CASE WHEN d.interface = 'mqtt' THEN coalesce(c.connected, false) ELSE c.connected END";

/** The columns of `device_connectivity c`, joined to `devices d`, that `connectivityOf` reads. */
export const CONNECTIVITY_COLUMNS = `
  ${CONNECTED} AS connected,
  c.since AS connected_since, c.last_seen_at`;

export const CONNECTIVITY_JOIN =
  'LEFT JOIN device_connectivity c ON c.tenant_id = d.tenant_id AND c.device_id = d.id';

export interface ConnectivityRow {
  connected: boolean | null;
  connected_since: Date | null;
  last_seen_at: Date | null;
}

export const connectivityOf = (row: ConnectivityRow): Connectivity => ({
  connected: row.connected,
  since: row.connected_since?.toISOString() ?? null,
  lastSeenAt: row.last_seen_at?.toISOString() ?? null,
});

/** As many as the contract shows. */
const MOST_CONNECTIONS = 100;

interface DetailRow extends ConnectivityRow {
  interface: DeviceInterface;
  ended_at: Date | null;
  ended_reason: EndReason | null;
  ended_client_id: string | null;
}

/** Undefined: there is no such device. */
export const findConnectivity = async (
  from: Queryable,
  device: DeviceKey,
): Promise<DeviceConnectivity | undefined> => {
  const { rows } = await from.query<DetailRow>({
    name: 'connectivity-of',
    text: `SELECT d.interface, ${CONNECTIVITY_COLUMNS}, c.ended_at, c.ended_reason, c.ended_client_id
           FROM devices d ${CONNECTIVITY_JOIN} WHERE d.tenant_id = $1 AND d.id = $2`,
    values: [device.tenantId, device.deviceId],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const { ended_at: at, ended_reason: reason, ended_client_id: clientId } = row;
  const live = await liveConnectionsOf(from, device, MOST_CONNECTIONS);
  return {
    ...connectivityOf(row),
    interface: row.interface,
    connections: live.map((one) => ({
      clientId: one.client_id,
      deviceId: one.device_id,
      transport: one.transport,
      protocol: one.protocol,
      address: one.address ?? undefined,
      since: one.opened_at.toISOString(),
    })),
    lastEnded: at && reason && { at: at.toISOString(), reason, clientId: clientId ?? '' },
  };
};

export const keyOf = (tenantId: string, deviceId: string): string => `${tenantId}\n${deviceId}`;

const keysOf = (devices: readonly DeviceKey[]): [string[], string[]] => [
  devices.map(({ tenantId }) => tenantId),
  devices.map(({ deviceId }) => deviceId),
];
