import { Controller, Inject } from '@nestjs/common';
import {
  deviceChanged,
  deviceDeleted,
  deviceProvisioned,
  deviceTokenChanged,
  type DeviceChanged,
  type DeviceDeleted,
  type DeviceProvisioned,
  type DeviceTokenChanged,
} from '@muster/contracts/device-registry/published';
import type { EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Consumes, isEvent, type Delivered } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { UploadTokens } from '../upload/upload-tokens.js';
import { deviceSoftware } from './software.decider.js';

type DeviceEvent = Delivered<DeviceProvisioned | DeviceChanged | DeviceDeleted>;

/** Follows the registry. Every step may be repeated: the first that fails makes all of them come again. */
@Controller()
export class KnownDevicesReactor {
  constructor(
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(UploadTokens) private readonly uploadTokens: UploadTokens,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  /**
   * Not `firmware-devices`, by which replicas of a version before fill a table of their own: during an update each event
   * would go to one of the two. This one reads all that the stream holds.
   */
  @Consumes({
    durable: 'firmware-known-devices',
    events: [deviceProvisioned, deviceChanged, deviceDeleted],
    batch: { size: 500, waitMs: 0 },
  })
  async follow(events: readonly DeviceEvent[]): Promise<void> {
    await this.devices.follow(events);
    const deleted = events.filter((event) => isEvent(event, deviceDeleted));
    // Even where there is no stream yet: a report that is under way, and has passed the check, finds the end.
    const outcomes = await this.store.executeMany(
      deviceSoftware,
      deleted.map(({ tenantId, data }) => ({
        tenantId,
        id: data.deviceId,
        command: { type: 'EndSoftware', at: new Date().toISOString() },
        metadata: { actor: data.actor, follows: deviceDeleted.type },
      })),
    );
    for (const { error } of outcomes) if (error !== undefined) throw error;
  }

  @Consumes({
    durable: 'firmware-endpoint-tokens',
    events: [deviceTokenChanged],
    batch: { size: 500, waitMs: 0 },
  })
  async followTokens(events: readonly Delivered<DeviceTokenChanged>[]): Promise<void> {
    await this.uploadTokens.learnEndpointTokens(
      events.map(({ tenantId, data: { tokenId, status, version } }) => ({
        tenantId,
        tokenId,
        status,
        version,
      })),
    );
  }
}
