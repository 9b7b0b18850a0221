import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '@muster/contracts';
import type pg from 'pg';
import { streamName, type Aggregate, type DomainEvent } from './aggregate.js';
import { keepActs } from './acts.js';
import type { Database } from './database.js';

/** The relay publishes within milliseconds, unless NATS is away or a long transaction holds it up. */
const WAIT_MS = 1_000;
const LOOK_EVERY_MS = 50;

/** See EventStore.erase. */
export const eraseStream = async (
  database: Database,
  aggregate: Pick<Aggregate<never, never, DomainEvent>, 'name'>,
  { tenantId, id }: { readonly tenantId: string; readonly id: string },
  {
    within,
    also,
  }: {
    readonly within?: pg.PoolClient | undefined;
    readonly also?: (tx: pg.PoolClient) => Promise<void>;
  },
): Promise<number> => {
  const stream = streamName(aggregate.name, id);
  const attempt = async (tx: pg.PoolClient): Promise<number | undefined> => {
    const events = await erasePublished(tx, tenantId, stream);
    if (events !== undefined && events > 0) await also?.(tx);
    return events;
  };
  let erased = within === undefined ? await database.transaction(attempt) : await attempt(within);
  // Inside somebody's transaction waiting would hold its locks, and the horizon below which the relay reads.
  for (const began = Date.now(); erased === undefined && within === undefined;) {
    if (Date.now() - began > WAIT_MS) break;
    await pause(LOOK_EVERY_MS);
    erased = await database.transaction(attempt);
  }
  if (erased !== undefined) return erased;
  throw new AppError('unavailable', 'Its last events are not published yet; try again in a moment.', {
    retryAfterSeconds: 1,
  });
};

/** Undefined, and nothing erased, while an event of the stream lies beyond the relay's cursor. */
const erasePublished = async (
  tx: pg.PoolClient,
  tenantId: string,
  stream: string,
): Promise<number | undefined> => {
  const key = [tenantId, stream];
  // Keeps everybody from appending; who has decided on the old version finds the row gone and begins anew.
  await tx.query('SELECT 1 FROM streams WHERE tenant_id = $1 AND stream = $2 FOR UPDATE', key);
  const { rowCount: waiting } = await tx.query(
    `SELECT 1 FROM events e WHERE e.tenant_id = $1 AND e.stream = $2
       AND NOT EXISTS (SELECT 1 FROM relay_cursor c WHERE (c.txid, c.position) >= (e.txid, e.position)) LIMIT 1`,
    key,
  );
  if (waiting !== 0) return undefined;
  await keepActs(tx, tenantId, stream);
  const { rowCount: erased } = await tx.query('DELETE FROM events WHERE tenant_id = $1 AND stream = $2', key);
  await tx.query('DELETE FROM relay_parked WHERE tenant_id = $1 AND stream = $2', key);
  await tx.query('DELETE FROM streams WHERE tenant_id = $1 AND stream = $2', key);
  return erased ?? 0;
};
