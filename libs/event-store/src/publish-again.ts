import type { Database } from './database.js';
import { doorbellChannel } from './doorbell.js';
import { allowStatements } from './statement-time.js';

/** In the doorbell's message: not only are there new events, the cursor is elsewhere. */
export const CURSOR_MOVED = 'cursor-moved';

/**
 * Sets the relay's cursor back before the first event recorded since `since`, so that everything from there on is
 * published once more, with the same message ids: for a stream that was lost, or made anew. The running relay notices at
 * once, in whatever process it is; one that starts later begins there. Returns how many events come again; those the
 * stream has had for less than its duplicate window it drops. Waits for nothing.
 */
export const publishAgain = (database: Database, service: string, since: Date): Promise<number> =>
  database.transaction(async (tx) => {
    // No index is by time: the whole table is read.
    await allowStatements(tx, 0);
    // FOR UPDATE: the relay must not move the cursor between the two statements.
    const { rows: cursors } = await tx.query<{ txid: string; position: string }>(
      'SELECT c.txid::text AS txid, c.position FROM relay_cursor c WHERE c.relay = $1 FOR UPDATE',
      [service],
    );
    const [cursor] = cursors;
    if (cursor === undefined) return 0; // nothing has been published yet, so all of it will be
    const { rows } = await tx.query<{ txid: string; position: string; events: string }>(
      `SELECT e.txid::text AS txid, e.position, count(*) OVER () AS events
       FROM (SELECT txid, position, recorded_at FROM events
             UNION ALL SELECT txid, position, recorded_at FROM announcements) e
       WHERE (e.txid, e.position) <= ($1::text::xid8, $2::bigint) AND e.recorded_at >= $3
       ORDER BY e.txid, e.position LIMIT 1`,
      [cursor.txid, cursor.position, since],
    );
    const [first] = rows;
    if (first === undefined) return 0;
    // Of one transaction the later positions only, so one less is before it: nothing lies between.
    await tx.query(
      `UPDATE relay_cursor SET txid = $2::text::xid8, position = $3::bigint - 1, bundled_txid = $2::text::xid8,
         bundled_position = $3::bigint - 1, moved_at = now() WHERE relay = $1`,
      [service, first.txid, first.position],
    );
    await tx.query('SELECT pg_notify($1, $2)', [doorbellChannel(database.schema), CURSOR_MOVED]);
    return Number(first.events);
  });
