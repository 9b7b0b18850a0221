import { Controller, Inject } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import { learnHub, type LearnHub } from '@muster/contracts/device-registry/iot-hubs.requests';
import {
  hubAdded,
  hubChanged,
  hubRemoved,
  type HubAdded,
  type HubRemoved,
} from '@muster/contracts/iothub-adapter/published';
import type { Database } from '@muster/event-store';
import { Consumes, Handles, type Delivered } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { keepHub } from './known-hubs.js';

/** Follows which IoT Hubs there are, so that a device that would be in none is refused. */
@Controller()
export class IotHubsReactor {
  constructor(@Inject(DATABASE) private readonly database: Database) {}

  @Consumes({ durable: 'device-registry-iot-hubs', events: [hubAdded, hubChanged, hubRemoved] })
  async follow(events: readonly Delivered<HubAdded | HubRemoved>[]): Promise<void> {
    for (const { tenantId, data } of events) {
      const { hubId, version } = data;
      const deviceTypes = 'deviceTypes' in data ? { deviceTypes: data.deviceTypes } : {};
      await keepHub(this.database, { tenantId, hubId, version, ...deviceTypes });
    }
  }

  @Handles(learnHub)
  async learn(hub: LearnHub): Promise<Done> {
    await keepHub(this.database, hub);
    return {};
  }
}
