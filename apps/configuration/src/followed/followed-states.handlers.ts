import { Controller, Inject } from '@nestjs/common';
import { howManyFit, whatFits, type Done } from '@muster/contracts';
import {
  awaitConfigurationPublished,
  findConfigurationStates,
  listConfigurationStates,
  type AwaitPublished,
  type ConfigurationState,
  type ConfigurationStatePage,
  type FindConfigurationStates,
  type FoundConfigurationStates,
  type ListConfigurationStates,
} from '@muster/contracts/configuration/states.requests';
import {
  streamPage,
  untilPublished,
  type Database,
  type EventStore,
  type StreamKey,
} from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { deviceConfiguration } from '../device-configuration/device-configuration.decider.js';
import { documentOf, reportedStateOf } from '../device-configuration/documents.js';
import { syncFactsOf } from '../device-configuration/sync-state.js';

/** For the registry, which keeps what filters ask of configurations: the states themselves, where its events do not suffice. */
@Controller()
export class FollowedStatesHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(awaitConfigurationPublished)
  async published({ withinMs }: AwaitPublished): Promise<Done> {
    await untilPublished(this.database, 'configuration', Date.now() + withinMs);
    return {};
  }

  @Handles(listConfigurationStates)
  async list({ after, limit }: ListConfigurationStates): Promise<ConfigurationStatePage> {
    const from = after && { tenantId: after.tenantId, id: after.deviceId };
    const keys = await streamPage(this.database, deviceConfiguration, from, limit);
    const states = await this.statesOf(keys);
    const fit = howManyFit(states);
    const last = fit < states.length || keys.length === limit ? keys[fit - 1] : undefined;
    return {
      items: states.slice(0, fit).flatMap((state) => state ?? []),
      next: last === undefined ? null : { tenantId: last.tenantId, deviceId: last.id },
    };
  }

  @Handles(findConfigurationStates)
  async find({ devices }: FindConfigurationStates): Promise<FoundConfigurationStates> {
    const keys = devices.map(({ tenantId, deviceId }) => ({ tenantId, id: deviceId }));
    const states = await this.statesOf(keys);
    return whatFits(devices, (_device, index): ConfigurationState[] => {
      const state = states[index];
      return state == null ? [] : [state];
    });
  }

  /** In the order of the keys; null: the device was deleted. */
  private async statesOf(keys: readonly StreamKey[]): Promise<(ConfigurationState | null)[]> {
    const loaded = await this.store.loadMany(deviceConfiguration, keys);
    return keys.map(({ tenantId, id: deviceId }, index) => {
      const one = loaded[index];
      if (one === undefined || one.state.ended) return null;
      return {
        tenantId,
        deviceId,
        version: one.version,
        desired: documentOf(one.state),
        reported: reportedStateOf(one.state),
        ...syncFactsOf(one.state),
      };
    });
  }
}
