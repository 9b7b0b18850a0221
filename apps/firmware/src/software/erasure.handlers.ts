import { Controller, Inject } from '@nestjs/common';
import type { Erased, EraseDevices } from '@muster/contracts';
import { deviceDeleted } from '@muster/contracts/device-registry/published';
import { eraseFirmware } from '@muster/contracts/firmware/erasure.requests';
import type { EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { upload } from '../upload/upload.decider.js';
import { Uploads } from '../upload/uploads.projection.js';
import { deviceSoftware } from './software.decider.js';

/** Uploads of a device that go in one go. */
const PORTION = 500;

@Controller()
export class ErasureHandlers {
  constructor(
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(Uploads) private readonly uploads: Uploads,
  ) {}

  /** Uploads are removed, their files by housekeeping soon after; what ran on the device is forgotten. */
  @Handles(eraseFirmware)
  async erase({ tenantId, deviceIds, actor }: EraseDevices): Promise<Erased> {
    await this.devices.markDeleted(deviceIds.map((deviceId) => ({ tenantId, deviceId })));
    for (const deviceId of deviceIds) {
      const found = await this.uploads.list(tenantId, deviceId, undefined, PORTION);
      const at = new Date().toISOString();
      const outcomes = await this.store.executeMany(
        upload,
        found.map(({ id }) => ({
          tenantId,
          id,
          command: { type: 'RemoveUpload', deviceId, reason: 'deleted', at },
          metadata: { actor, follows: deviceDeleted.type },
        })),
      );
      for (const { error } of outcomes) if (error !== undefined) throw error;
      if (found.length === PORTION) return { complete: false };
      await this.store.erase(deviceSoftware, tenantId, deviceId);
    }
    return { complete: true };
  }
}
