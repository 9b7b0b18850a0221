import { Controller, Inject } from '@nestjs/common';
import { commandCreated, type CommandCreated } from '@muster/contracts/commands/published';
import { Consumes, type Delivered } from '@muster/messaging';
import { DirectoryFollower } from '@muster/uplink';
import { CommandPusher } from './push-commands.js';

/**
 * New command → device. The event only says which: whether it is still pending, and whether the device wants it, is asked
 * when it is sent. All replicas share the consumer.
 */
@Controller()
export class PushCommandsReactor {
  constructor(
    @Inject(CommandPusher) private readonly pusher: CommandPusher,
    @Inject(DirectoryFollower) private readonly directory: DirectoryFollower,
  ) {}

  @Consumes({
    durable: 'mqtt-adapter-push-commands',
    events: [commandCreated],
    batch: { size: 500, waitMs: 0 },
  })
  async created(events: readonly Delivered<CommandCreated>[]): Promise<void> {
    // An empty directory would say that none of these devices uses MQTT.
    await this.directory.loaded;
    const now = Date.now();
    await this.pusher.push(
      events
        .filter(({ data }) => Date.parse(data.expiresAt) > now)
        .map(({ tenantId, data }) => ({
          tenantId,
          deviceId: data.deviceId,
          created: new Set([`${data.commandType}:${data.number}`]),
        })),
    );
  }
}
