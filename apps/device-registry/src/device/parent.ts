import { AppError } from '@muster/contracts';
import type pg from 'pg';

/** Devices in a row, each behind the next. Deeper is no fleet, and each would be looked at. */
const MAX_DEPTH = 16;

const notFound = (): AppError => new AppError('parent-not-found', 'There is no such parent device.');
const inCircle = (): AppError =>
  new AppError('parent-in-circle', 'The parent is this device, or is behind it.');
const tooDeep = (): AppError =>
  new AppError('parent-in-circle', `At most ${MAX_DEPTH} devices may be behind one another.`);

/** Changes of parents of a tenant are made one after the other until the transaction ends: two could close a circle together. */
const lockParents = async (tx: pg.PoolClient, tenantId: string): Promise<void> => {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('device parents ' || $1, 0))", [tenantId]);
};

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
  await lockParents(tx, tenantId);
  // A deletion waits for this transaction, or this one for it.
  const parent = await tx.query('SELECT FROM devices WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE', [
    tenantId,
    parentId,
  ]);
  if (parent.rowCount === 0) throw notFound();
  const { rows } = await tx.query<{ id: string }>(
    `WITH RECURSIVE above (id, parent_id, depth) AS (
       SELECT id, parent_id, 1 FROM devices WHERE tenant_id = $1 AND id = $2
       UNION ALL
       SELECT d.id, d.parent_id, a.depth + 1 FROM above a JOIN devices d ON d.tenant_id = $1 AND d.id = a.parent_id
       WHERE a.depth <= ${MAX_DEPTH}
     ) SELECT id FROM above`,
    [tenantId, parentId],
  );
  if (rows.some(({ id }) => id === deviceId)) throw inCircle();
  if (rows.length >= MAX_DEPTH) throw tooDeep();
};

/** The same for many devices of one transaction, whose parents are `wanted`: read once, and asked for each. */
export const readParents = async (
  tx: pg.PoolClient,
  tenantId: string,
  deviceIds: readonly string[],
  wanted: readonly string[],
): Promise<Parents> => {
  if (wanted.length === 0) return new Parents([], new Set());
  await lockParents(tx, tenantId);
  // As above.
  const there = await tx.query<{ id: string }>(
    'SELECT id FROM devices WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR KEY SHARE',
    [tenantId, wanted],
  );
  const { rows } = await tx.query<{ id: string; parent_id: string }>(
    `WITH RECURSIVE above (id, parent_id) AS (
       SELECT id, parent_id FROM devices WHERE tenant_id = $1 AND id = ANY($2)
       UNION
       SELECT d.id, d.parent_id FROM above a JOIN devices d ON d.tenant_id = $1 AND d.id = a.parent_id
     ) SELECT id, parent_id FROM above WHERE parent_id IS NOT NULL`,
    [tenantId, [...deviceIds, ...wanted]],
  );
  return new Parents(
    rows.map((row) => [row.id, row.parent_id]),
    new Set(there.rows.map(({ id }) => id)),
  );
};

/**
 * Who is behind whom, and who was before: a change that is refused in the end leaves what was, so both are kept in mind. A device is
 * therefore not put, in one transaction, behind one that was behind it when that began.
 */
export class Parents {
  private readonly above = new Map<string, Set<string>>();

  constructor(
    known: readonly (readonly [child: string, parent: string])[],
    /** That may be parents: they stay until the transaction ends. */
    private readonly there: Set<string>,
  ) {
    for (const [child, parent] of known) this.add(child, parent);
  }

  /** A device that is made in this transaction. */
  learn(deviceId: string): void {
    this.there.add(deviceId);
  }

  /** Throws `parent-not-found`, `parent-in-circle`. */
  put(child: string, parent: string): void {
    if (!this.there.has(parent)) throw notFound();
    if (this.longestTo(parent, child) + 1 > MAX_DEPTH) throw tooDeep();
    this.add(child, parent);
  }

  /** Devices in a row from this one upward. */
  private longestTo(deviceId: string, child: string): number {
    if (deviceId === child) throw inCircle();
    const lengths = [...(this.above.get(deviceId) ?? [])].map((parent) => this.longestTo(parent, child));
    return 1 + Math.max(0, ...lengths);
  }

  private add(child: string, parent: string): void {
    this.above.set(child, (this.above.get(child) ?? new Set()).add(parent));
  }
}
