import { Controller, Inject } from '@nestjs/common';
import {
  configurationApplied,
  configurationDispatched,
  configurationRejected,
  configurationReoffered,
  desiredConfigurationChanged,
  reportedStateChanged,
  type ConfigurationFact,
} from '@muster/contracts/configuration/published';
import type { DeviceKey } from '@muster/contracts/configuration/documents.requests';
import { findConfigurationStates } from '@muster/contracts/configuration/states.requests';
import { Consumes, isEvent, type Bus, type Delivered } from '@muster/messaging';
import { BUS } from '@muster/service-host';
import { DeviceStates } from './device-states.js';
import type { StateEvent } from './follow-state.js';

export const STATE_CONSUMER = 'device-registry-state';

/** Devices whose states are asked for at once. */
const ASKED_AT_ONCE = 500;
const ANSWER_MS = 10_000;

/** Follows the configuration of devices, so that their list can be filtered by it. */
@Controller()
export class StateReactor {
  constructor(
    @Inject(DeviceStates) private readonly states: DeviceStates,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Consumes({
    durable: STATE_CONSUMER,
    events: [
      desiredConfigurationChanged,
      configurationReoffered,
      configurationDispatched,
      configurationApplied,
      configurationRejected,
      reportedStateChanged,
    ],
    // Five statements for each batch, however few events it has, and nobody waits for a filter within these milliseconds.
    batch: { size: 500, waitMs: 20 },
  })
  async follow(events: readonly Delivered<ConfigurationFact>[]): Promise<void> {
    const asked = await this.states.learn(events.map(stateEventOf));
    for (let from = 0; from < asked.length; from += ASKED_AT_ONCE) {
      await this.ask(asked.slice(from, from + ASKED_AT_ONCE));
    }
  }

  private async ask(devices: readonly DeviceKey[]): Promise<void> {
    for (let left = devices; left.length > 0;) {
      const { items, askAgain = [] } = await this.bus.request(
        findConfigurationStates,
        { devices: [...left] },
        { timeoutMs: ANSWER_MS },
      );
      await this.states.replace(items);
      left = askAgain;
    }
  }
}

const stateEventOf = (event: Delivered<ConfigurationFact>): StateEvent => {
  const { tenantId, data } = event;
  const { deviceId, version, configId } = data;
  const about = { tenantId, deviceId, version };
  if (isEvent(event, desiredConfigurationChanged)) {
    return { ...about, sync: { kind: 'desired', configId }, desired: event.data.changes };
  }
  if (isEvent(event, reportedStateChanged)) return { ...about, reported: event.data.changes };
  if (isEvent(event, configurationDispatched)) {
    const { subscriber, at } = event.data;
    return { ...about, sync: { kind: 'dispatched', configId, subscriber, at } };
  }
  if (isEvent(event, configurationReoffered)) return { ...about, sync: { kind: 'reoffered', configId } };
  if (isEvent(event, configurationApplied)) return { ...about, sync: { kind: 'applied', configId } };
  return { ...about, sync: { kind: 'rejected', configId } };
};
