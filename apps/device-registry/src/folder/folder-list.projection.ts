import { AppError } from '@muster/contracts';
import type { FolderView } from '@muster/contracts/device-registry/folders.requests';
import { uniqueViolation, type Projection, type Queryable, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import type { FolderEvent } from './folder.events.js';
import { below } from './folder-path.js';

/** The tree of folders, each with its whole path. One statement per event: they change rarely. */
export const folderList: Projection = {
  name: 'folder-list',
  handles: ['FolderCreated', 'FolderMoved', 'FolderDeleted'],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others.
    for (const event of events as readonly RecordedEvent<FolderEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        if (uniqueViolation(error) !== 'folders_path') throw error;
        throw new AppError('folder-exists', 'There is a folder with this path.', { cause: error });
      }
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM folders');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<FolderEvent>): Promise<void> => {
  const key = [event.tenantId, event.streamId];
  switch (event.type) {
    case 'FolderCreated': {
      const { name, parentId, path, createdAt } = event.data;
      await tx.query(
        `INSERT INTO folders (tenant_id, id, parent_id, name, path, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [...key, parentId, name, path, event.version, createdAt],
      );
      return;
    }
    case 'FolderMoved': {
      const { from, to } = event.data;
      await tx.query(
        `UPDATE folders SET parent_id = $3, name = $4, path = $5, version = $6
         WHERE tenant_id = $1 AND id = $2`,
        [...key, to.parentId, to.name, to.path, event.version],
      );
      await tx.query(
        `UPDATE folders SET path = $4 || substr(path, $5) WHERE tenant_id = $1 AND path >= $2 AND path < $3`,
        [event.tenantId, ...below(from.path), to.path, [...from.path].length + 1],
      );
      return;
    }
    case 'FolderDeleted':
      await tx.query('DELETE FROM folders WHERE tenant_id = $1 AND id = $2', key);
      return;
  }
};

interface FolderRow {
  id: string;
  parent_id: string | null;
  name: string;
  path: string;
  version: number;
  created_at: Date;
  folders: number;
}

const SELECT = `
  SELECT id, parent_id, name, path, version, created_at, (
    SELECT count(*)::integer FROM folders c WHERE c.tenant_id = f.tenant_id AND c.parent_id = f.id) AS folders
  FROM folders f`;

/** By id or path. Throws `folder-not-found`. */
export const viewFolder = async (
  from: Queryable,
  tenantId: string,
  idOrPath: string,
): Promise<FolderView> => {
  const { rows } = await from.query<FolderRow>({
    name: 'view-folder',
    text: `${SELECT} WHERE tenant_id = $1 AND (id = $2 OR path = $2)`,
    values: [tenantId, idOrPath],
  });
  if (rows[0] === undefined) throw new AppError('folder-not-found', 'There is no such folder.');
  return viewOf(rows[0]);
};

/** Those directly in the folder `parentId` (null: in none; undefined: all), by path, after `afterPath`. */
export const listFoldersByPath = async (
  from: Queryable,
  tenantId: string,
  parentId: string | null | undefined,
  afterPath: string | undefined,
  limit: number,
): Promise<FolderView[]> => {
  const { rows } = await from.query<FolderRow>({
    text: `${SELECT} WHERE tenant_id = $1 AND ${CHILDREN} AND ($4::text IS NULL OR path > $4) ORDER BY path LIMIT $5`,
    values: [tenantId, parentId === undefined, parentId ?? null, afterPath ?? null, limit],
  });
  return rows.map(viewOf);
};

export const countFolders = async (
  from: Queryable,
  tenantId: string,
  parentId: string | null | undefined,
): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: `SELECT count(*) FROM folders f WHERE tenant_id = $1 AND ${CHILDREN}`,
    values: [tenantId, parentId === undefined, parentId ?? null],
  });
  return Number(rows[0]?.count ?? 0);
};

const CHILDREN = '($2::boolean OR f.parent_id IS NOT DISTINCT FROM $3::text)';

const viewOf = (row: FolderRow): FolderView => ({
  id: row.id,
  name: row.name,
  path: row.path,
  ...(row.parent_id === null ? {} : { parentId: row.parent_id }),
  folders: row.folders,
  version: row.version,
  createdAt: row.created_at.toISOString(),
});
