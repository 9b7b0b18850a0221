import { Controller, Inject } from '@nestjs/common';
import {
  deviceDeleted,
  deviceProvisioned,
  type DeviceDeleted,
  type DeviceProvisioned,
} from '@muster/contracts';
import type { EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Consumes, isEvent, type Delivered } from '@muster/messaging';
import { deviceConfiguration } from './device-configuration.decider.js';
import { EVENT_STORE } from './device-configuration.handlers.js';

/** Follows the registry. Every step may be repeated: the first that fails makes all of them come again. */
@Controller()
export class KnownDevicesReactor {
  constructor(
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Consumes({ durable: 'configuration-known-devices', events: [deviceProvisioned, deviceDeleted] })
  async follow(events: readonly Delivered<DeviceProvisioned | DeviceDeleted>[]): Promise<void> {
    const idOf = ({ tenantId, data }: Delivered<DeviceProvisioned | DeviceDeleted>) => ({
      tenantId,
      deviceId: data.deviceId,
    });
    const deleted = events.filter((event) => isEvent(event, deviceDeleted));
    await this.devices.remember(events.filter((event) => isEvent(event, deviceProvisioned)).map(idOf));
    await this.devices.markDeleted(deleted.map(idOf));
    // Even where there is no stream yet: a change that is under way, and has passed the check above, finds the end.
    const outcomes = await this.store.executeMany(
      deviceConfiguration,
      deleted.map(({ tenantId, data }) => ({
        tenantId,
        id: data.deviceId,
        command: { type: 'EndConfiguration', at: new Date().toISOString() },
        metadata: { actor: data.actor },
      })),
    );
    for (const { error } of outcomes) if (error !== undefined) throw error;
  }
}
