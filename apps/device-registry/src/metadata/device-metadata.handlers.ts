import { Controller, Inject } from '@nestjs/common';
import type { Done } from '@muster/contracts';
import type { DeviceRef } from '@muster/contracts/device-registry/devices.requests';
import {
  deleteMetadata,
  listMetadataKeys,
  readMetadata,
  updateMetadata,
  type DeleteMetadata,
  type MetadataKeyList,
  type MetadataValues,
  type ReadMetadata,
  type UpdateMetadata,
} from '@muster/contracts/device-registry/metadata.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { metadataOf } from '../device/device-list.projection.js';
import { device, type DeviceCommand } from '../device/device.decider.js';
import { readableMetadata } from './metadata-access.js';

/** What devices do with their own metadata. A rule of the type that changes meanwhile holds from the next request on. */
@Controller()
export class DeviceMetadataHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(listMetadataKeys)
  async listKeys({ tenantId, deviceId }: DeviceRef): Promise<MetadataKeyList> {
    const { metadata, rules } = await metadataOf(this.database, tenantId, deviceId);
    return { keys: Object.keys(readableMetadata(metadata, rules, undefined)) };
  }

  @Handles(readMetadata)
  async read({ tenantId, deviceId, keys }: ReadMetadata): Promise<MetadataValues> {
    const { metadata, rules } = await metadataOf(this.database, tenantId, deviceId);
    // Null passes the contract's rules and means the same as absent.
    return { values: readableMetadata(metadata, rules, keys ?? undefined) };
  }

  @Handles(updateMetadata)
  async update({ tenantId, deviceId, mode, values }: UpdateMetadata): Promise<Done> {
    const { rules } = await metadataOf(this.database, tenantId, deviceId);
    return this.change(tenantId, deviceId, { type: 'UpdateMetadata', mode, values, rules });
  }

  @Handles(deleteMetadata)
  async delete({ tenantId, deviceId, keys }: DeleteMetadata): Promise<Done> {
    const { rules } = await metadataOf(this.database, tenantId, deviceId);
    return this.change(tenantId, deviceId, { type: 'DeleteMetadata', keys, rules });
  }

  private async change(tenantId: string, deviceId: string, command: DeviceCommand): Promise<Done> {
    const metadata = { actor: { kind: 'device' as const, id: deviceId } };
    await this.store.execute(device, { tenantId, id: deviceId, metadata, command });
    return {};
  }
}
