import { Controller, Inject } from '@nestjs/common';
import {
  firmwareChanged,
  firmwareRegistered,
  softwareApplied,
  type FirmwareChanged,
  type FirmwareRegistered,
  type SoftwareApplied,
} from '@muster/contracts/firmware/published';
import { Consumes, type Delivered } from '@muster/messaging';
import { DeviceDirectory, DirectoryFollower } from '@muster/uplink';
import type { DocumentPusher } from './push-documents.js';
import { SOFTWARE_PUSHER } from './push-software.js';

/**
 * What a device may go to next → device: after it has applied a version, and after a firmware of its type was released or
 * its path changed. What is sent is what is due when it is sent. All replicas share the consumers.
 */
@Controller()
export class PushSoftwareReactor {
  constructor(
    @Inject(SOFTWARE_PUSHER) private readonly pusher: DocumentPusher,
    @Inject(DeviceDirectory) private readonly devices: DeviceDirectory,
    @Inject(DirectoryFollower) private readonly directory: DirectoryFollower,
  ) {}

  @Consumes({
    durable: 'mqtt-adapter-push-software',
    events: [softwareApplied],
    batch: { size: 500, waitMs: 0 },
  })
  async applied(events: readonly Delivered<SoftwareApplied>[]): Promise<void> {
    await this.directory.loaded;
    await this.pusher.push(
      events.map(({ tenantId, data }) => ({ tenantId, deviceId: data.deviceId })),
      'changed',
    );
  }

  /** A whole fleet may be due: 500 devices at a time, so that an event takes minutes where there are 100,000. */
  @Consumes({
    durable: 'mqtt-adapter-push-firmware',
    events: [firmwareRegistered, firmwareChanged],
    batch: { size: 50, waitMs: 0 },
    ackWaitMs: 60_000,
  })
  async released(events: readonly Delivered<FirmwareRegistered | FirmwareChanged>[]): Promise<void> {
    await this.directory.loaded;
    const types = new Map(
      events
        .filter(({ data }) => mayBeDue(data))
        .map(({ tenantId, data }) => [`${tenantId} ${data.deviceTypeId}`, { tenantId, ...data }]),
    );
    for (const { tenantId, deviceTypeId } of types.values()) {
      await this.pusher.push(this.devices.devicesOfType(tenantId, deviceTypeId), 'changed');
    }
  }
}

const mayBeDue = ({ rollout, upgradableFrom }: FirmwareRegistered | FirmwareChanged): boolean =>
  rollout === undefined ? upgradableFrom !== undefined : rollout.strategy !== 'suspended';
