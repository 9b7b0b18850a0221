import { AppError } from '@muster/contracts';
import type { FileToSend, FirmwareView } from '@muster/contracts/firmware/requests';
import { uniqueViolation, type Database, type Projection, type RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import { type Settings } from '../providers.js';
import type { FirmwareEvent, StoredRollout } from './firmware.events.js';

export const firmwaresProjection: Projection = {
  name: 'firmwares',
  handles: [
    'FirmwareRegistered',
    'FirmwareDescribed',
    'UpgradePathChanged',
    'RolloutChanged',
    'FirmwareDeleted',
  ],
  project: async (tx, events) => {
    for (const event of events as readonly RecordedEvent<FirmwareEvent>[]) await projectOne(tx, event);
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM firmwares');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<FirmwareEvent>): Promise<void> => {
  const key = [event.tenantId, event.streamId, event.version];
  const update = (assignments: string, values: unknown[]) =>
    tx.query(`UPDATE firmwares SET revision = $3, ${assignments} WHERE tenant_id = $1 AND id = $2`, [
      ...key,
      ...values,
    ]);
  switch (event.type) {
    case 'FirmwareRegistered':
      return register(tx, event);
    case 'FirmwareDescribed':
      await update('description = $4', [event.data.description]);
      return;
    case 'UpgradePathChanged': {
      const { upgradableFrom, changedAt } = event.data;
      await update('upgradable_from = $4, available_since = $5', [upgradableFrom, changedAt]);
      return;
    }
    case 'RolloutChanged': {
      const { rollout, changedAt } = event.data;
      await update('rollout = $4, available_since = $5', [JSON.stringify(rollout), changedAt]);
      return;
    }
    case 'FirmwareDeleted':
      await tx.query('DELETE FROM firmwares WHERE tenant_id = $1 AND id = $2', key.slice(0, 2));
      await tx.query(
        'DELETE FROM download_tokens WHERE tenant_id = $1 AND firmware_id = $2',
        key.slice(0, 2),
      );
  }
};

const register = async (
  tx: pg.PoolClient,
  {
    tenantId,
    streamId,
    version: revision,
    data,
  }: RecordedEvent<FirmwareEvent & { type: 'FirmwareRegistered' }>,
): Promise<void> => {
  const rollout: StoredRollout = { strategy: 'suspended' };
  try {
    await tx.query(
      `INSERT INTO firmwares (tenant_id, id, revision, firmware_type_id, device_type_id, version, name, file_key,
         size, sha256, description, upgradable_from, rollout, available_since, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)`,
      [
        tenantId,
        streamId,
        revision,
        data.firmwareTypeId,
        data.deviceTypeId,
        data.version,
        data.name,
        data.fileKey,
        data.size,
        data.sha256,
        data.description ?? null,
        data.upgradableFrom,
        JSON.stringify(rollout),
        data.registeredAt,
      ],
    );
  } catch (error) {
    if (uniqueViolation(error) !== 'firmwares_version') throw error;
    throw new AppError(
      'firmware-version-taken',
      `The firmware type has the version ${data.version} already.`,
      {
        cause: error,
      },
    );
  }
};

interface FirmwareRow {
  id: string;
  firmware_type_id: string;
  firmware_type: string;
  device_type_id: string;
  version: string;
  name: string;
  size: string;
  sha256: string;
  description: string | null;
  upgradable_from: string[];
  rollout: FirmwareView['rollout'];
  available_since: Date;
  revision: number;
  created_at: Date;
}

const SELECT = `
  SELECT f.id, f.firmware_type_id, t.name AS firmware_type, f.device_type_id, f.version, f.name, f.size, f.sha256,
         f.description, f.upgradable_from, f.rollout, f.available_since, f.revision, f.created_at
  FROM firmwares f
  JOIN firmware_types t ON t.tenant_id = f.tenant_id AND t.id = f.firmware_type_id`;

/** A firmware with what an offer of it needs and nobody else is told. */
export interface StockedFirmware extends FirmwareView {
  readonly tenantId: string;
  readonly availableSince: string;
}

/** The database, or a transaction of it. */
interface Queryable {
  query<Row extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

export class Firmwares {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  /** Throws `firmware-not-found`. `tx`: to see what it has written. */
  async get(tenantId: string, id: string, tx?: pg.PoolClient): Promise<FirmwareView> {
    const queryable: Queryable = tx ?? this.database;
    const { rows } = await queryable.query<FirmwareRow>({
      text: `${SELECT} WHERE f.tenant_id = $1 AND f.id = $2`,
      values: [tenantId, id],
    });
    const [row] = rows;
    if (row === undefined) throw new AppError('firmware-not-found', 'No such firmware.');
    return this.viewOf(row);
  }

  /** By its id alone, which is the key of its file and so of one tenant; undefined: there is none. */
  async fileOf(id: string): Promise<FileToSend | undefined> {
    const { rows } = await this.database.query<{
      tenant_id: string;
      file_key: string;
      size: string;
      sha256: string;
      name: string;
    }>({
      name: 'file-of-firmware',
      text: 'SELECT tenant_id, file_key, size, sha256, name FROM firmwares WHERE id = $1',
      values: [id],
    });
    const [row] = rows;
    if (row === undefined) return undefined;
    const { sha256, name } = row;
    return { tenantId: row.tenant_id, fileKey: row.file_key, size: Number(row.size), sha256, name };
  }

  /** Newest first, after the id `before`. */
  async list(
    tenantId: string,
    where: {
      readonly firmwareTypeId?: string | undefined;
      readonly deviceTypeId?: string | undefined;
      readonly before?: string | undefined;
      readonly limit: number;
    },
  ): Promise<FirmwareView[]> {
    const { rows } = await this.database.query<FirmwareRow>(
      `${SELECT} WHERE f.tenant_id = $1 AND ($2::text IS NULL OR f.firmware_type_id = $2)
         AND ($3::text IS NULL OR f.device_type_id = $3) AND ($4::text IS NULL OR f.id < $4)
       ORDER BY f.id DESC LIMIT $5`,
      [tenantId, where.firmwareTypeId ?? null, where.deviceTypeId ?? null, where.before ?? null, where.limit],
    );
    return rows.map((row) => this.viewOf(row));
  }

  async count(
    tenantId: string,
    where: { readonly firmwareTypeId?: string | undefined; readonly deviceTypeId?: string | undefined },
  ): Promise<number> {
    const { rows } = await this.database.query<{ count: string }>(
      `SELECT count(*) FROM firmwares WHERE tenant_id = $1 AND ($2::text IS NULL OR firmware_type_id = $2)
         AND ($3::text IS NULL OR device_type_id = $3)`,
      [tenantId, where.firmwareTypeId ?? null, where.deviceTypeId ?? null],
    );
    return Number(rows[0]?.count ?? 0);
  }

  /** All that may be offered to somebody of these device types, in no order. */
  async available(
    deviceTypes: readonly { readonly tenantId: string; readonly deviceTypeId: string }[],
  ): Promise<StockedFirmware[]> {
    const { rows } = await this.database.query<FirmwareRow & { tenant_id: string }>({
      text: `SELECT s.*, n.tenant_id FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[])) AS n (tenant_id, type)
             CROSS JOIN LATERAL (${SELECT} WHERE f.tenant_id = n.tenant_id AND f.device_type_id = n.type
               AND f.rollout->>'strategy' <> 'suspended') AS s`,
      values: [deviceTypes.map((one) => one.tenantId), deviceTypes.map((one) => one.deviceTypeId)],
    });
    return rows.map((row) => ({
      ...this.viewOf(row),
      tenantId: row.tenant_id,
      availableSince: row.available_since.toISOString(),
    }));
  }

  private viewOf(row: FirmwareRow): FirmwareView {
    return {
      id: row.id,
      firmwareTypeId: row.firmware_type_id,
      firmwareType: row.firmware_type,
      deviceTypeId: row.device_type_id,
      version: row.version,
      name: row.name,
      size: Number(row.size),
      sha256: row.sha256,
      url: `${this.settings.baseUrl}/firmwares/${row.id}`,
      ...(row.description === null ? {} : { description: row.description }),
      upgradableFrom: row.upgradable_from,
      rollout: row.rollout,
      revision: row.revision,
      createdAt: row.created_at.toISOString(),
    };
  }
}
