import { createHash, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { AppError } from '@muster/contracts';
import type pg from 'pg';
import type { Queryable } from './append.js';
import type { Database } from './database.js';

/**
 * Runs `run` in a transaction, once per Idempotency-Key of a tenant: the same key with the same body gets the stored reply
 * for 24 hours, another body AppError('idempotency-key-reused'). A second caller waits for the first. When `run` throws,
 * nothing is kept and the key is free again. Without a key it is just the transaction. The reply is stored as JSON: it must
 * survive that. `body` should say which operation it is for, since keys are shared by all operations. A reply that shows a
 * secret is kept without it (`kept`): whoever asks again, or reads the table, does not get it.
 */
export const idempotently = async <Reply extends object, Prepared = undefined>(
  database: Database,
  request: {
    readonly tenantId: string;
    readonly key: string | null | undefined;
    readonly body: object;
    /**
     * What has to be asked of others, before the transaction. Not called when there is a stored reply: what may be refused
     * by now was not when it was done.
     */
    readonly prepare?: () => Promise<Prepared>;
    readonly run: (tx: pg.PoolClient, prepared: Prepared) => Promise<Reply>;
    /** Of the reply, what is stored and answered the next time. Absent: all of it. */
    readonly kept?: (reply: Reply) => Reply;
  },
): Promise<Reply> => {
  const { tenantId, key, body, prepare, kept } = request;
  const prepared = async () => (await prepare?.()) as Prepared; // undefined where nothing is prepared
  if (key === undefined || key === null) {
    const ready = await prepared();
    return database.transaction((tx) => request.run(tx, ready));
  }
  const hash = await digestOf(body, kept === undefined ? undefined : `${tenantId} ${key}`);
  if (prepare !== undefined) {
    const stored = await storedReply<Reply>(database, { tenantId, key, hash });
    if (stored !== undefined) return stored;
  }
  const ready = await prepared();
  return database.transaction(async (tx) => {
    // Two callers with one key: the second INSERT waits for the first's commit.
    const claimed = await tx.query({
      name: 'idempotency-claim',
      text: `INSERT INTO idempotency AS i (tenant_id, key, body_hash) VALUES ($1, $2, $3)
             ON CONFLICT (tenant_id, key) DO UPDATE SET body_hash = excluded.body_hash, reply = NULL, created_at = now()
             WHERE i.created_at < now() - interval '24 hours'`,
      values: [tenantId, key, hash],
    });
    if (claimed.rowCount === 0) {
      const stored = await storedReply<Reply>(tx, { tenantId, key, hash });
      if (stored !== undefined) return stored;
      throw new AppError('concurrent-change', 'The idempotency key just expired.');
    }
    const reply = await request.run(tx, ready);
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

/** Undefined: there is none, or it is too old. */
const storedReply = async <Reply>(
  from: Queryable,
  { tenantId, key, hash }: { readonly tenantId: string; readonly key: string; readonly hash: Buffer },
): Promise<Reply | undefined> => {
  const { rows } = await from.query<{ body_hash: Buffer; reply: Reply }>({
    text: `SELECT body_hash, reply FROM idempotency
           WHERE tenant_id = $1 AND key = $2 AND created_at >= now() - interval '24 hours'`,
    values: [tenantId, key],
  });
  const [stored] = rows;
  if (stored !== undefined && !stored.body_hash.equals(hash)) {
    throw new AppError('idempotency-key-reused', 'This idempotency key was used with another body.');
  }
  return stored?.reply;
};

/** With `salt` for a body that may hold a secret, perhaps a short one: it shall not be guessed from what is kept here. */
const digestOf = async (body: object, salt: string | undefined): Promise<Buffer> => {
  const digest = createHash('sha256').update(canonicalJson(body)).digest();
  return salt === undefined ? digest : slowly(digest, salt, digest.length);
};

const slowly = promisify<Buffer, string, number, Buffer>(scrypt);

/** Keys sorted, so that the order in which a client writes its fields does not matter. */
const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
