import { Controller, Inject } from '@nestjs/common';
import type { Actor } from '@muster/contracts';
import {
  deviceChanged,
  deviceDeleted,
  deviceProvisioned,
  type DeviceChanged,
  type DeviceDeleted,
  type DeviceProvisioned,
} from '@muster/contracts/device-registry/published';
import type { EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Consumes, isEvent, type Delivered } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { commandQueue } from './command-queue.decider.js';
import { CommandTable } from './command-table.js';
import { queueId } from './names.js';

type DeviceEvent = Delivered<DeviceProvisioned | DeviceChanged | DeviceDeleted>;

/** Follows the registry. Every step may be repeated: the first that fails makes all of them come again. */
@Controller()
export class KnownDevicesReactor {
  constructor(
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(CommandTable) private readonly table: CommandTable,
  ) {}

  @Consumes({
    durable: 'commands-known-devices',
    events: [deviceProvisioned, deviceChanged, deviceDeleted],
    batch: { size: 500, waitMs: 0 },
  })
  async follow(events: readonly DeviceEvent[]): Promise<void> {
    const deleted = events.filter((event) => isEvent(event, deviceDeleted));
    await this.devices.follow(events);
    // Only after the devices are marked: no stream can begin any more (`hold`), so these are all of them.
    const queues = await this.table.queuesOf(deleted.map(idOf));
    const actors = new Map<string, Actor>(deleted.map((event) => [keyOf(idOf(event)), event.data.actor]));
    const at = new Date().toISOString();
    const outcomes = await this.store.executeMany(
      commandQueue,
      queues.map((queue) => ({
        tenantId: queue.tenantId,
        id: queueId(queue.deviceId, queue.type),
        command: { type: 'EndQueue', at },
        metadata: {
          actor: actors.get(keyOf(queue)) ?? { kind: 'system', id: 'commands' },
          follows: deviceDeleted.type,
        },
      })),
    );
    for (const { error } of outcomes) if (error !== undefined) throw error;
  }
}

const idOf = ({ tenantId, data }: DeviceEvent) => ({ tenantId, deviceId: data.deviceId });

const keyOf = ({ tenantId, deviceId }: { readonly tenantId: string; readonly deviceId: string }): string =>
  `${tenantId}\n${deviceId}`;
