import { AppError } from '@muster/contracts';
import type { DeviceTypeView } from '@muster/contracts/device-registry/device-types.requests';
import {
  foreignKeyViolation,
  uniqueViolation,
  type Projection,
  type Queryable,
  type RecordedEvent,
} from '@muster/event-store';
import type pg from 'pg';
import type { AppVersion, DeviceTypeEvent } from './device-type.events.js';

/**
 * Device types and their application versions, for lists, for resolving names and for the rules on names. One statement
 * per event: types change rarely.
 */
export const deviceTypeList: Projection = {
  name: 'device-type-list',
  handles: [
    'DeviceTypeCreated',
    'DeviceTypeRenamed',
    'DeviceTypeDescribed',
    'DeviceTypeSettingsChanged',
    'AppVersionAdded',
    'AppVersionRemoved',
    'DeviceTypeDeleted',
  ],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others.
    for (const event of events as readonly RecordedEvent<DeviceTypeEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        throw brokenRule(error);
      }
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM app_versions');
    await tx.query('DELETE FROM device_types');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<DeviceTypeEvent>): Promise<void> => {
  const key = [event.tenantId, event.streamId];
  // Counted here and not taken from the event, which counts those that were left: the newest would not be the last.
  const addVersion = ({ id, name }: AppVersion) =>
    tx.query(
      `INSERT INTO app_versions (tenant_id, device_type_id, id, name, nth)
       SELECT $1, $2, $3, $4, coalesce(max(nth), 0) + 1 FROM app_versions WHERE tenant_id = $1 AND device_type_id = $2`,
      [...key, id, name],
    );
  const set = (column: 'name' | 'description' | 'settings', value: unknown) =>
    tx.query(`UPDATE device_types SET ${column} = $3, version = $4 WHERE tenant_id = $1 AND id = $2`, [
      ...key,
      value,
      event.version,
    ]);
  switch (event.type) {
    case 'DeviceTypeCreated': {
      const { name, description, settings, createdAt, appVersions } = event.data;
      await tx.query(
        `INSERT INTO device_types (tenant_id, id, name, description, settings, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [...key, name, description ?? null, settings, event.version, createdAt],
      );
      for (const one of appVersions) await addVersion(one);
      return;
    }
    case 'DeviceTypeRenamed':
      await set('name', event.data.to);
      return;
    case 'DeviceTypeDescribed':
      await set('description', event.data.to);
      return;
    case 'DeviceTypeSettingsChanged':
      await set('settings', event.data.to);
      return;
    case 'AppVersionAdded':
      await addVersion(event.data.appVersion);
      await tx.query('UPDATE device_types SET version = $3 WHERE tenant_id = $1 AND id = $2', [
        ...key,
        event.version,
      ]);
      return;
    case 'AppVersionRemoved':
      await tx.query('DELETE FROM app_versions WHERE tenant_id = $1 AND device_type_id = $2 AND id = $3', [
        ...key,
        event.data.appVersion.id,
      ]);
      await tx.query('UPDATE device_types SET version = $3 WHERE tenant_id = $1 AND id = $2', [
        ...key,
        event.version,
      ]);
      return;
    case 'DeviceTypeDeleted':
      // First the type: where devices have it, that is what the caller is told.
      await tx.query('DELETE FROM device_types WHERE tenant_id = $1 AND id = $2', key);
      await tx.query('DELETE FROM app_versions WHERE tenant_id = $1 AND device_type_id = $2', key);
      return;
  }
};

const brokenRule = (error: unknown): unknown => {
  const constraint = uniqueViolation(error) ?? foreignKeyViolation(error);
  if (constraint === 'device_types_name') {
    return new AppError('device-type-name-taken', 'Another device type has this name.', { cause: error });
  }
  if (constraint === 'app_versions_name') {
    return new AppError(
      'app-version-name-taken',
      'An application version of this name exists; names are unique in the whole system.',
      { cause: error },
    );
  }
  if (constraint === 'devices_app_version') {
    return new AppError('app-version-in-use', 'Devices have this application version; move them first.', {
      cause: error,
    });
  }
  if (constraint === 'devices_device_type') {
    return new AppError('device-type-in-use', 'Devices of this type exist; delete them first.', {
      cause: error,
    });
  }
  return error;
};

interface DeviceTypeRow {
  id: string;
  name: string;
  description: string | null;
  settings: DeviceTypeView['settings'];
  version: number;
  created_at: Date;
  app_versions: DeviceTypeView['appVersions'];
}

const SELECT = `
  SELECT t.id, t.name, t.description, t.settings, t.version, t.created_at,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', v.id, 'name', v.name) ORDER BY v.nth), '[]')
     FROM app_versions v WHERE v.tenant_id = t.tenant_id AND v.device_type_id = t.id) AS app_versions
  FROM device_types t`;

/** By id or name; an id wins over a name that looks like it. */
export const findDeviceType = async (
  from: Queryable,
  tenantId: string,
  idOrName: string,
): Promise<DeviceTypeView | undefined> => {
  const { rows } = await from.query<DeviceTypeRow>({
    name: 'find-device-type',
    text: `${SELECT} WHERE t.tenant_id = $1 AND (t.id = $2 OR t.name = $2) ORDER BY t.id = $2 DESC LIMIT 1`,
    values: [tenantId, idOrName],
  });
  return rows[0] === undefined ? undefined : viewOf(rows[0]);
};

/** By name, after `afterName`. */
export const listByName = async (
  from: Queryable,
  tenantId: string,
  afterName: string | undefined,
  limit: number,
): Promise<DeviceTypeView[]> => {
  const { rows } = await from.query<DeviceTypeRow>({
    text: `${SELECT} WHERE t.tenant_id = $1 AND ($2::text IS NULL OR t.name > $2 COLLATE "C") ORDER BY t.name LIMIT $3`,
    values: [tenantId, afterName ?? null, limit],
  });
  return rows.map(viewOf);
};

/** Oldest first, after the `nth`. */
export const appVersionsOf = async (
  from: Queryable,
  tenantId: string,
  deviceTypeId: string,
  { after = 0, limit }: { readonly after?: number | undefined; readonly limit: number },
): Promise<{ id: string; name: string; nth: number }[]> => {
  const { rows } = await from.query<{ id: string; name: string; nth: number }>({
    text: `SELECT id, name, nth FROM app_versions WHERE tenant_id = $1 AND device_type_id = $2 AND nth > $3
           ORDER BY nth LIMIT $4`,
    values: [tenantId, deviceTypeId, after, limit],
  });
  return rows;
};

export const countDeviceTypes = async (from: Queryable, tenantId: string): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: 'SELECT count(*) FROM device_types WHERE tenant_id = $1',
    values: [tenantId],
  });
  return Number(rows[0]?.count ?? 0);
};

const viewOf = (row: DeviceTypeRow): DeviceTypeView => ({
  id: row.id,
  name: row.name,
  ...(row.description === null ? {} : { description: row.description }),
  appVersions: row.app_versions,
  settings: row.settings,
  version: row.version,
  createdAt: row.created_at.toISOString(),
});
