import { AppError } from '@muster/contracts';
import type pg from 'pg';

/** Devices in a row, each behind the next. Deeper is no fleet, and each would be looked at. */
const MAX_DEPTH = 16;

/**
 * Makes sure that `parentId` can be the parent of a device: it is there, and not behind it. Within the transaction that makes
 * it so; changes of parents of a tenant are made one after the other, so that two cannot close a circle together, and a parent
 * cannot be deleted meanwhile, which would leave its id behind. Throws `parent-not-found`, `parent-in-circle`. `deviceId`
 * undefined: of a device that is being made.
 */
export const checkParent = async (
  tx: pg.PoolClient,
  tenantId: string,
  deviceId: string | undefined,
  parentId: string | null | undefined,
): Promise<void> => {
  if (parentId == null) return;
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('device parents ' || $1, 0))", [tenantId]);
  // A deletion waits for this transaction, or this one for it.
  const parent = await tx.query('SELECT FROM devices WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE', [
    tenantId,
    parentId,
  ]);
  if (parent.rowCount === 0) throw new AppError('parent-not-found', 'There is no such parent device.');
  const { rows } = await tx.query<{ id: string }>(
    `WITH RECURSIVE above (id, parent_id, depth) AS (
       SELECT id, parent_id, 1 FROM devices WHERE tenant_id = $1 AND id = $2
       UNION ALL
       SELECT d.id, d.parent_id, a.depth + 1 FROM above a JOIN devices d ON d.tenant_id = $1 AND d.id = a.parent_id
       WHERE a.depth <= ${MAX_DEPTH}
     ) SELECT id FROM above`,
    [tenantId, parentId],
  );
  if (rows.some(({ id }) => id === deviceId)) {
    throw new AppError('parent-in-circle', 'The parent is this device, or is behind it.');
  }
  if (rows.length >= MAX_DEPTH) {
    throw new AppError('parent-in-circle', `At most ${MAX_DEPTH} devices may be behind one another.`);
  }
};
