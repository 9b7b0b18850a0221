import { Controller, Inject } from '@nestjs/common';
import { howManyFit, type Done } from '@muster/contracts';
import type { AwaitPublished } from '@muster/contracts/configuration/states.requests';
import {
  awaitSoftwarePublished,
  listRunningSoftware,
  type ListRunningSoftware,
  type RunningSoftware,
  type RunningSoftwarePage,
} from '@muster/contracts/firmware/running-software.requests';
import { streamPage, untilPublished, type Database, type EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { deviceSoftware, type DeviceSoftware } from './software.decider.js';

/** For the registry, which keeps what filters ask of software: what was said before it followed the events. */
@Controller()
export class RunningSoftwareHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(awaitSoftwarePublished)
  async published({ withinMs }: AwaitPublished): Promise<Done> {
    await untilPublished(this.database, 'firmware', Date.now() + withinMs);
    return {};
  }

  @Handles(listRunningSoftware)
  async list({ after, limit }: ListRunningSoftware): Promise<RunningSoftwarePage> {
    const from = after && { tenantId: after.tenantId, id: after.deviceId };
    const keys = await streamPage(this.database, deviceSoftware, from, limit);
    const loaded = await this.store.loadMany(deviceSoftware, keys);
    const all = keys.map(({ tenantId, id: deviceId }, index): RunningSoftware => {
      const { state, version } = loaded[index] ?? { state: deviceSoftware.initial, version: 0 };
      return { tenantId, deviceId, version, software: runningOf(state) };
    });
    const fit = howManyFit(all);
    const last = fit < all.length || keys.length === limit ? keys[fit - 1] : undefined;
    return {
      items: all.slice(0, fit).filter(({ software }) => Object.keys(software).length > 0),
      next: last === undefined ? null : { tenantId: last.tenantId, deviceId: last.id },
    };
  }
}

const runningOf = ({ ended, software }: DeviceSoftware): Record<string, string> =>
  ended
    ? {}
    : Object.fromEntries(
        Object.entries(software).flatMap(([name, { reported }]) =>
          reported === null ? [] : [[name, reported.version]],
        ),
      );
