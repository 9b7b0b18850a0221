import type {
  ConnectionTransport,
  EndReason,
  ProtocolVersion,
} from '@muster/contracts/device-registry/connectivity.requests';
import type { Queryable } from '@muster/event-store';
import type pg from 'pg';
import type { Connection, Connections, DeviceKey, Known, Link, Report } from './connections.js';

/** How long the opening of a closed connection may be told once more, and the life of a door be asked for that is over. */
const KEPT = "interval '1 hour'";
const FORGET_AT_ONCE = 10_000;

interface ConnectionRow {
  connection: string;
  door: string;
  tenant_id: string | null;
  device_id: string | null;
  client_id: string | null;
  transport: ConnectionTransport | null;
  protocol: ProtocolVersion | null;
  address: string | null;
  opened_at: Date | null;
  closed_at: Date | null;
  reason: EndReason | null;
}

const COLUMNS =
  'connection, door, tenant_id, device_id, client_id, transport, protocol, address, opened_at, closed_at, reason';

/**
 * One change of presence at a time: each is decided on all connections of a device, so two that do not see each other's
 * would leave a device connected that is not. Fast enough: a batch of 500 takes a few milliseconds.
 */
export const lockPresence = async (tx: pg.PoolClient): Promise<void> => {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('muster presence', 0))`);
};

/** All that the reports name, and all connections of the devices that those touch. */
export const loadKnown = async (tx: pg.PoolClient, reports: readonly Report[]): Promise<Known> => {
  const named = [...new Set(reports.map(({ connection }) => connection))];
  const { rows } = await tx.query<ConnectionRow>(
    `SELECT ${COLUMNS} FROM live_connections WHERE connection = ANY($1)`,
    [named],
  );
  const devices = reports.filter((report) => report.kind === 'opened' || report.kind === 'used');
  const { rows: links } = await tx.query<{
    connection: string;
    tenant_id: string;
    device_id: string;
    open: boolean;
  }>(
    `WITH device AS (
       SELECT * FROM unnest($1::text[], $2::text[]) AS d (tenant_id, device_id)
       UNION SELECT l.tenant_id, l.device_id FROM connection_devices l WHERE l.connection = ANY($3)
     ) SELECT l.connection, l.tenant_id, l.device_id, c.opened_at IS NOT NULL AND c.closed_at IS NULL AS open
       FROM connection_devices l JOIN device USING (tenant_id, device_id) JOIN live_connections c USING (connection)`,
    [...keysOf(devices), named],
  );
  return {
    connections: rows.map(connectionOf),
    links: links.map((row) => ({
      connection: row.connection,
      tenantId: row.tenant_id,
      deviceId: row.device_id,
    })),
    open: new Set(links.filter(({ open }) => open).map(({ connection }) => connection)),
  };
};

const connectionOf = (row: ConnectionRow): Connection => {
  const { tenant_id: tenantId, device_id: deviceId, client_id: clientId, transport, protocol } = row;
  const isOpened =
    row.opened_at !== null &&
    tenantId !== null &&
    deviceId !== null &&
    clientId !== null &&
    transport !== null &&
    protocol !== null;
  return {
    connection: row.connection,
    door: row.door,
    opening:
      isOpened && row.opened_at !== null
        ? {
            at: row.opened_at.toISOString(),
            tenantId,
            deviceId,
            clientId,
            transport,
            protocol,
            address: row.address,
          }
        : null,
    end: row.closed_at && row.reason && { at: row.closed_at.toISOString(), reason: row.reason },
  };
};

/** Connections and links as the reports left them; of the devices nothing. */
export const saveConnections = async (tx: pg.PoolClient, connections: Connections): Promise<void> => {
  const changed = connections.changed();
  if (changed.length > 0) {
    await tx.query(
      `INSERT INTO live_connections (${COLUMNS}, changed_at)
       SELECT *, now() FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
         $8::text[], $9::timestamptz[], $10::timestamptz[], $11::text[])
       ON CONFLICT (connection) DO UPDATE SET (${COLUMNS}, changed_at) = (
         excluded.connection, excluded.door, excluded.tenant_id, excluded.device_id, excluded.client_id, excluded.transport,
         excluded.protocol, excluded.address, excluded.opened_at, excluded.closed_at, excluded.reason, excluded.changed_at)`,
      [
        changed.map(({ connection }) => connection),
        changed.map(({ door }) => door),
        changed.map(({ opening }) => opening?.tenantId),
        changed.map(({ opening }) => opening?.deviceId),
        changed.map(({ opening }) => opening?.clientId),
        changed.map(({ opening }) => opening?.transport),
        changed.map(({ opening }) => opening?.protocol),
        changed.map(({ opening }) => opening?.address),
        changed.map(({ opening }) => opening?.at),
        changed.map(({ end }) => end?.at),
        changed.map(({ end }) => end?.reason),
      ],
    );
    await dropLinks(
      tx,
      changed.flatMap(({ connection, end }) => (end === null ? [] : [connection])),
    );
  }
  const links = connections.newLinks();
  if (links.length > 0) await insertLinks(tx, links);
};

const dropLinks = async (tx: pg.PoolClient, connections: readonly string[]): Promise<void> => {
  if (connections.length === 0) return;
  await tx.query('DELETE FROM connection_devices WHERE connection = ANY($1)', [connections]);
};

const insertLinks = async (tx: pg.PoolClient, links: readonly Link[]): Promise<void> => {
  await tx.query(
    `INSERT INTO connection_devices (connection, tenant_id, device_id)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING`,
    [links.map(({ connection }) => connection), ...keysOf(links)],
  );
};

/** The connections that a life of a door holds open, so many at a time. */
export const openOf = async (tx: pg.PoolClient, door: string, most: number): Promise<string[]> => {
  const { rows } = await tx.query<{ connection: string }>(
    `SELECT connection FROM live_connections WHERE door = $1 AND opened_at IS NOT NULL AND closed_at IS NULL LIMIT $2`,
    [door, most],
  );
  return rows.map(({ connection }) => connection);
};

/** What no report can refer to any more; not all at one go, because reports wait meanwhile. True: there is more. */
export const forgetConnections = async (tx: pg.PoolClient): Promise<boolean> => {
  const { rows } = await tx.query<{ connection: string }>(
    `DELETE FROM live_connections WHERE connection IN (
       SELECT connection FROM live_connections
       WHERE (opened_at IS NULL OR closed_at IS NOT NULL) AND changed_at < now() - ${KEPT} LIMIT ${FORGET_AT_ONCE})
     RETURNING connection`,
  );
  await dropLinks(
    tx,
    rows.map(({ connection }) => connection),
  );
  await tx.query(`DELETE FROM doors WHERE emptied AND lapses_at < now() - ${KEPT}`);
  return rows.length === FORGET_AT_ONCE;
};

export interface LiveConnectionRow {
  client_id: string;
  device_id: string;
  transport: ConnectionTransport;
  protocol: ProtocolVersion;
  address: string | null;
  opened_at: Date;
}

/** By which a device is connected, the newest first. */
export const liveConnectionsOf = async (
  from: Queryable,
  { tenantId, deviceId }: DeviceKey,
  most: number,
): Promise<LiveConnectionRow[]> => {
  const { rows } = await from.query<LiveConnectionRow>({
    name: 'live-connections-of',
    text: `SELECT c.client_id, c.device_id, c.transport, c.protocol, c.address, c.opened_at
           FROM connection_devices l JOIN live_connections c USING (connection)
           WHERE l.tenant_id = $1 AND l.device_id = $2 AND c.opened_at IS NOT NULL AND c.closed_at IS NULL
           ORDER BY c.opened_at DESC, c.connection LIMIT ${most}`,
    values: [tenantId, deviceId],
  });
  return rows;
};

const keysOf = (devices: readonly DeviceKey[]): [string[], string[]] => [
  devices.map(({ tenantId }) => tenantId),
  devices.map(({ deviceId }) => deviceId),
];
