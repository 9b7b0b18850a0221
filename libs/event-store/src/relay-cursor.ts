import type pg from 'pg';

/** How far a relay is, in the order in which it publishes. */
export interface Cursor {
  readonly txid: string;
  readonly position: string;
}

/** Not a fault: `publishAgain` has set the cursor back since it was read. */
export class CursorMoved extends Error {}

interface Cursors {
  /** Up to here each event is published as a message alone … */
  readonly alone: Cursor;
  /** … and in bundles: the same place, but for what a version that knows none has published meanwhile. */
  readonly bundled: Cursor;
}

/** From here on it is known what is in bundles. What came before is read by their consumers as messages alone. */
export const beginBundles = async (client: pg.Client, service: string): Promise<void> => {
  await client.query(
    `INSERT INTO relay_cursor AS c (relay, txid, position, bundled_txid, bundled_position) VALUES ($1, '0', 0, '0', 0)
     ON CONFLICT (relay) DO UPDATE SET bundled_txid = c.txid, bundled_position = c.position
     WHERE c.bundled_txid IS NULL OR (c.bundled_txid, c.bundled_position) > (c.txid, c.position)`,
    [service],
  );
};

export const loadCursors = async (client: pg.Client, service: string): Promise<Cursors> => {
  const { rows } = await client.query<Cursor & { bundled_txid: string; bundled_position: string }>(
    `SELECT c.txid::text AS txid, c.position, c.bundled_txid::text AS bundled_txid, c.bundled_position
     FROM relay_cursor c WHERE c.relay = $1`,
    [service],
  );
  const [row] = rows;
  if (row === undefined) throw new CursorMoved();
  return { alone: row, bundled: { txid: row.bundled_txid, position: row.bundled_position } };
};

export const isBehind = (one: Cursor, other: Cursor): boolean => {
  const [tx, otherTx] = [BigInt(one.txid), BigInt(other.txid)];
  return tx < otherTx || (tx === otherTx && BigInt(one.position) < BigInt(other.position));
};

export const moveBundles = async (client: pg.Client, service: string, to: Cursor): Promise<void> => {
  await client.query(
    'UPDATE relay_cursor SET bundled_txid = $2::text::xid8, bundled_position = $3 WHERE relay = $1',
    [service, to.txid, to.position],
  );
};

/** Only from where it was read: `publishAgain` may have set it back since, and must not be undone. */
export const moveCursor = async (
  client: pg.Client,
  service: string,
  before: Cursor,
  { txid, position }: Cursor,
): Promise<void> => {
  const { rowCount } = await client.query({
    name: 'move-cursor',
    text: `UPDATE relay_cursor c SET txid = $2::text::xid8, position = $3, bundled_txid = $2::text::xid8,
             bundled_position = $3, moved_at = now()
           WHERE c.relay = $1 AND (c.txid, c.position) = ($4::text::xid8, $5::bigint)`,
    values: [service, txid, position, before.txid, before.position],
  });
  if (rowCount === 0) throw new CursorMoved();
};
