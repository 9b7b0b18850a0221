import { Controller, Inject } from '@nestjs/common';
import {
  configurationReoffered,
  desiredConfigurationChanged,
  type ConfigurationReoffered,
  type DesiredConfigurationChanged,
} from '@muster/contracts/configuration/published';
import { Consumes, type Delivered } from '@muster/messaging';
import { DirectoryFollower } from '@muster/uplink';
import { CONFIGURATION_PUSHER } from './push-configuration.js';
import type { DocumentPusher } from './push-documents.js';

/**
 * Changed configuration, or one to be offered again → device. The event only says which device: what is sent is the
 * document that is current when it is sent, so late, repeated and reordered events do no harm. All replicas share the
 * consumer.
 */
@Controller()
export class PushConfigurationReactor {
  constructor(
    @Inject(CONFIGURATION_PUSHER) private readonly pusher: DocumentPusher,
    @Inject(DirectoryFollower) private readonly directory: DirectoryFollower,
  ) {}

  @Consumes({
    durable: 'mqtt-adapter-push-configuration',
    events: [desiredConfigurationChanged, configurationReoffered],
    batch: { size: 500, waitMs: 0 },
  })
  async changed(
    events: readonly Delivered<DesiredConfigurationChanged | ConfigurationReoffered>[],
  ): Promise<void> {
    // An empty directory would say that none of these devices uses MQTT.
    await this.directory.loaded;
    await this.pusher.push(
      events.map(({ tenantId, data }) => ({ tenantId, deviceId: data.deviceId })),
      'changed',
    );
  }
}
