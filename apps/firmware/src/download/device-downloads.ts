import type { Database } from '@muster/event-store';
import type { DeviceId } from '@muster/known-devices';
import { grantIn, signed, type Opened } from './device-token.js';

/** Gives a device its token for a firmware. */
export type TokenFor = (device: DeviceId, firmwareId: string) => string;

/**
 * Leave to download, for one device, one firmware and some time. Nothing is stored: a rollout to all devices and every poll
 * would write a row, and remove it again. ADR 18.
 */
export class DeviceDownloads {
  constructor(
    private readonly database: Database,
    private readonly lifeSeconds: number,
  ) {}

  /** One statement, however many devices there are. Only these may be asked for. */
  async tokensFor(devices: readonly DeviceId[]): Promise<TokenFor> {
    const { rows } = await this.database.query<{
      key: Buffer;
      now: string;
      tenant_id: string | null;
      device_id: string;
      version: number;
    }>({
      text: `SELECT k.key, floor(extract(epoch FROM now())) AS now, r.tenant_id, r.device_id, r.version
             FROM download_key k LEFT JOIN device_revocations r
               ON (r.tenant_id, r.device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
      values: [devices.map(({ tenantId }) => tenantId), devices.map(({ deviceId }) => deviceId)],
    });
    const [first] = rows;
    if (first === undefined) throw new Error('download_key is empty');
    const revocations = new Map(rows.map((row) => [`${row.tenant_id} ${row.device_id}`, row.version]));
    const expiresAt = Number(first.now) + this.lifeSeconds;
    return ({ tenantId, deviceId }, firmwareId) => {
      const revocation = revocations.get(`${tenantId} ${deviceId}`) ?? 0;
      return signed(first.key, { tenantId, firmwareId }, { deviceId, revocation, expiresAt });
    };
  }

  /** Whether the token opens that firmware now. */
  async opens(token: string, opened: Opened): Promise<boolean> {
    const { rows } = await this.database.query<{ key: Buffer }>('SELECT key FROM download_key');
    const grant = rows[0] === undefined ? undefined : grantIn(rows[0].key, opened, token);
    if (grant === undefined) return false;
    const { rowCount } = await this.database.query({
      name: 'device-may-download',
      text: `SELECT WHERE $4 > extract(epoch FROM now())
               AND NOT EXISTS (SELECT FROM known_devices WHERE tenant_id = $1 AND device_id = $2 AND deleted)
               AND NOT EXISTS (SELECT FROM device_revocations
                               WHERE tenant_id = $1 AND device_id = $2 AND version > $3)`,
      values: [opened.tenantId, grant.deviceId, grant.revocation, grant.expiresAt],
    });
    return rowCount === 1;
  }
}
