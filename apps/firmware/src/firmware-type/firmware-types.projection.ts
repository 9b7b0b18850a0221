import { AppError } from '@muster/contracts';
import type { FirmwareTypeView } from '@muster/contracts/firmware/requests';
import { uniqueViolation, type Database, type Projection, type RecordedEvent } from '@muster/event-store';
import type { FirmwareTypeEvent } from './firmware-type.events.js';

export const firmwareTypesProjection: Projection = {
  name: 'firmware-types',
  handles: ['FirmwareTypeCreated'],
  project: async (tx, events) => {
    for (const event of events as readonly RecordedEvent<FirmwareTypeEvent>[]) {
      const { tenantId, streamId: id, data } = event;
      const { deviceTypeId, name, versionKey, urlKey, tokenKey, createdAt } = data;
      try {
        await tx.query(
          `INSERT INTO firmware_types
             (tenant_id, id, device_type_id, name, version_key, url_key, token_key, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
          [tenantId, id, deviceTypeId, name, versionKey, urlKey, tokenKey, createdAt],
        );
        await tx.query(
          `INSERT INTO firmware_type_keys (tenant_id, device_type_id, key, firmware_type_id)
           SELECT $1, $2, k, $3 FROM unnest($4::text[]) AS k ORDER BY k`,
          [tenantId, deviceTypeId, id, [versionKey, urlKey, tokenKey]],
        );
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
  created_at: Date;
  is_default: boolean;
}

/** Oldest first: ids are made in the order of time. The first of a device type is the one that needs no name. */
const SELECT = `
  SELECT t.id, t.device_type_id, t.name, t.version_key, t.url_key, t.token_key, t.created_at,
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
  createdAt: row.created_at.toISOString(),
});
