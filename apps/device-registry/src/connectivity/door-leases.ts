import type { ReportConnections } from '@muster/contracts/device-registry/connectivity.requests';
import type { Database, EventStore } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import type pg from 'pg';
import { Connections } from './connections.js';
import { forgetConnections, loadKnown, lockPresence, openOf, saveConnections } from './door-tables.js';
import { saveTurns } from './save-turns.js';

/** A lapse is noticed within that. */
const WATCH_EVERY_MS = 1_000;
/** Nobody has watched for so long: doors could not be heard meanwhile, and are given the time of their lease anew. */
const GAP = "interval '5 seconds'";
const FORGET_EVERY_MS = 60_000;
/** The connections of a lost door are closed so many at a time: reports of the others wait meanwhile. */
const CLOSE_AT_ONCE = 1_000;

type Lease = Omit<ReportConnections, 'reports'>;

/** False: it has lapsed, or nobody knows of it. Only with the lock of presence. */
export const renewLease = async (
  tx: pg.PoolClient,
  { door, isNew, leaseSeconds }: Lease,
): Promise<boolean> => {
  const { rows } = await tx.query<{ lapsed: boolean }>('SELECT lapsed FROM doors WHERE door = $1', [door]);
  const [known] = rows;
  if (known === undefined ? !isNew : known.lapsed) return false;
  await tx.query(
    `INSERT INTO doors (door, lease_seconds, lapses_at, lapsed)
     VALUES ($1, $2::integer, clock_timestamp() + make_interval(secs => $2::integer), $2::integer = 0)
     ON CONFLICT (door) DO UPDATE SET lease_seconds = excluded.lease_seconds, lapses_at = excluded.lapses_at, lapsed = excluded.lapsed`,
    [door, leaseSeconds],
  );
  return true;
};

interface WatchParts {
  readonly database: Database;
  readonly store: Pick<EventStore, 'announce'>;
  readonly bus: Pick<Bus, 'isConnected'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Closes the connections of doors that have said nothing for as long as their lease, at the time at which it ended. Every replica
 * watches: each step is one transaction under the lock of presence, and finds nothing to do where another has done it.
 *
 * A lease ends only when doors could be heard all the time: after a gap, because this service, PostgreSQL or NATS was away, each
 * door has the time of its lease once more. Otherwise a restart of any of them would show a whole fleet as gone and back.
 */
export const watchDoors = (parts: WatchParts): Upkeep => {
  const { database, bus, logger, metrics } = parts;
  const lost = metrics.counter(
    'muster_doors_lost_total',
    'Doors whose lease lapsed while they held connections, and these connections',
    ['what'],
  );
  let forgotten = 0;
  return startUpkeep({
    what: 'watching the leases of doors',
    everyMs: WATCH_EVERY_MS,
    logger,
    round: async () => {
      // Who cannot hear them does not say that they are silent.
      if (!bus.isConnected()) return false;
      for (const door of await findLapsed(database)) {
        const closed = await emptyDoor(parts, door);
        if (closed === 0) continue;
        logger.warn({ door, connections: closed }, 'a door is lost, and with it these connections');
        lost.inc({ what: 'door' });
        lost.inc({ what: 'connection' }, closed);
      }
      if (Date.now() - forgotten < FORGET_EVERY_MS) return false;
      const isMore = await database.transaction(forgetConnections);
      if (!isMore) forgotten = Date.now();
      return isMore;
    },
  });
};

/** Says that doors can be heard now, and since when without a gap; returns those that have not been. */
const findLapsed = async (database: Database): Promise<string[]> => {
  await database.query(
    `INSERT INTO door_watch AS w (since, watched_at) VALUES (now(), now())
     ON CONFLICT (one) DO UPDATE SET watched_at = now(),
       since = CASE WHEN w.watched_at < now() - ${GAP} THEN now() ELSE w.since END`,
  );
  const { rows } = await database.query<{ door: string }>(
    `SELECT door FROM doors, door_watch w
     WHERE NOT emptied AND (lapsed OR ${HAS_LAPSED} AND w.since < now() - make_interval(secs => lease_seconds))
     ORDER BY lapses_at LIMIT 100`,
  );
  return rows.map(({ door }) => door);
};

const HAS_LAPSED = 'lapses_at < now()';

/** How many connections it had. */
const emptyDoor = async ({ database, store }: WatchParts, door: string): Promise<number> => {
  for (let closed = 0; ;) {
    const some = await database.transaction(async (tx) => {
      await lockPresence(tx);
      const { rows } = await tx.query<{ lapses_at: Date }>(
        `UPDATE doors SET lapsed = true WHERE door = $1 AND NOT emptied AND (lapsed OR ${HAS_LAPSED}) RETURNING lapses_at`,
        [door],
      );
      const [lapsed] = rows;
      // Heard of again, or done by another replica.
      if (lapsed === undefined) return 0;
      const at = lapsed.lapses_at.toISOString();
      const open = await openOf(tx, door, CLOSE_AT_ONCE);
      const reports = open.map((connection) => ({ kind: 'lost', connection, at }) as const);
      const connections = new Connections(await loadKnown(tx, reports));
      for (const report of reports) connections.apply(report, door);
      await saveConnections(tx, connections);
      await saveTurns(tx, store, connections, []);
      if (open.length < CLOSE_AT_ONCE) {
        await tx.query('UPDATE doors SET emptied = true WHERE door = $1', [door]);
      }
      return open.length;
    });
    closed += some;
    if (some < CLOSE_AT_ONCE) return closed;
  }
};
