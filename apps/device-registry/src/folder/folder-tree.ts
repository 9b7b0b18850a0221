import { AppError, newId, type Actor } from '@muster/contracts';
import type { EventStore, Queryable } from '@muster/event-store';
import { job } from '@muster/jobs';
import type pg from 'pg';
import { folder, type FolderCommand } from './folder.decider.js';
import { below, everyFolderIn, isWithin, nameIn, parentPathOf } from './folder-path.js';

export interface Move {
  readonly from: string;
  readonly to: string;
}

/** One change of a tenant's tree after the other, until the transaction ends. Before any row of a folder is locked. */
export const lockTree = async (tx: pg.PoolClient, tenantId: string): Promise<void> => {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('folders ' || $1, 0))", [tenantId]);
};

/**
 * Makes sure that these folders are there, and stay where they are until the transaction ends. Whoever puts devices into
 * folders asks for all of them at once, last: what was deleted or moved meanwhile is missing then, and the lock of the tree is
 * held for no longer than it takes. A folder that is not there is made, with those above it, as it is enough to name one.
 * Throws `folder-moving`.
 */
export const holdFolders = async (
  tx: pg.PoolClient,
  store: EventStore,
  { tenantId, actor }: { readonly tenantId: string; readonly actor: Actor },
  paths: readonly string[],
): Promise<void> => {
  const wanted = [...new Set(paths)].filter((path) => path !== '/');
  if (wanted.length === 0) return;
  if ((await hold(tx, tenantId, wanted)) === wanted.length) return;
  await lockTree(tx, tenantId);
  await makeFolders(tx, store, { tenantId, actor }, wanted);
  await hold(tx, tenantId, wanted);
};

/** A deletion or a move waits for this transaction, or this one for it. */
const hold = async (tx: pg.PoolClient, tenantId: string, paths: readonly string[]): Promise<number> => {
  const { rowCount } = await tx.query({
    text: 'SELECT FROM folders WHERE tenant_id = $1 AND path = ANY($2) ORDER BY path FOR KEY SHARE',
    values: [tenantId, paths],
  });
  return rowCount ?? 0;
};

/** Those of `paths` that are not there, with the ones above them. Within `lockTree`. Throws `folder-moving`. */
export const makeFolders = async (
  tx: pg.PoolClient,
  store: EventStore,
  { tenantId, actor }: { readonly tenantId: string; readonly actor: Actor },
  paths: readonly string[],
): Promise<void> => {
  const every = [...new Set(paths.flatMap(everyFolderIn))].sort();
  const { rows } = await tx.query<{ id: string; path: string }>(
    'SELECT id, path FROM folders WHERE tenant_id = $1 AND path = ANY($2)',
    [tenantId, every],
  );
  const ids = new Map(rows.map(({ id, path }) => [path, id]));
  const missing = every.filter((path) => !ids.has(path));
  if (missing.length === 0) return;
  const moves = await openMoves(tx, store, tenantId);
  for (const path of missing) assertFree(moves, path);
  const at = new Date().toISOString();
  // A path sorts after those above it, so a parent has its id before it is asked for.
  const items = missing.map((path) => {
    const id = newId();
    ids.set(path, id);
    const parentId = ids.get(parentPathOf(path) ?? '') ?? null;
    const command: FolderCommand = {
      type: 'CreateFolder',
      place: { name: nameIn(path), parentId, path },
      at,
    };
    return { tenantId, id, command, metadata: { actor } };
  });
  const outcomes = await store.executeMany(folder, items, { within: tx, onConflict: 'give-up' });
  for (const { error } of outcomes) if (error !== undefined) throw error;
};

/** The moves whose devices are still on their way; forgets those that have ended. */
export const openMoves = async (
  tx: pg.PoolClient,
  store: EventStore,
  tenantId: string,
): Promise<readonly Move[]> => {
  const { rows } = await tx.query<{ job_id: string; from_path: string; to_path: string }>(
    'SELECT job_id, from_path, to_path FROM folder_moves WHERE tenant_id = $1',
    [tenantId],
  );
  if (rows.length === 0) return [];
  const jobs = await store.loadMany(
    job,
    rows.map(({ job_id: id }) => ({ tenantId, id })),
    { within: tx },
  );
  const isOver = (nth: number): boolean => jobs[nth]?.state.standing?.endedAt !== undefined;
  const ended = rows.filter((_row, nth) => isOver(nth)).map((row) => row.job_id);
  if (ended.length > 0)
    await tx.query('DELETE FROM folder_moves WHERE tenant_id = $1 AND job_id = ANY($2)', [tenantId, ended]);
  return rows.filter((_row, nth) => !isOver(nth)).map(({ from_path: from, to_path: to }) => ({ from, to }));
};

/** Throws `folder-moving` where a new folder would get devices that are about to leave that path. */
export const assertFree = (moves: readonly Move[], path: string): void => {
  const move = moves.find(({ from }) => isWithin(path, from));
  if (move !== undefined)
    throw new AppError(
      'folder-moving',
      `The devices in ${move.from} are being moved to ${move.to}; until then nothing else can be ${path}.`,
    );
};

/** In it and below. */
export const countWithin = async (from: Queryable, tenantId: string, path: string): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: `SELECT count(*) FROM devices WHERE tenant_id = $1 AND ${DEVICES_WITHIN}`,
    values: [tenantId, path, ...below(path)],
  });
  return Number(rows[0]?.count ?? 0);
};

/** The operators of the index on it, which is made for patterns. */
export const DEVICES_WITHIN = '(folder = $2 OR (folder ~>=~ $3 AND folder ~<~ $4))';
