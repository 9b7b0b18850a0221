import { Controller, Inject } from '@nestjs/common';
import { whatFits } from '@muster/contracts';
import {
  compareConfigurations,
  readDeviceStates,
  type CompareConfigurations,
  type ComparedConfigurations,
  type DeviceState,
  type DeviceStates,
  type ReadDeviceStates,
} from '@muster/contracts/configuration/campaign.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import type { DeviceConfiguration } from '../device-configuration/configuration-state.js';
import { deviceConfiguration } from '../device-configuration/device-configuration.decider.js';
import { compliantDevices } from './compliant-devices.js';

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
      return [stateOf(deviceId, state, keys)];
    });
    return { states: items, ...(askAgain === undefined ? {} : { askAgain }) };
  }

  @Handles(compareConfigurations)
  async compare(request: CompareConfigurations): Promise<ComparedConfigurations> {
    const asOf = new Date().toISOString();
    return { asOf, compliant: await compliantDevices(this.database, this.store, request) };
  }
}

const stateOf = (
  deviceId: string,
  state: DeviceConfiguration,
  keys: readonly string[] | undefined,
): DeviceState => {
  const { ended, streamVersion: version, configId, dispatched, confirmation } = state;
  const confirmed = confirmation?.configId === configId ? confirmation : null;
  return {
    deviceId,
    ended,
    version,
    configId,
    desired: only(state.desired, keys),
    withdrawn: only(state.withdrawn, keys),
    reported: only(state.reported, keys),
    ...(dispatched === null
      ? {}
      : {
          sent: {
            configId: dispatched.configId,
            subscriber: dispatched.subscriber,
            at: dispatched.at,
            ...(dispatched.reachedAt === null ? {} : { reachedAt: dispatched.reachedAt }),
          },
        }),
    ...(confirmed === null
      ? {}
      : {
          confirmed: {
            at: confirmed.at,
            ...(confirmed.rejection === null ? {} : { rejection: confirmed.rejection }),
          },
        }),
  };
};

const only = <Entry>(
  entries: Readonly<Record<string, Entry>>,
  keys: readonly string[] | undefined,
): Record<string, Entry> => {
  // Null in an optional field passes the contract's rules and means the same as absent.
  if (keys == null) return { ...entries };
  const found = keys.flatMap((key) => {
    const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
    return entry === undefined ? [] : [[key, entry] as const];
  });
  return Object.fromEntries(found);
};
