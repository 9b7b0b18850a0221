import { Controller, Inject } from '@nestjs/common';
import type { Erased, EraseDevices } from '@muster/contracts';
import { eraseConfiguration } from '@muster/contracts/configuration/erasure.requests';
import type { EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { deviceConfiguration } from './device-configuration.decider.js';

@Controller()
export class ErasureHandlers {
  constructor(
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  /** The values are in the events of the device's stream and nowhere else, so with them the history goes too. */
  @Handles(eraseConfiguration)
  async erase({ tenantId, deviceIds }: EraseDevices): Promise<Erased> {
    // The event that says so may come later: nothing is begun anew for them.
    await this.devices.markDeleted(deviceIds.map((deviceId) => ({ tenantId, deviceId })));
    for (const deviceId of deviceIds) await this.store.erase(deviceConfiguration, tenantId, deviceId);
    return { complete: true };
  }
}
