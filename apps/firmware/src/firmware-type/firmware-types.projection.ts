import { AppError } from '@muster/contracts';
import type { FirmwareTypeView } from '@muster/contracts/firmware/requests';
import { uniqueViolation, type Database, type Projection, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import type { FirmwareTypeEvent } from './firmware-type.events.js';

export const firmwareTypesProjection: Projection = {
  name: 'firmware-types',
  handles: ['FirmwareTypeCreated', 'FirmwareTypeRenamed', 'FirmwareTypeKeysChanged', 'FirmwareTypeDeleted'],
  project: async (tx, events) => {
    for (const event of events as readonly RecordedEvent<FirmwareTypeEvent>[]) {
      try {
        await projectOne(tx, event);
      } catch (error) {
        throw asTaken(error);
      }
    }
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM firmware_types');
    await tx.query('DELETE FROM firmware_type_keys');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<FirmwareTypeEvent>): Promise<void> => {
  const { tenantId, streamId: id, version: revision } = event;
  switch (event.type) {
    case 'FirmwareTypeCreated': {
      const { deviceTypeId, name, versionKey, urlKey, tokenKey, createdAt } = event.data;
      await tx.query(
        `INSERT INTO firmware_types
           (tenant_id, id, device_type_id, name, version_key, url_key, token_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [tenantId, id, deviceTypeId, name, versionKey, urlKey, tokenKey, createdAt],
      );
      await takeKeys(tx, tenantId, id);
      return;
    }
    case 'FirmwareTypeRenamed':
      await tx.query('UPDATE firmware_types SET name = $3, revision = $4 WHERE tenant_id = $1 AND id = $2', [
        tenantId,
        id,
        event.data.name,
        revision,
      ]);
      return;
    case 'FirmwareTypeKeysChanged': {
      const { versionKey, urlKey, tokenKey } = event.data;
      await freeKeys(tx, tenantId, id);
      await tx.query(
        `UPDATE firmware_types SET version_key = $3, url_key = $4, token_key = $5, revision = $6
         WHERE tenant_id = $1 AND id = $2`,
        [tenantId, id, versionKey, urlKey, tokenKey, revision],
      );
      await takeKeys(tx, tenantId, id);
      return;
    }
    case 'FirmwareTypeDeleted':
      await freeKeys(tx, tenantId, id);
      await tx.query('DELETE FROM firmware_types WHERE tenant_id = $1 AND id = $2', [tenantId, id]);
  }
};

/** As its row has them. */
const takeKeys = (tx: pg.PoolClient, tenantId: string, id: string) =>
  tx.query(
    `INSERT INTO firmware_type_keys (tenant_id, device_type_id, key, firmware_type_id)
     SELECT tenant_id, device_type_id, k, id FROM firmware_types, unnest(ARRAY[version_key, url_key, token_key]) AS k
     WHERE tenant_id = $1 AND id = $2 ORDER BY k`,
    [tenantId, id],
  );

const freeKeys = (tx: pg.PoolClient, tenantId: string, id: string) =>
  tx.query(
    `DELETE FROM firmware_type_keys k USING firmware_types t
     WHERE t.tenant_id = $1 AND t.id = $2 AND k.tenant_id = t.tenant_id AND k.device_type_id = t.device_type_id
       AND k.firmware_type_id = t.id`,
    [tenantId, id],
  );

const asTaken = (error: unknown): unknown => {
  switch (uniqueViolation(error)) {
    case 'firmware_types_name':
      return new AppError(
        'firmware-type-name-taken',
        'The device type has a firmware type of this name already.',
        {
          cause: error,
        },
      );
    case 'firmware_type_keys_key':
      return new AppError(
        'firmware-type-keys-taken',
        'versionKey, urlKey or tokenKey belongs to another firmware type of the device type already.',
        { cause: error },
      );
    case undefined:
    default:
      return error;
  }
};

interface FirmwareTypeRow {
  id: string;
  device_type_id: string;
  name: string;
  version_key: string;
  url_key: string;
  token_key: string;
  revision: number;
  created_at: Date;
  is_default: boolean;
}

/** Oldest first: ids are made in the order of time. The first of a device type is the one that needs no name. */
const SELECT = `
  SELECT t.id, t.device_type_id, t.name, t.version_key, t.url_key, t.token_key, t.revision, t.created_at,
         NOT EXISTS (SELECT FROM firmware_types o WHERE o.tenant_id = t.tenant_id
                     AND o.device_type_id = t.device_type_id AND o.id < t.id) AS is_default
  FROM firmware_types t`;

export class FirmwareTypes {
  constructor(private readonly database: Database) {}

  /** `deviceTypeId` undefined: of all. */
  async list(tenantId: string, deviceTypeId?: string): Promise<FirmwareTypeView[]> {
    const { rows } = await this.database.query<FirmwareTypeRow>(
      `${SELECT} WHERE t.tenant_id = $1 AND ($2::text IS NULL OR t.device_type_id = $2) ORDER BY t.id`,
      [tenantId, deviceTypeId ?? null],
    );
    return rows.map(viewOf);
  }

  /** Those of one device type, oldest first. `after`: the last id of the page before. */
  async page(
    tenantId: string,
    deviceTypeId: string,
    { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
  ): Promise<FirmwareTypeView[]> {
    const { rows } = await this.database.query<FirmwareTypeRow>(
      `${SELECT} WHERE t.tenant_id = $1 AND t.device_type_id = $2 AND t.id > $3 ORDER BY t.id LIMIT $4`,
      [tenantId, deviceTypeId, after, limit],
    );
    return rows.map(viewOf);
  }

  async count(tenantId: string, deviceTypeId: string): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(
      'SELECT count(*) FROM firmware_types WHERE tenant_id = $1 AND device_type_id = $2',
      [tenantId, deviceTypeId],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /**
   * Keeps the type from being deleted, and its name and keys as they are, until the transaction of `tx` ends: whoever
   * registers a firmware of it. Throws `firmware-type-not-found`.
   */
  async hold(tx: pg.PoolClient, tenantId: string, id: string): Promise<void> {
    const { rowCount } = await tx.query(
      'SELECT FROM firmware_types WHERE tenant_id = $1 AND id = $2 FOR SHARE',
      [tenantId, id],
    );
    if (rowCount === 0) throw new AppError('firmware-type-not-found', 'No such firmware type.');
  }

  /** Waits for who holds it; nobody can until the transaction of `tx` ends. What depends on the type at this moment. */
  async lock(
    tx: pg.PoolClient,
    { id, deviceTypeId }: FirmwareTypeView,
    tenantId: string,
  ): Promise<{ readonly hasFirmwares: boolean; readonly isFirstOfSeveral: boolean }> {
    // All of the device type, so that the first and the second cannot go at the same time.
    await tx.query(
      `SELECT FROM firmware_types WHERE tenant_id = $1 AND device_type_id = $2 ORDER BY id FOR UPDATE`,
      [tenantId, deviceTypeId],
    );
    const { rows } = await tx.query<{ in_use: boolean; before: number; after: number }>(
      `SELECT EXISTS (SELECT FROM firmwares WHERE tenant_id = $1 AND firmware_type_id = $2) AS in_use,
              count(*) FILTER (WHERE id < $2)::integer AS before, count(*) FILTER (WHERE id > $2)::integer AS after
       FROM firmware_types WHERE tenant_id = $1 AND device_type_id = $3`,
      [tenantId, id, deviceTypeId],
    );
    const { in_use: hasFirmwares = false, before = 0, after = 0 } = rows[0] ?? {};
    return { hasFirmwares, isFirstOfSeveral: before === 0 && after > 0 };
  }

  /** By id or name. Throws `firmware-type-not-found`, also where several device types have one of this name. */
  async find(tenantId: string, idOrName: string): Promise<FirmwareTypeView> {
    const { rows } = await this.database.query<FirmwareTypeRow>(
      `${SELECT} WHERE t.tenant_id = $1 AND (t.id = $2 OR t.name = $2) ORDER BY t.id = $2 DESC LIMIT 2`,
      [tenantId, idOrName],
    );
    const [first, second] = rows;
    if (first === undefined) throw new AppError('firmware-type-not-found', 'No such firmware type.');
    if (first.id !== idOrName && second !== undefined) {
      throw new AppError(
        'firmware-type-not-found',
        'Several device types have a firmware type of this name: give its id.',
      );
    }
    return viewOf(first);
  }
}

const viewOf = (row: FirmwareTypeRow): FirmwareTypeView => ({
  id: row.id,
  deviceTypeId: row.device_type_id,
  name: row.name,
  versionKey: row.version_key,
  urlKey: row.url_key,
  tokenKey: row.token_key,
  isDefault: row.is_default,
  revision: row.revision,
  createdAt: row.created_at.toISOString(),
});
