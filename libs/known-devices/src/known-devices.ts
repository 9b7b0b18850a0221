import { AppError } from '@muster/contracts';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import type { Database, Queryable } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import type pg from 'pg';

export interface DeviceId {
  readonly tenantId: string;
  readonly deviceId: string;
}

/** What decides which defaults and rules a device has. */
export interface DeviceKind extends DeviceId {
  /** Never changes. */
  readonly deviceTypeId: string;
  /** Name. */
  readonly appVersion: string;
}

/** What the registry told of a device. `version` is the registry's: older facts never replace newer ones. */
export interface DeviceFacts extends DeviceKind {
  readonly version: number;
}

export type AppVersionChange = Omit<DeviceFacts, 'deviceTypeId'>;

/** Anything else is no id of ours, and may not even be text that PostgreSQL takes. */
const DEVICE_ID = /^[A-Za-z0-9_-]{1,64}$/;
const QUESTIONS_AT_ONCE = 32;

interface Row {
  tenant_id: string;
  device_id: string;
  deleted: boolean;
  device_type_id: string | null;
  app_version: string | null;
}

/**
 * Which devices exist and of what kind they are, from the registry's events, in any order and any number of times: a
 * deleted device stays deleted, the newest app version stays. It may lag behind the registry. What it does not know it
 * asks for there, so a device created a moment ago is found; one deleted a moment ago may still pass, and is stopped by
 * the end of its stream, or by `hold`.
 */
export class KnownDevices {
  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
  ) {}

  /** Throws `device-not-found`, or what kept the registry from answering. */
  async assertKnown(device: DeviceId): Promise<void> {
    const [fault] = await this.faultsOf([device]);
    if (fault !== undefined) throw fault;
  }

  /** One per device: undefined, or the error to answer with. */
  async faultsOf(devices: readonly DeviceId[]): Promise<(AppError | undefined)[]> {
    const stored = await this.find(this.database, devices);
    const asked = await this.askFor(devices.filter((device) => !stored.has(keyOf(device))));
    return devices.map((device) => {
      const row = stored.get(keyOf(device));
      if (!isPossible(device) || row?.deleted === true) return notFound();
      const answer = row === undefined ? asked.get(keyOf(device)) : undefined;
      return answer instanceof AppError ? answer : undefined;
    });
  }

  /**
   * Makes sure that `kindsOf` finds these devices: the registry is asked for what is missing. One per device: undefined, or
   * the error to answer with.
   */
  async learnKinds(devices: readonly DeviceId[]): Promise<(AppError | undefined)[]> {
    const stored = await this.find(this.database, devices);
    const missing = devices.filter((device) => {
      const row = stored.get(keyOf(device));
      return row === undefined || (!row.deleted && kindIn(row) === undefined);
    });
    const asked = await this.askFor(missing);
    return devices.map((device) => {
      if (!isPossible(device) || stored.get(keyOf(device))?.deleted === true) return notFound();
      const answer = asked.get(keyOf(device));
      return answer instanceof AppError ? answer : undefined;
    });
  }

  /** One per device, as stored; undefined: deleted, or not known well enough. Asks nobody. */
  async kindsOf(
    devices: readonly DeviceId[],
    queryable: Queryable = this.database,
  ): Promise<(DeviceKind | undefined)[]> {
    const stored = await this.find(queryable, devices);
    return devices.map((device) => {
      const row = stored.get(keyOf(device));
      return row === undefined || row.deleted ? undefined : kindIn(row);
    });
  }

  /**
   * Ids of the devices of a type that are not deleted, ascending, at most `limit`. Devices whose type is not known yet are
   * among them: `learnKinds` tells.
   */
  async page(
    tenantId: string,
    deviceTypeId: string,
    { after = '', limit }: { readonly after?: string; readonly limit: number },
  ): Promise<string[]> {
    const { rows } = await this.database.query<{ device_id: string }>(
      `SELECT device_id FROM known_devices
       WHERE tenant_id = $1 AND device_id > $3 AND NOT deleted
         AND (device_type_id = $2 OR device_type_id IS NULL)
       ORDER BY device_id LIMIT $4`,
      [tenantId, deviceTypeId, after, limit],
    );
    return rows.map((row) => row.device_id);
  }

  /**
   * Keeps a device that was asserted from being marked deleted until the transaction of `tx` ends; throws
   * `device-not-found` when it was meanwhile. For services with several streams per device: whoever ends them after
   * `markDeleted` then finds every one. Without it, a stream begun at that moment would outlive its device.
   */
  async hold(tx: pg.PoolClient, { tenantId, deviceId }: DeviceId): Promise<void> {
    const { rows } = await tx.query<{ deleted: boolean }>({
      name: 'hold-known-device',
      text: 'SELECT deleted FROM known_devices WHERE tenant_id = $1 AND device_id = $2 FOR SHARE',
      values: [tenantId, deviceId],
    });
    if (rows[0]?.deleted !== false) throw notFound();
  }

  async remember(devices: readonly DeviceFacts[]): Promise<void> {
    await this.upsert(this.database, devices);
  }

  /** Of devices that need not be known yet. */
  async rememberAppVersions(queryable: Queryable, changes: readonly AppVersionChange[]): Promise<void> {
    await this.upsert(
      queryable,
      changes.map((change) => ({ ...change, deviceTypeId: null })),
    );
  }

  async markDeleted(devices: readonly DeviceId[]): Promise<void> {
    if (devices.length === 0) return;
    await this.database.query(
      `INSERT INTO known_devices AS k (tenant_id, device_id, deleted)
       SELECT DISTINCT t, d, true FROM unnest($1::text[], $2::text[]) AS n (t, d) ORDER BY t, d
       ON CONFLICT (tenant_id, device_id) DO UPDATE SET deleted = true WHERE NOT k.deleted`,
      columns(devices),
    );
  }

  private async upsert(
    queryable: Queryable,
    rows: readonly (AppVersionChange & { readonly deviceTypeId: string | null })[],
  ): Promise<void> {
    if (rows.length === 0) return;
    // The newest of each: one statement cannot touch a row twice. A device's type never changes.
    await queryable.query({
      text: `
        INSERT INTO known_devices AS k (tenant_id, device_id, deleted, device_type_id, app_version, version)
        SELECT DISTINCT ON (n.t, n.d) n.t, n.d, false, n.type, n.app, n.v
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[]) AS n (t, d, type, app, v)
        ORDER BY n.t, n.d, n.v DESC
        ON CONFLICT (tenant_id, device_id) DO UPDATE SET
          device_type_id = coalesce(k.device_type_id, excluded.device_type_id),
          app_version = CASE WHEN excluded.version > k.version THEN excluded.app_version ELSE k.app_version END,
          version = greatest(k.version, excluded.version)
        WHERE NOT k.deleted AND (k.device_type_id IS NULL OR excluded.version > k.version)`,
      values: [
        ...columns(rows),
        rows.map((row) => row.deviceTypeId),
        rows.map((row) => row.appVersion),
        rows.map((row) => row.version),
      ],
    });
  }

  /** By key; devices that are not known are absent. */
  private async find(queryable: Queryable, devices: readonly DeviceId[]): Promise<Map<string, Row>> {
    const possible = devices.filter(isPossible);
    if (possible.length === 0) return new Map();
    const { rows } = await queryable.query<Row>({
      name: 'known-devices',
      text: `SELECT tenant_id, device_id, deleted, device_type_id, app_version FROM known_devices
             WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
      values: columns(possible),
    });
    return new Map(rows.map((row) => [keyOf({ tenantId: row.tenant_id, deviceId: row.device_id }), row]));
  }

  /** By key, what the registry answered, which is remembered. While it is away, not every device is waited for. */
  private async askFor(devices: readonly DeviceId[]): Promise<Map<string, DeviceFacts | AppError>> {
    const missing = [...new Map(devices.filter(isPossible).map((device) => [keyOf(device), device]))];
    const answers = new Map<string, DeviceFacts | AppError>();
    let away: AppError | undefined;
    for (let start = 0; start < missing.length; start += QUESTIONS_AT_ONCE) {
      const some = missing.slice(start, start + QUESTIONS_AT_ONCE);
      const given = await Promise.all(some.map(([, device]) => this.ask(device, away)));
      some.forEach(([key], index) => answers.set(key, given[index] ?? notFound()));
      away ??= given.find(isAway);
    }
    await this.remember([...answers.values()].filter(isFacts));
    return answers;
  }

  private async ask(
    { tenantId, deviceId }: DeviceId,
    away: AppError | undefined,
  ): Promise<DeviceFacts | AppError> {
    if (away !== undefined) return away;
    try {
      const { deviceTypeId, appVersion, version } = await this.bus.request(getDevice, { tenantId, deviceId });
      return { tenantId, deviceId, deviceTypeId, appVersion, version };
    } catch (error) {
      if (error instanceof AppError) return error.code === 'device-not-found' ? notFound() : error;
      throw error;
    }
  }
}

const isFacts = (answer: DeviceFacts | AppError): answer is DeviceFacts => !(answer instanceof AppError);

const isAway = (answer: DeviceFacts | AppError): answer is AppError =>
  answer instanceof AppError && answer.code !== 'device-not-found';

const kindIn = (row: Row): DeviceKind | undefined =>
  row.device_type_id === null || row.app_version === null
    ? undefined
    : {
        tenantId: row.tenant_id,
        deviceId: row.device_id,
        deviceTypeId: row.device_type_id,
        appVersion: row.app_version,
      };

const isPossible = ({ tenantId, deviceId }: DeviceId): boolean =>
  DEVICE_ID.test(tenantId) && DEVICE_ID.test(deviceId);

const notFound = (): AppError => new AppError('device-not-found', 'No such device.');

const keyOf = ({ tenantId, deviceId }: DeviceId): string => `${tenantId}\n${deviceId}`;

const columns = (devices: readonly DeviceId[]): [string[], string[]] => [
  devices.map(({ tenantId }) => tenantId),
  devices.map(({ deviceId }) => deviceId),
];
