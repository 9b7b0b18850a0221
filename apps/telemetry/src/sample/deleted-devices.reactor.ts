import { Controller, Inject } from '@nestjs/common';
import { deviceDeleted, type DeviceDeleted } from '@muster/contracts/device-registry/published';
import type { Database } from '@muster/event-store';
import { Consumes, type Delivered } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { forgetLatest } from './latest-values.js';

/** Follows the registry. May be repeated. */
@Controller()
export class DeletedDevicesReactor {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  /** Samples stay until their time is over, and cannot be asked for through the API: their device is not found. */
  @Consumes({ durable: 'telemetry-deleted-devices', events: [deviceDeleted] })
  async forget(events: readonly Delivered<DeviceDeleted>[]): Promise<void> {
    await forgetLatest(
      this.database,
      events.map(({ tenantId, data }) => ({ tenantId, deviceId: data.deviceId })),
    );
  }
}
