import { createHash } from 'node:crypto';
import { AppError } from '@muster/contracts';
import type pg from 'pg';
import type { Database } from './database.js';

/**
 * Runs `run` in a transaction, once per Idempotency-Key of a tenant: the same key with the same body gets the stored reply
 * for 24 hours, another body AppError('idempotency-key-reused'). A second caller waits for the first. When `run` throws,
 * nothing is kept and the key is free again. Without a key it is just the transaction. The reply is stored as JSON: it must
 * survive that. `body` should say which operation it is for, since keys are shared by all operations. A reply that shows a
 * secret is kept without it (`kept`): whoever asks again, or reads the table, does not get it.
 */
export const idempotently = <Reply extends object>(
  database: Database,
  request: {
    readonly tenantId: string;
    readonly key: string | null | undefined;
    readonly body: object;
    readonly run: (tx: pg.PoolClient) => Promise<Reply>;
    /** Of the reply, what is stored and answered the next time. Absent: all of it. */
    readonly kept?: (reply: Reply) => Reply;
  },
): Promise<Reply> => {
  const { tenantId, key, body, run, kept } = request;
  if (key === undefined || key === null) return database.transaction(run);
  const hash = createHash('sha256').update(canonicalJson(body)).digest();
  return database.transaction(async (tx) => {
    // Two callers with one key: the second INSERT waits for the first's commit.
    const claimed = await tx.query({
      name: 'idempotency-claim',
      text: `INSERT INTO idempotency AS i (tenant_id, key, body_hash) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, key) DO UPDATE SET body_hash = excluded.body_hash, reply = NULL, created_at = now()
             WHERE i.created_at < now() - interval '24 hours'`,
      values: [tenantId, key, hash],
    });
    if (claimed.rowCount === 0) return storedReply<Reply>(tx, tenantId, key, hash);
    const reply = await run(tx);
    await tx.query({
      name: 'idempotency-reply',
      text: 'UPDATE idempotency SET reply = $3 WHERE tenant_id = $1 AND key = $2',
      values: [tenantId, key, JSON.stringify(kept === undefined ? reply : kept(reply))],
    });
    return reply;
  });
};

/** Removes `most` of the replies nobody may ask for any more; returns how many. SKIP LOCKED, so that replicas may do it at once. */
export const forgetOldReplies = async (database: Database, most: number): Promise<number> => {
  const { rowCount } = await database.query(
    `DELETE FROM idempotency WHERE (tenant_id, key) IN (
       SELECT tenant_id, key FROM idempotency WHERE created_at < now() - interval '24 hours'
       LIMIT $1 FOR UPDATE SKIP LOCKED)`,
    [most],
  );
  return rowCount ?? 0;
};

const storedReply = async <Reply>(
  tx: pg.PoolClient,
  tenantId: string,
  key: string,
  hash: Buffer,
): Promise<Reply> => {
  const { rows } = await tx.query<{ body_hash: Buffer; reply: Reply }>(
    'SELECT body_hash, reply FROM idempotency WHERE tenant_id = $1 AND key = $2',
    [tenantId, key],
  );
  const [stored] = rows;
  if (stored === undefined) throw new AppError('concurrent-change', 'The idempotency key just expired.');
  if (!stored.body_hash.equals(hash)) {
    throw new AppError('idempotency-key-reused', 'This idempotency key was used with another body.');
  }
  return stored.reply;
};

/** Keys sorted, so that the order in which a client writes its fields does not matter. */
const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
