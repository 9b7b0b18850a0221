import { AppError } from '@muster/contracts';
import type { GroupView } from '@muster/contracts/device-registry/groups.requests';
import { uniqueViolation, type Projection, type Queryable, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import type { GroupEvent } from './group.events.js';

/** Groups for lists, for filters that name them and for the rule on names. One statement per event: they change rarely. */
export const groupList: Projection = {
  name: 'group-list',
  handles: ['GroupCreated', 'GroupRenamed', 'GroupDescribed', 'GroupFilterChanged', 'GroupDeleted'],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others.
    for (const event of events as readonly RecordedEvent<GroupEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        if (uniqueViolation(error) !== 'groups_name') throw error;
        throw new AppError('group-name-taken', 'Another group has this name.', { cause: error });
      }
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM groups');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<GroupEvent>): Promise<void> => {
  const key = [event.tenantId, event.streamId];
  const set = (column: 'name' | 'description' | 'filter', value: string | null) =>
    tx.query(`UPDATE groups SET ${column} = $3, version = $4 WHERE tenant_id = $1 AND id = $2`, [
      ...key,
      value,
      event.version,
    ]);
  switch (event.type) {
    case 'GroupCreated': {
      const { name, description = null, filter, createdAt } = event.data;
      await tx.query(
        `INSERT INTO groups (tenant_id, id, name, description, filter, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [...key, name, description, filter, event.version, createdAt],
      );
      return;
    }
    case 'GroupRenamed':
      await set('name', event.data.to);
      return;
    case 'GroupDescribed':
      await set('description', event.data.to);
      return;
    case 'GroupFilterChanged':
      await set('filter', event.data.to);
      return;
    case 'GroupDeleted':
      await tx.query('DELETE FROM groups WHERE tenant_id = $1 AND id = $2', key);
      return;
  }
};

interface GroupRow {
  id: string;
  name: string;
  description: string | null;
  filter: string;
  version: number;
  created_at: Date;
}

const SELECT = 'SELECT id, name, description, filter, version, created_at FROM groups';

/** By id or name; an id wins over a name that looks like it. */
export const findGroup = async (
  from: Queryable,
  tenantId: string,
  idOrName: string,
): Promise<GroupView | undefined> => {
  const { rows } = await from.query<GroupRow>({
    name: 'find-group',
    text: `${SELECT} WHERE tenant_id = $1 AND (id = $2 OR name = $2) ORDER BY id = $2 DESC LIMIT 1`,
    values: [tenantId, idOrName],
  });
  return rows[0] === undefined ? undefined : viewOf(rows[0]);
};

/** By name, after `afterName`. */
export const listGroupsByName = async (
  from: Queryable,
  tenantId: string,
  afterName: string | undefined,
  limit: number,
): Promise<GroupView[]> => {
  const { rows } = await from.query<GroupRow>({
    text: `${SELECT} WHERE tenant_id = $1 AND ($2::text IS NULL OR name > $2 COLLATE "C") ORDER BY name LIMIT $3`,
    values: [tenantId, afterName ?? null, limit],
  });
  return rows.map(viewOf);
};

export const countGroups = async (from: Queryable, tenantId: string): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: 'SELECT count(*) FROM groups WHERE tenant_id = $1',
    values: [tenantId],
  });
  return Number(rows[0]?.count ?? 0);
};

const viewOf = (row: GroupRow): GroupView => ({
  id: row.id,
  name: row.name,
  ...(row.description === null ? {} : { description: row.description }),
  filter: row.filter,
  version: row.version,
  createdAt: row.created_at.toISOString(),
});
