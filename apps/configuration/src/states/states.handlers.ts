import { Controller, Inject } from '@nestjs/common';
import { whatFits } from '@muster/contracts';
import {
  compareConfigurations,
  readDeviceStates,
  type CompareConfigurations,
  type ComparedConfigurations,
  type DeviceStates,
  type ReadDeviceStates,
} from '@muster/contracts/configuration/campaign.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { deviceConfiguration } from '../device-configuration/device-configuration.decider.js';
import { compliantDevices } from './compliant-devices.js';
import { deviceStateOf } from './device-state.js';

/** How many devices stand at once: what campaigns and supervisions judge by. */
@Controller()
export class StatesHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(readDeviceStates)
  async read({ tenantId, deviceIds, keys }: ReadDeviceStates): Promise<DeviceStates> {
    const loaded = await this.store.loadMany(
      deviceConfiguration,
      deviceIds.map((id) => ({ tenantId, id })),
    );
    const { items, askAgain } = whatFits(deviceIds, (deviceId, index) => {
      const { state } = loaded[index] ?? { state: deviceConfiguration.initial };
      return [deviceStateOf(deviceId, state, keys)];
    });
    return { states: items, ...(askAgain === undefined ? {} : { askAgain }) };
  }

  @Handles(compareConfigurations)
  async compare(request: CompareConfigurations): Promise<ComparedConfigurations> {
    const asOf = new Date().toISOString();
    return { asOf, compliant: await compliantDevices(this.database, this.store, request) };
  }
}
