import type pg from 'pg';
import type { PreparedMessage } from './prepare-message.js';

/** Advisory locks: one for each connection that is storing a batch, by its process id in PostgreSQL. */
export const BATCH_CLASS = 0x6d746c6e;
/** Advisory locks of devices whose samples are being compared, by hash: few, because each is held in shared memory. */
const DEVICE_CLASS = 0x6d746c6f;
const DEVICE_LOCKS = 64;

/** Says that this transaction stores samples, until it ends. Waits for nobody, but for a look that takes no time. */
export const beginBatch = async (tx: pg.PoolClient): Promise<void> => {
  await tx.query(`SELECT pg_advisory_xact_lock(${BATCH_CLASS}, pg_backend_pid())`);
};

/**
 * Before marked samples of these devices are compared with what is stored: waits until every batch that has begun is
 * committed, because an original may be in one of them and would not be seen; and for others that compare the same device,
 * which could take the same slot. Nobody waits for this transaction but those others: whoever sets the mark (a device can)
 * holds up only itself, and what is in one batch with it.
 */
export const waitForEarlier = async (
  tx: pg.PoolClient,
  messages: readonly PreparedMessage[],
): Promise<void> => {
  // In the order of the locks: two that compare the same devices would otherwise wait for each other.
  await tx.query(
    `SELECT pg_advisory_xact_lock(${DEVICE_CLASS}, slot) FROM (
       SELECT DISTINCT hashtext(device) & ${DEVICE_LOCKS - 1} AS slot FROM unnest($1::text[]) AS q (device) ORDER BY 1) s`,
    [[...new Set(messages.map(({ tenantId, deviceId }) => `${tenantId} ${deviceId}`))]],
  );
  const { rows } = await tx.query<{ pid: number }>(
    `SELECT DISTINCT objid::int AS pid FROM pg_locks
     WHERE locktype = 'advisory' AND classid = ${BATCH_CLASS} AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  for (const { pid } of rows) {
    // Given back at once: the next batch of that connection is none of those that were there before.
    await tx.query(`SAVEPOINT earlier; SELECT pg_advisory_xact_lock_shared(${BATCH_CLASS}, ${pid});
                    ROLLBACK TO SAVEPOINT earlier`);
  }
};
