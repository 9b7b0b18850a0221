import type {
  DeviceConnectivity,
  EndReason,
  LastSeen,
} from '@muster/contracts/device-registry/connectivity.requests';
import type { Connectivity, DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { Projection, Queryable } from '@muster/event-store';
import type { DeviceKey } from './connections.js';
import { liveConnectionsOf } from './door-tables.js';

/** With a device goes what is known of its connections. */
export const deviceConnectivity: Projection = {
  name: 'device-connectivity',
  handles: ['DeviceDeleted'],
  project: async (tx, events) => {
    for (const table of ['device_connectivity', 'connection_devices']) {
      await tx.query(
        `DELETE FROM ${table} WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
        [events.map(({ tenantId }) => tenantId), events.map(({ streamId }) => streamId)],
      );
    }
  },
  /** All stays: no event could bring it back. */
  reset: () => Promise.resolve(),
};

/** Reads the whole table: about 0.1 s for a million devices, each time that the metrics are asked for. */
export const countConnected = async (database: Queryable): Promise<number> => {
  const { rows } = await database.query<{ n: string }>({
    text: 'SELECT count(*) AS n FROM device_connectivity WHERE connected',
  });
  return Number(rows[0]?.n ?? 0);
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

/** The tokens and secrets by which they were heard, as `LastUses` writes what else was used. */
export const saveShown = async (from: Queryable, seen: readonly LastSeen[]): Promise<void> => {
  const shown = seen.filter(({ tokenId, secretHash }) => tokenId != null || secretHash != null);
  if (shown.length === 0) return;
  await from.query({
    // Joined: what is gone by now does not come back.
    text: `WITH seen AS (
             SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
               AS s (tenant_id, device_id, at, token_id, secret_hash)
           ), used AS (
             SELECT t.tenant_id, t.id, s.at FROM seen s JOIN device_tokens t ON t.tenant_id = s.tenant_id AND t.id = s.token_id
             UNION ALL
             SELECT c.tenant_id, c.id, s.at FROM seen s
             JOIN device_secrets c ON c.tenant_id = s.tenant_id AND c.device_id = s.device_id AND c.sha256 = decode(s.secret_hash, 'hex')
           )
           INSERT INTO last_uses AS l (tenant_id, id, used_at)
           SELECT tenant_id, id, least(max(at), now()) FROM used GROUP BY 1, 2 ORDER BY 1, 2
           ON CONFLICT (tenant_id, id) DO UPDATE SET used_at = greatest(l.used_at, excluded.used_at)`,
    values: [
      ...keysOf(shown),
      shown.map(({ at }) => at),
      shown.map(({ tokenId }) => tokenId),
      shown.map(({ secretHash }) => secretHash),
    ],
  });
};

/** Whether a device of `devices d` and `device_connectivity c` is connected; null where nobody can know. */
export const CONNECTED =
  "CASE d.interface WHEN 'mqtt' THEN coalesce(c.connected, false) WHEN 'http' THEN NULL ELSE c.connected END";

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
