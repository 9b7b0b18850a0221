import type { LastSeen } from '@muster/contracts/device-registry/connectivity.requests';
import type { EventStore } from '@muster/event-store';
import type pg from 'pg';
import { keyOf, type Connections, type DeviceKey, type Ended, type Turn } from './connections.js';
import { CONNECTIVITY_JOIN } from './device-connectivity.js';

/** Announced about a device; the id is the device's. */
export const CONNECTIVITY = 'connectivity';

interface Row {
  tenant_id: string;
  device_id: string;
  connected: boolean | null;
  since: Date | null;
  version: number | null;
  ended_at: Date | null;
}

interface State extends DeviceKey {
  connected: boolean | null;
  since: string | null;
  version: number;
  ended: Omit<Ended, keyof DeviceKey> | null;
  endedAt: string | null;
  seenAt: string | null;
}

/**
 * Writes what has become of devices, and when they were seen, and announces it; of devices that exist. Only with the lock of
 * presence: what is written depends on what is read. One statement writes all, in the order of the keys: a second one would
 * wait for rows after having taken some, and deadlock with `saveLastSeen`.
 */
export const saveTurns = async (
  tx: pg.PoolClient,
  store: Pick<EventStore, 'announce'>,
  { turns, ended }: Pick<Connections, 'turns' | 'ended'>,
  seen: readonly LastSeen[],
): Promise<void> => {
  const states = await statesOf(tx, [...turns, ...ended, ...seen]);
  const told = turns.flatMap((turn) => {
    const state = states.get(keyOf(turn));
    if (state === undefined || state.connected === turn.connected) return [];
    const before = state.since;
    // Doors have clocks of their own, and a connection that is told anew was opened long ago.
    const at = before !== null && before > turn.at ? before : turn.at;
    Object.assign(state, { connected: turn.connected, since: at, version: state.version + 1 });
    return [announcementOf(turn, at, before, state.version)];
  });
  for (const { at, reason, clientId, ...device } of ended) {
    const state = states.get(keyOf(device));
    if (state === undefined || (state.endedAt !== null && state.endedAt > at)) continue;
    Object.assign(state, { endedAt: at, ended: { at, reason, clientId } });
  }
  for (const { at, ...device } of seen) {
    const state = states.get(keyOf(device));
    if (state !== undefined && (state.seenAt === null || state.seenAt < at)) state.seenAt = at;
  }
  await write(tx, [...states.values()]);
  if (told.length > 0) await store.announce(tx, told);
};

const announcementOf = (turn: Turn, at: string, before: string | null, version: number) => ({
  tenantId: turn.tenantId,
  about: CONNECTIVITY,
  id: turn.deviceId,
  version,
  event: turn.connected
    ? { type: 'DeviceConnected', data: { at, since: turn.since, clientId: turn.clientId } }
    : { type: 'DeviceDisconnected', data: { at, reason: turn.reason, ...(before && { since: before }) } },
  metadata: { actor: { kind: 'device', id: turn.deviceId } } as const,
});

const statesOf = async (tx: pg.PoolClient, devices: readonly DeviceKey[]): Promise<Map<string, State>> => {
  if (devices.length === 0) return new Map();
  const { rows } = await tx.query<Row>(
    `SELECT d.tenant_id, d.id AS device_id, c.connected, c.since, c.version, c.ended_at
     FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS k (tenant_id, device_id)) k
     JOIN devices d ON d.tenant_id = k.tenant_id AND d.id = k.device_id ${CONNECTIVITY_JOIN}`,
    [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)],
  );
  return new Map(
    rows.map((row) => {
      const device = { tenantId: row.tenant_id, deviceId: row.device_id };
      const state: State = {
        ...device,
        connected: row.connected,
        since: row.since?.toISOString() ?? null,
        version: row.version ?? 0,
        ended: null,
        endedAt: row.ended_at?.toISOString() ?? null,
        seenAt: null,
      };
      return [keyOf(device), state];
    }),
  );
};

const write = async (tx: pg.PoolClient, states: readonly State[]): Promise<void> => {
  if (states.length === 0) return;
  await tx.query(
    `INSERT INTO device_connectivity AS c (tenant_id, device_id, connected, since, version, last_seen_at, ended_at,
       ended_reason, ended_client_id)
     SELECT n.tenant_id, n.device_id, n.connected, n.since, n.version,
       CASE WHEN n.seen_at IS NOT NULL THEN least(n.seen_at, now()) END, n.ended_at, n.ended_reason, n.ended_client_id
     FROM unnest($1::text[], $2::text[], $3::boolean[], $4::timestamptz[], $5::integer[], $6::timestamptz[],
       $7::timestamptz[], $8::text[], $9::text[])
       AS n (tenant_id, device_id, connected, since, version, seen_at, ended_at, ended_reason, ended_client_id)
     ORDER BY n.tenant_id, n.device_id
     ON CONFLICT (tenant_id, device_id) DO UPDATE SET
       connected = excluded.connected, since = excluded.since, version = excluded.version,
       last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at),
       ended_at = coalesce(excluded.ended_at, c.ended_at),
       ended_reason = coalesce(excluded.ended_reason, c.ended_reason),
       ended_client_id = coalesce(excluded.ended_client_id, c.ended_client_id)`,
    [
      states.map(({ tenantId }) => tenantId),
      states.map(({ deviceId }) => deviceId),
      states.map(({ connected }) => connected),
      states.map(({ since }) => since),
      states.map(({ version }) => version),
      states.map(({ seenAt }) => seenAt),
      states.map(({ ended }) => ended?.at),
      states.map(({ ended }) => ended?.reason),
      states.map(({ ended }) => ended?.clientId),
    ],
  );
};
