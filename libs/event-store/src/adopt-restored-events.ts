import type pg from 'pg';
import { allowStatements, usualStatements } from './statement-time.js';

const TABLES = ['events', 'announcements'];
const lastOf = (table: string): string =>
  `(SELECT e.txid FROM ${table} e ORDER BY e.txid DESC, e.position DESC LIMIT 1)`;

/**
 * Transaction ids belong to one PostgreSQL server. After a dump has been restored on another, or a schema has moved to a
 * server of its own, the ids in the table and in the cursor may lie in the future of the new server: what is appended
 * then would sort before the cursor, and never be published. So the old events get ids from before all transactions: 0
 * where they had been published, 1 where not. Returns how many events there were, 0 when nothing was to be done.
 *
 * Called with the relay's lock held and before it reads; waits for open appends and keeps new ones out meanwhile.
 */
export const adoptRestoredEvents = async (client: pg.Client, relay: string): Promise<number> => {
  const { rows } = await client.query<{ from_elsewhere: boolean }>(
    `SELECT e.txid >= pg_snapshot_xmax(pg_current_snapshot()) AS from_elsewhere
     FROM (${TABLES.map(lastOf).join(' UNION ALL ')}) e ORDER BY e.txid DESC LIMIT 1`,
  );
  if (rows[0]?.from_elsewhere !== true) return 0;
  await client.query('BEGIN');
  try {
    await allowStatements(client, 0);
    await client.query(`LOCK TABLE ${TABLES.join(', ')} IN SHARE ROW EXCLUSIVE MODE`);
    let adopted = 0;
    for (const table of TABLES) {
      const { rowCount } = await client.query(
        `UPDATE ${table} e SET txid = CASE WHEN (e.txid, e.position) <= (c.txid, c.position) THEN '0'::xid8 ELSE '1'::xid8 END
       FROM (SELECT r.txid, r.position FROM relay_cursor r WHERE r.relay = $1
             UNION ALL SELECT '0', 0 ORDER BY txid DESC LIMIT 1) c`,
        [relay],
      );
      adopted += rowCount ?? 0;
    }
    await client.query(`UPDATE streams SET txid = '0' WHERE txid <> '0'`);
    await client.query(
      `UPDATE relay_cursor SET txid = '0', position = 9223372036854775807, bundled_txid = '0',
         bundled_position = 9223372036854775807, moved_at = now() WHERE relay = $1`,
      [relay],
    );
    await client.query('COMMIT');
    return adopted;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    usualStatements(client);
  }
};
