import { AppError, type Actor, type ErrorCode } from '@muster/contracts';
import { uniqueViolation, type Projection, type Queryable, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import type { HubEvent, HubSettings } from './hub.events.js';

/** In the table of types: all that no hub names. */
const OTHERS = '';

const TAKEN: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  hubs_name: ['iot-hub-name-taken', 'Another IoT Hub has this name.'],
  hubs_host_name: ['iot-hub-exists', 'This installation has an IoT Hub with this host name.'],
  hub_device_types_type: [
    'iot-hub-device-type-taken',
    'The devices of one of the device types (none named: all that no hub names) are in another IoT Hub of the tenant.',
  ],
};

/** Hubs, and which device types are in which. */
export const hubs: Projection = {
  name: 'hubs',
  handles: ['HubAdded', 'HubChanged', 'HubRemoved'],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others.
    for (const event of events as readonly RecordedEvent<HubEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        const [code, detail] = TAKEN[uniqueViolation(error) ?? ''] ?? [];
        if (code === undefined || detail === undefined) throw error;
        throw new AppError(code, detail, { cause: error });
      }
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM hubs');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<HubEvent>): Promise<void> => {
  const key = [event.tenantId, event.streamId];
  switch (event.type) {
    case 'HubAdded': {
      const { addedAt, settings } = event.data;
      await tx.query(
        `INSERT INTO hubs (tenant_id, id, name, host_name, settings, version, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [...key, settings.name, settings.hostName, settings, event.version, addedAt, event.metadata.actor],
      );
      return takeTypes(tx, event, settings.deviceTypes);
    }
    case 'HubChanged': {
      const { settings } = event.data;
      await tx.query(
        'UPDATE hubs SET name = $3, host_name = $4, settings = $5, version = $6 WHERE tenant_id = $1 AND id = $2',
        [...key, settings.name, settings.hostName, settings, event.version],
      );
      await tx.query('DELETE FROM hub_device_types WHERE tenant_id = $1 AND hub_id = $2', key);
      return takeTypes(tx, event, settings.deviceTypes);
    }
    case 'HubRemoved':
      await tx.query('DELETE FROM hubs WHERE tenant_id = $1 AND id = $2', key);
      return;
  }
};

const takeTypes = async (
  tx: pg.PoolClient,
  { tenantId, streamId }: RecordedEvent,
  deviceTypes: readonly string[],
): Promise<void> => {
  await tx.query(
    'INSERT INTO hub_device_types (tenant_id, hub_id, device_type_id) SELECT $1, $2, unnest($3::text[])',
    [tenantId, streamId, deviceTypes.length === 0 ? [OTHERS] : deviceTypes],
  );
};

export interface StoredHub extends HubSettings {
  readonly tenantId: string;
  readonly id: string;
  readonly version: number;
  readonly createdAt: string;
  readonly createdBy: Actor;
}

interface HubRow {
  tenant_id: string;
  id: string;
  settings: HubSettings;
  version: number;
  created_at: Date;
  created_by: Actor;
}

/** Throws `iot-hub-not-found`. */
export const findHub = async (from: Queryable, tenantId: string, id: string): Promise<StoredHub> => {
  const { rows } = await from.query<HubRow>({
    text: 'SELECT * FROM hubs WHERE tenant_id = $1 AND id = $2',
    values: [tenantId, id],
  });
  if (rows[0] === undefined) throw new AppError('iot-hub-not-found', 'There is no such IoT Hub.');
  return storedOf(rows[0]);
};

/** By name, after `afterName`. */
export const listHubsByName = async (
  from: Queryable,
  tenantId: string,
  afterName: string | undefined,
  limit: number,
): Promise<StoredHub[]> => {
  const { rows } = await from.query<HubRow>({
    text: `SELECT * FROM hubs WHERE tenant_id = $1 AND ($2::text IS NULL OR name > $2 COLLATE "C")
           ORDER BY name LIMIT $3`,
    values: [tenantId, afterName ?? null, limit],
  });
  return rows.map(storedOf);
};

/** Of all tenants. */
export const allHubs = async (from: Queryable): Promise<StoredHub[]> => {
  const { rows } = await from.query<HubRow>({ text: 'SELECT * FROM hubs ORDER BY id' });
  return rows.map(storedOf);
};

export const countHubs = async (from: Queryable, tenantId: string): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: 'SELECT count(*) FROM hubs WHERE tenant_id = $1',
    values: [tenantId],
  });
  return Number(rows[0]?.count ?? 0);
};

const storedOf = (row: HubRow): StoredHub => ({
  tenantId: row.tenant_id,
  id: row.id,
  ...row.settings,
  version: row.version,
  createdAt: row.created_at.toISOString(),
  createdBy: row.created_by,
});
