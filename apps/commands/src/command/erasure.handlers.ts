import { Controller, Inject } from '@nestjs/common';
import type { Erased, EraseDevices } from '@muster/contracts';
import { eraseCommands } from '@muster/contracts/commands/erasure.requests';
import type { EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { commandQueue } from './command-queue.decider.js';
import { CommandTable } from './command-table.js';
import { queueId } from './names.js';

@Controller()
export class ErasureHandlers {
  constructor(
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(CommandTable) private readonly table: CommandTable,
  ) {}

  /** Queues with their events, and the rows made of them. */
  @Handles(eraseCommands)
  async erase({ tenantId, deviceIds }: EraseDevices): Promise<Erased> {
    const erased = deviceIds.map((deviceId) => ({ tenantId, deviceId }));
    // Only after they are marked: no queue can begin any more (`hold`), so these are all of them.
    await this.devices.markDeleted(erased);
    for (const { deviceId, type } of await this.table.queuesOf(erased)) {
      await this.store.erase(commandQueue, tenantId, queueId(deviceId, type));
    }
    await this.table.forget(erased);
    return { complete: true };
  }
}
