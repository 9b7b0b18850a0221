import { Controller, Inject } from '@nestjs/common';
import type { BulkOutcome, ChangeRequest } from '@muster/contracts';
import type { DeviceRef, DeviceView } from '@muster/contracts/device-registry/devices.requests';
import {
  changeMetadata,
  deleteMetadataKey,
  listMetadataKeys,
  readMetadata,
  writeMetadata,
  type ChangeMetadata,
  type DeleteMetadataKey,
  type MetadataKeyList,
  type MetadataValues,
  type MetadataWrite,
  type ReadMetadata,
  type WriteMetadata,
} from '@muster/contracts/device-registry/metadata.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { metadataOf, rulesOf, viewDevice } from '../device/device-list.projection.js';
import { device, type DeviceCommand } from '../device/device.decider.js';
import { readableMetadata, type MetadataRules } from './metadata-access.js';

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

  @Handles(writeMetadata)
  async write({ writes }: WriteMetadata): Promise<BulkOutcome> {
    const rules = await rulesOf(this.database, writes);
    const outcomes = await this.store.executeMany(
      device,
      writes.map((write, nth) => ({
        tenantId: write.tenantId,
        id: write.deviceId,
        metadata: { actor: { kind: 'device' as const, id: write.deviceId } },
        command: commandOf(write, rules[nth] ?? {}),
      })),
    );
    return {
      outcomes: outcomes.map(({ error }) =>
        error === undefined ? {} : { code: error.code, detail: error.detail },
      ),
    };
  }

  @Handles(changeMetadata)
  change(request: ChangeMetadata): Promise<DeviceView> {
    return this.changedByOperator(request, { type: 'ChangeMetadata', patch: request.patch });
  }

  @Handles(deleteMetadataKey)
  deleteKey(request: DeleteMetadataKey): Promise<DeviceView> {
    return this.changedByOperator(request, { type: 'DeleteMetadataKey', key: request.key });
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

/** Null and absent mean the same. */
const commandOf = ({ mode, values, keys }: MetadataWrite, rules: MetadataRules): DeviceCommand =>
  mode === 'delete'
    ? { type: 'DeleteMetadata', keys: keys ?? [], rules }
    : { type: 'UpdateMetadata', mode, values: values ?? {}, rules };
