import { Controller, Inject } from '@nestjs/common';
import { deviceTypeDeleted, type DeviceTypeDeleted } from '@muster/contracts/device-registry/published';
import type { EventStore } from '@muster/event-store';
import { Consumes, type Delivered } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { typeConfiguration } from './type-configuration.decider.js';

/** A device type that is gone takes its rules and defaults with it. It had no devices any more. */
@Controller()
export class DeviceTypesReactor {
  constructor(@Inject(EVENT_STORE) private readonly store: EventStore) {}

  @Consumes({ durable: 'configuration-device-types', events: [deviceTypeDeleted] })
  async follow(events: readonly Delivered<DeviceTypeDeleted>[]): Promise<void> {
    const at = new Date().toISOString();
    const outcomes = await this.store.executeMany(
      typeConfiguration,
      events.map(({ tenantId, data }) => ({
        tenantId,
        id: data.deviceTypeId,
        command: { type: 'EndTypeConfiguration', at },
        metadata: { actor: data.actor, follows: deviceTypeDeleted.type },
      })),
    );
    for (const { error } of outcomes) if (error !== undefined) throw error;
  }
}
