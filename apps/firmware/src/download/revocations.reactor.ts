import { Controller, Inject } from '@nestjs/common';
import {
  deviceCredentialChanged,
  deviceStatusChanged,
  deviceTokenChanged,
  type DeviceCredentialChanged,
  type DeviceStatusChanged,
  type DeviceTokenChanged,
} from '@muster/contracts/device-registry/published';
import type { Database } from '@muster/event-store';
import { Consumes, type Delivered } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';

type Event = Delivered<DeviceTokenChanged | DeviceCredentialChanged | DeviceStatusChanged>;

/**
 * Which devices lost something that lets them in: an endpoint token or a credential that is suspended, revoked or over, or
 * all of them with a device that is suspended. What they were given before opens nothing after it; one that has another way in asks again. The version of the device counts, so that no clock
 * decides what was before, and an event that comes again or late changes nothing.
 */
@Controller()
export class RevocationsReactor {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Consumes({
    durable: 'firmware-revocations',
    events: [deviceTokenChanged, deviceCredentialChanged, deviceStatusChanged],
  })
  async follow(events: readonly Event[]): Promise<void> {
    const revoked = events.filter(
      ({ data: { status, opens } }) => opens === false || status === 'suspended' || status === 'revoked',
    );
    if (revoked.length === 0) return;
    await this.database.query(
      `INSERT INTO device_revocations AS r (tenant_id, device_id, version)
       SELECT n.t, n.d, max(n.v) FROM unnest($1::text[], $2::text[], $3::integer[]) AS n (t, d, v)
       GROUP BY n.t, n.d ORDER BY n.t, n.d
       ON CONFLICT (tenant_id, device_id) DO UPDATE SET version = excluded.version WHERE excluded.version > r.version`,
      [
        revoked.map(({ tenantId }) => tenantId),
        revoked.map(({ data }) => data.deviceId),
        revoked.map(({ data }) => data.version),
      ],
    );
  }
}
