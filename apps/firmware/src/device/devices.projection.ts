import { AppError } from '@muster/contracts';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import type { Database } from '@muster/event-store';
import type { Bus } from '@muster/messaging';

export interface DeviceId {
  readonly tenantId: string;
  readonly deviceId: string;
}

/** What decides which firmwares a device may be given. `version` is the registry's. */
export interface DeviceFacts extends DeviceId {
  readonly deviceTypeId: string;
  readonly tags: readonly string[];
  readonly version: number;
}

/** Anything else is no id of ours, and may not even be text that PostgreSQL takes. */
const DEVICE_ID = /^[A-Za-z0-9_-]{1,64}$/;
const QUESTIONS_AT_ONCE = 32;

/**
 * What is known of the registry's devices, from its events, in any order and any number of times: a deleted device stays
 * deleted, older facts never replace newer ones. It may lag behind the registry, and asks there for what it does not know.
 * More than `known-devices` holds: rollouts go by type and tags.
 */
export class Devices {
  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
  ) {}

  /** Throws `device-not-found`, or what kept the registry from answering. */
  async get(device: DeviceId): Promise<DeviceFacts> {
    const [found] = await this.find([device]);
    if (found === undefined || !isKnown(found)) throw found ?? notFound();
    return found;
  }

  /** One per device: what is known of it, or the error to answer with. */
  async find(devices: readonly DeviceId[]): Promise<(DeviceFacts | AppError)[]> {
    const stored = await this.load(devices.filter(isPossible));
    const missing = [...new Map(devices.map((device) => [keyOf(device), device]))].filter(
      ([key, device]) => isPossible(device) && !stored.has(key),
    );
    const asked = new Map<string, DeviceFacts | AppError>();
    for (let start = 0; start < missing.length; start += QUESTIONS_AT_ONCE) {
      const some = missing.slice(start, start + QUESTIONS_AT_ONCE);
      const answers = await Promise.all(some.map(([, device]) => this.ask(device)));
      some.forEach(([key], index) => asked.set(key, answers[index] ?? notFound()));
    }
    await this.learn([...asked.values()].filter(isKnown));
    return devices.map((device) => stored.get(keyOf(device)) ?? asked.get(keyOf(device)) ?? notFound());
  }

  async learn(facts: readonly DeviceFacts[]): Promise<void> {
    await this.upsert(facts);
  }

  /** Of devices that need not be known yet. */
  async learnTags(tags: readonly Omit<DeviceFacts, 'deviceTypeId'>[]): Promise<void> {
    await this.upsert(tags.map((one) => ({ ...one, deviceTypeId: null })));
  }

  async markDeleted(devices: readonly DeviceId[]): Promise<void> {
    if (devices.length === 0) return;
    await this.database.query(
      `INSERT INTO devices AS k (tenant_id, device_id, tags, version, deleted)
       SELECT DISTINCT t, d, '{}'::text[], 0, true FROM unnest($1::text[], $2::text[]) AS n (t, d) ORDER BY t, d
       ON CONFLICT (tenant_id, device_id) DO UPDATE SET deleted = true WHERE NOT k.deleted`,
      [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)],
    );
  }

  private async upsert(
    rows: readonly (Omit<DeviceFacts, 'deviceTypeId'> & { readonly deviceTypeId: string | null })[],
  ): Promise<void> {
    if (rows.length === 0) return;
    // The newest of each: one statement cannot touch a row twice. A device's type never changes.
    await this.database.query(
      `INSERT INTO devices AS k (tenant_id, device_id, device_type_id, tags, version, deleted)
       SELECT DISTINCT ON (n.t, n.d) n.t, n.d, n.type, ARRAY(SELECT jsonb_array_elements_text(n.tags::jsonb)), n.v, false
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[]) AS n (t, d, type, tags, v)
       ORDER BY n.t, n.d, n.v DESC
       ON CONFLICT (tenant_id, device_id) DO UPDATE SET
         device_type_id = coalesce(k.device_type_id, excluded.device_type_id),
         tags = CASE WHEN excluded.version > k.version THEN excluded.tags ELSE k.tags END,
         version = greatest(k.version, excluded.version)`,
      [
        rows.map((row) => row.tenantId),
        rows.map((row) => row.deviceId),
        rows.map((row) => row.deviceTypeId),
        rows.map((row) => JSON.stringify(row.tags)),
        rows.map((row) => row.version),
      ],
    );
  }

  /** By key; devices of which too little is known are absent. */
  private async load(devices: readonly DeviceId[]): Promise<Map<string, DeviceFacts | AppError>> {
    if (devices.length === 0) return new Map();
    const { rows } = await this.database.query<{
      tenant_id: string;
      device_id: string;
      device_type_id: string | null;
      tags: string[];
      version: number;
      deleted: boolean;
    }>({
      name: 'devices',
      text: `SELECT tenant_id, device_id, device_type_id, tags, version, deleted FROM devices
             WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
               AND (deleted OR device_type_id IS NOT NULL)`,
      values: [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)],
    });
    return new Map(
      rows.map(({ tenant_id: tenantId, device_id: deviceId, ...row }) => [
        keyOf({ tenantId, deviceId }),
        row.deleted || row.device_type_id === null
          ? notFound()
          : { tenantId, deviceId, deviceTypeId: row.device_type_id, tags: row.tags, version: row.version },
      ]),
    );
  }

  private async ask({ tenantId, deviceId }: DeviceId): Promise<DeviceFacts | AppError> {
    try {
      const { deviceTypeId, tags, version } = await this.bus.request(getDevice, { tenantId, deviceId });
      return { tenantId, deviceId, deviceTypeId, tags, version };
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }
}

/** Tells what is known of a device from the reason why it is not. */
export const isKnown = (found: DeviceFacts | AppError): found is DeviceFacts => !(found instanceof AppError);

const isPossible = ({ tenantId, deviceId }: DeviceId): boolean =>
  DEVICE_ID.test(tenantId) && DEVICE_ID.test(deviceId);

const notFound = (): AppError => new AppError('device-not-found', 'No such device.');

const keyOf = ({ tenantId, deviceId }: DeviceId): string => `${tenantId}\n${deviceId}`;
