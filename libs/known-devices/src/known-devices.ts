import { AppError, getDevice } from '@muster/contracts';
import type { Database } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import type pg from 'pg';

export interface DeviceId {
  readonly tenantId: string;
  readonly deviceId: string;
}

/** Anything else is no id of ours, and may not even be text that PostgreSQL takes. */
const DEVICE_ID = /^[A-Za-z0-9_-]{1,64}$/;
const QUESTIONS_AT_ONCE = 32;

/**
 * Which devices exist, from the registry's events, in any order and any number of times: a deleted device stays deleted.
 * It may lag behind the registry. A device it does not know is asked for there, so one created a moment ago is found;
 * one deleted a moment ago may still pass, and is stopped by the end of its stream, or by `hold`.
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
    const stored = await this.find(devices.filter(isPossible));
    const missing = [...new Map(devices.map((device) => [keyOf(device), device]))].filter(
      ([key, device]) => isPossible(device) && !stored.has(key),
    );
    const asked = new Map<string, AppError | undefined>();
    for (let start = 0; start < missing.length; start += QUESTIONS_AT_ONCE) {
      const some = missing.slice(start, start + QUESTIONS_AT_ONCE);
      const answers = await Promise.all(some.map(([, device]) => this.ask(device)));
      some.forEach(([key], index) => asked.set(key, answers[index]));
    }
    await this.remember(missing.filter(([key]) => asked.get(key) === undefined).map(([, device]) => device));
    return devices.map((device) => {
      const deleted = stored.get(keyOf(device));
      if (!isPossible(device) || deleted === true) return notFound();
      return deleted === undefined ? asked.get(keyOf(device)) : undefined;
    });
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

  async remember(devices: readonly DeviceId[]): Promise<void> {
    if (devices.length === 0) return;
    await this.database.query(
      `INSERT INTO known_devices (tenant_id, device_id, deleted)
       SELECT t, d, false FROM unnest($1::text[], $2::text[]) AS n (t, d) ORDER BY t, d
       ON CONFLICT DO NOTHING`,
      columns(devices),
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

  /** Key → whether it was deleted; devices that are not known are absent. */
  private async find(devices: readonly DeviceId[]): Promise<Map<string, boolean>> {
    if (devices.length === 0) return new Map();
    const { rows } = await this.database.query<{ tenant_id: string; device_id: string; deleted: boolean }>({
      name: 'known-devices',
      text: `SELECT tenant_id, device_id, deleted FROM known_devices
             WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
      values: columns(devices),
    });
    return new Map(
      rows.map((row) => [keyOf({ tenantId: row.tenant_id, deviceId: row.device_id }), row.deleted]),
    );
  }

  private async ask({ tenantId, deviceId }: DeviceId): Promise<AppError | undefined> {
    try {
      await this.bus.request(getDevice, { tenantId, deviceId });
      return undefined;
    } catch (error) {
      if (error instanceof AppError) return error.code === 'device-not-found' ? notFound() : error;
      throw error;
    }
  }
}

const isPossible = ({ tenantId, deviceId }: DeviceId): boolean =>
  DEVICE_ID.test(tenantId) && DEVICE_ID.test(deviceId);

const notFound = (): AppError => new AppError('device-not-found', 'No such device.');

const keyOf = ({ tenantId, deviceId }: DeviceId): string => `${tenantId}\n${deviceId}`;

const columns = (devices: readonly DeviceId[]): [string[], string[]] => [
  devices.map(({ tenantId }) => tenantId),
  devices.map(({ deviceId }) => deviceId),
];
