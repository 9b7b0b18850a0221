import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '@muster/contracts';
import type { Database } from './database.js';

const LOOK_EVERY_MS = 20;

/**
 * Resolves when the relay has published every event and announcement that was committed before the call. Throws `unavailable`
 * when it has not by `deadline` (Unix milliseconds). What is parked counts as published: nobody waits for it.
 *
 * The relay publishes in the order (txid, position). `xmax` of a snapshot is above every transaction that has committed
 * before it, so once no row of a lower transaction lies behind the cursor, all of them are out.
 */
export const untilPublished = async (
  database: Database,
  service: string,
  deadline: number,
): Promise<void> => {
  const { rows } = await database.query<{ horizon: string }>(
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS horizon',
  );
  // The next row by the index, and then whether it is of such a transaction: asked for both at once, PostgreSQL expects a third
  // of the table behind a cursor it does not know, and reads all events there ever were.
  const behind = (table: string): string =>
    `EXISTS (SELECT 1 FROM (
       SELECT e.txid FROM ${table} e WHERE (e.txid, e.position) >
         (coalesce((SELECT txid FROM relay_cursor WHERE relay = $1), '0'::xid8),
          coalesce((SELECT position FROM relay_cursor WHERE relay = $1), 0))
       ORDER BY e.txid, e.position LIMIT 1) next WHERE next.txid < $2::text::xid8)`;
  for (;;) {
    const { rows: left } = await database.query<{ waiting: boolean }>(
      `SELECT ${behind('events')} OR ${behind('announcements')} AS waiting`,
      [service, rows[0]?.horizon],
    );
    if (left[0]?.waiting === false) return;
    if (Date.now() + LOOK_EVERY_MS > deadline) {
      throw new AppError('unavailable', `What ${service} has stored is not all published yet.`, {
        retryAfterSeconds: 1,
      });
    }
    await pause(LOOK_EVERY_MS);
  }
};
