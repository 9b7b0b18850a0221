import { Controller, Inject } from '@nestjs/common';
import type { Actor, ChangeRequest, Done } from '@muster/contracts';
import type { DeviceRef, DeviceView } from '@muster/contracts/device-registry/devices.requests';
import {
  changeMetadata,
  deleteMetadata,
  deleteMetadataKey,
  listMetadataKeys,
  readMetadata,
  updateMetadata,
  type ChangeMetadata,
  type DeleteMetadata,
  type DeleteMetadataKey,
  type MetadataKeyList,
  type MetadataValues,
  type ReadMetadata,
  type UpdateMetadata,
} from '@muster/contracts/device-registry/metadata.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { metadataOf, viewDevice } from '../device/device-list.projection.js';
import { device, type DeviceCommand } from '../device/device.decider.js';
import { readableMetadata } from './metadata-access.js';

/** What operators do with a device's metadata, and the device: a rule of its type that changes holds from the next request on. */
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
    return this.changedByDevice(tenantId, deviceId, { type: 'UpdateMetadata', mode, values, rules });
  }

  @Handles(deleteMetadata)
  async delete({ tenantId, deviceId, keys }: DeleteMetadata): Promise<Done> {
    const { rules } = await metadataOf(this.database, tenantId, deviceId);
    return this.changedByDevice(tenantId, deviceId, { type: 'DeleteMetadata', keys, rules });
  }

  @Handles(changeMetadata)
  change(request: ChangeMetadata): Promise<DeviceView> {
    return this.changedByOperator(request, { type: 'ChangeMetadata', patch: request.patch });
  }

  @Handles(deleteMetadataKey)
  deleteKey(request: DeleteMetadataKey): Promise<DeviceView> {
    return this.changedByOperator(request, { type: 'DeleteMetadataKey', key: request.key });
  }

  private async changedByDevice(tenantId: string, deviceId: string, command: DeviceCommand): Promise<Done> {
    const actor: Actor = { kind: 'device', id: deviceId };
    await this.store.execute(device, { tenantId, id: deviceId, metadata: { actor }, command });
    return {};
  }

  private async changedByOperator(
    { tenantId, actor, expectedVersion, deviceId }: ChangeRequest & { readonly deviceId: string },
    command: DeviceCommand,
  ): Promise<DeviceView> {
    const metadata = { actor };
    await this.store.execute(device, { tenantId, id: deviceId, metadata, expectedVersion, command });
    return viewDevice(this.database, tenantId, deviceId);
  }
}
