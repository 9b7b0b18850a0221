import type { Database } from '@muster/event-store';
import type pg from 'pg';
import type { Connection, DeviceKey, Known, Presence, Report, Transition } from './presence.js';

/** How long the report of a connection's opening may come after the report that its client used a device. */
const RECENT_USE = "interval '10 seconds'";
/** How long the opening of a closed connection may be reported once more. */
const CLOSED_KEPT = "interval '1 hour'";
const FORGET_AT_ONCE = 10_000;

/**
 * One change of presence at a time: each is decided on all connections of a device, so two that do not see each other's
 * would leave a device connected that is not. Fast enough: a batch takes a few milliseconds, and a broker opens about a
 * thousand connections a second.
 */
export const lockPresence = async (tx: pg.PoolClient): Promise<void> => {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('muster presence', 0))`);
};

/** Reads the whole table: about 0.1 s for a million devices, each time that the metrics are asked for. */
export const countConnected = async (database: Database): Promise<number> => {
  const { rows } = await database.query<{ n: string }>(
    'SELECT count(*) AS n FROM device_connectivity WHERE connected',
  );
  return Number(rows[0]?.n ?? 0);
};

/** All that the reports name, and all connections of the devices that those touch. */
export const loadKnown = async (tx: pg.PoolClient, reports: readonly Report[]): Promise<Known> => {
  const named = reports.flatMap((report) => ('connection' in report ? [report.connection] : []));
  const clients = [...new Set(reports.flatMap((report) => ('clientId' in report ? [report.clientId] : [])))];
  const uses = reports.filter((report) => report.kind === 'used');
  const { rows: connections } = await tx.query<{
    connection: string;
    client_id: string;
    broker: string;
    incarnation: string;
    closed_at: Date | null;
  }>(
    `SELECT connection, client_id, broker, incarnation, closed_at FROM connections
     WHERE connection = ANY($1) OR (client_id = ANY($2) AND closed_at IS NULL) ORDER BY nth`,
    [named, clients],
  );
  const { rows: recent } = await tx.query<{ client_id: string; tenant_id: string; device_id: string }>(
    `SELECT client_id, tenant_id, device_id FROM client_devices
     WHERE client_id = ANY($1) AND noted_at > now() - ${RECENT_USE} ORDER BY noted_at`,
    [clients],
  );
  const { rows: links } = await tx.query<{ connection: string; tenant_id: string; device_id: string }>(
    `WITH device AS (
       SELECT * FROM unnest($1::text[], $2::text[]) AS d (tenant_id, device_id)
       UNION SELECT l.tenant_id, l.device_id FROM device_connections l WHERE l.connection = ANY($3)
     ) SELECT l.connection, l.tenant_id, l.device_id FROM device_connections l JOIN device USING (tenant_id, device_id)`,
    [
      [...uses.map(({ tenantId }) => tenantId), ...recent.map((row) => row.tenant_id)],
      [...uses.map(({ deviceId }) => deviceId), ...recent.map((row) => row.device_id)],
      connections.map(({ connection }) => connection),
    ],
  );
  return {
    connections: connections.map((row) => ({
      connection: row.connection,
      clientId: row.client_id,
      broker: row.broker,
      incarnation: Number(row.incarnation),
      closedAt: row.closed_at?.toISOString() ?? null,
    })),
    links: links.map((row) => ({ connection: row.connection, ...deviceOf(row) })),
    recentUses: recent.map((row) => ({ clientId: row.client_id, ...deviceOf(row) })),
  };
};

/** Connections and links as the reports left them; of the devices nothing. */
export const saveConnections = async (tx: pg.PoolClient, presence: Presence): Promise<void> => {
  const changed = presence.changedConnections();
  if (changed.length > 0) await upsertConnections(tx, changed);
  const links = presence.newLinks();
  if (links.length > 0) {
    await tx.query(
      `INSERT INTO device_connections (connection, tenant_id, device_id)
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING`,
      [links.map(({ connection }) => connection), ...keysOf(links)],
    );
  }
  const uses = [...presence.used.values()];
  if (uses.length > 0) {
    await tx.query(
      `INSERT INTO client_devices (client_id, tenant_id, device_id, noted_at)
       SELECT u.*, now() FROM unnest($1::text[], $2::text[], $3::text[]) u
       ON CONFLICT (client_id, tenant_id, device_id) DO UPDATE SET noted_at = excluded.noted_at`,
      [uses.map(({ clientId }) => clientId), ...keysOf(uses)],
    );
  }
};

const upsertConnections = async (tx: pg.PoolClient, changed: readonly Connection[]): Promise<void> => {
  await tx.query(
    `INSERT INTO connections (connection, client_id, broker, incarnation, closed_at)
     SELECT connection, client_id, broker, incarnation, closed_at
     FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
       WITH ORDINALITY AS c (connection, client_id, broker, incarnation, closed_at, nth)
     ORDER BY c.nth
     ON CONFLICT (connection) DO UPDATE SET closed_at = excluded.closed_at`,
    [
      changed.map(({ connection }) => connection),
      changed.map(({ clientId }) => clientId),
      changed.map(({ broker }) => broker),
      changed.map(({ incarnation }) => incarnation),
      changed.map(({ closedAt }) => closedAt),
    ],
  );
  const closed = changed.filter(({ closedAt }) => closedAt !== null);
  if (closed.length === 0) return;
  await tx.query('DELETE FROM device_connections WHERE connection = ANY($1)', [
    closed.map(({ connection }) => connection),
  ]);
};

/** Ends all connections of the broker's earlier life. Returns the devices that had no other. */
export const closeEarlierLife = async (
  tx: pg.PoolClient,
  { broker, incarnation, at }: { readonly broker: string; readonly incarnation: number; readonly at: string },
): Promise<Transition[]> => {
  const { rows } = await tx.query<{ tenant_id: string; device_id: string }>(
    `WITH ended AS (
       UPDATE connections SET closed_at = $3 WHERE broker = $1 AND incarnation <> $2 AND closed_at IS NULL
       RETURNING connection
     ), unlinked AS (
       DELETE FROM device_connections l USING ended WHERE l.connection = ended.connection
       RETURNING l.connection, l.tenant_id, l.device_id
     )
     SELECT DISTINCT u.tenant_id, u.device_id FROM unlinked u WHERE NOT EXISTS (
       -- This sees the table as it was before the DELETE, hence the second condition.
       SELECT 1 FROM device_connections other WHERE other.tenant_id = u.tenant_id AND other.device_id = u.device_id
         AND NOT EXISTS (SELECT 1 FROM ended WHERE ended.connection = other.connection))`,
    [broker, incarnation, at],
  );
  return rows.map((row) => ({ ...deviceOf(row), connected: false, at }));
};

export interface Broker {
  readonly incarnation: number;
  /** ISO, the broker's clock: when this life of it was first heard of. */
  readonly since: string;
}

export const loadBrokers = async (tx: pg.PoolClient): Promise<Map<string, Broker>> => {
  const { rows } = await tx.query<{ broker: string; incarnation: string; since: Date }>(
    'SELECT broker, incarnation, since FROM brokers',
  );
  return new Map(
    rows.map((row) => [row.broker, { incarnation: Number(row.incarnation), since: row.since.toISOString() }]),
  );
};

export const saveBroker = async (tx: pg.PoolClient, name: string, broker: Broker): Promise<void> => {
  await tx.query(
    `INSERT INTO brokers (broker, incarnation, since) VALUES ($1, $2, $3)
     ON CONFLICT (broker) DO UPDATE SET incarnation = excluded.incarnation, since = excluded.since`,
    [name, broker.incarnation, broker.since],
  );
};

/** What no report can refer to any more; not all at one go, because other reports wait meanwhile. True: there is more. */
export const forgetClosed = async (tx: pg.PoolClient): Promise<boolean> => {
  const { rowCount } = await tx.query(
    `DELETE FROM connections WHERE connection IN (
       SELECT connection FROM connections WHERE closed_at < now() - ${CLOSED_KEPT} LIMIT ${FORGET_AT_ONCE})`,
  );
  await tx.query(`DELETE FROM client_devices WHERE noted_at < now() - ${RECENT_USE}`);
  return rowCount === FORGET_AT_ONCE;
};

const deviceOf = (row: { tenant_id: string; device_id: string }): DeviceKey => ({
  tenantId: row.tenant_id,
  deviceId: row.device_id,
});

const keysOf = (devices: readonly DeviceKey[]): [string[], string[]] => [
  devices.map(({ tenantId }) => tenantId),
  devices.map(({ deviceId }) => deviceId),
];
