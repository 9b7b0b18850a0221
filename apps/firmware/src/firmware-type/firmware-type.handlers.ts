import { Controller, Inject } from '@nestjs/common';
import { AppError, newId } from '@muster/contracts';
import { getDeviceType } from '@muster/contracts/device-registry/device-types.requests';
import {
  createFirmwareType,
  listFirmwareTypes,
  type CreateFirmwareType,
  type FirmwareTypeList,
  type FirmwareTypeView,
  type ListFirmwareTypes,
} from '@muster/contracts/firmware/requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE, EVENT_STORE } from '@muster/service-host';
import { firmwareType } from './firmware-type.decider.js';
import { FirmwareTypes } from './firmware-types.projection.js';

@Controller()
export class FirmwareTypeHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(BUS) private readonly bus: Bus,
    @Inject(FirmwareTypes) private readonly types: FirmwareTypes,
  ) {}

  @Handles(createFirmwareType)
  async create({
    tenantId,
    actor,
    idempotencyKey,
    ...request
  }: CreateFirmwareType): Promise<FirmwareTypeView> {
    const deviceType = await this.bus.request(getDeviceType, { tenantId, deviceType: request.deviceType });
    const { id } = await idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: 'createFirmwareType', ...request },
      run: async (tx) => {
        const created = newId();
        await this.store.execute(firmwareType, {
          tenantId,
          id: created,
          command: {
            type: 'CreateFirmwareType',
            deviceTypeId: deviceType.id,
            ...request.firmwareType,
            at: new Date().toISOString(),
          },
          metadata: { actor },
          within: tx,
        });
        return { id: created };
      },
    });
    return this.types.find(tenantId, id);
  }

  @Handles(listFirmwareTypes)
  async list({ tenantId, deviceType }: ListFirmwareTypes): Promise<FirmwareTypeList> {
    return { items: await this.types.list(tenantId, await this.idOf(tenantId, deviceType)) };
  }

  /** The registry knows the names of device types; one that it deleted is still found by its id. */
  private async idOf(tenantId: string, deviceType: string | undefined): Promise<string | undefined> {
    if (deviceType === undefined) return undefined;
    try {
      return (await this.bus.request(getDeviceType, { tenantId, deviceType })).id;
    } catch (error) {
      const known = await this.types.list(tenantId, deviceType);
      if (error instanceof AppError && error.code === 'device-type-not-found' && known.length > 0) {
        return deviceType;
      }
      throw error;
    }
  }
}
