import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Done } from '@muster/contracts';
import { getDeviceType } from '@muster/contracts/device-registry/device-types.requests';
import {
  createFirmwareType,
  deleteFirmwareType,
  editFirmwareType,
  getFirmwareType,
  listFirmwareTypes,
  type CreateFirmwareType,
  type DeleteFirmwareType,
  type EditFirmwareType,
  type FirmwareTypeList,
  type FirmwareTypeRef,
  type FirmwareTypeView,
  type ListFirmwareTypes,
} from '@muster/contracts/firmware/requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
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
  async list({ tenantId, cursor, count, ...request }: ListFirmwareTypes): Promise<FirmwareTypeList> {
    const deviceType = await this.idOf(tenantId, request.deviceType);
    const limit = request.limit ?? DEFAULT_PAGE;
    const found = await this.types.page(tenantId, deviceType, {
      after: decodeCursor('firmware-types', cursor, [TEXT])?.[0],
      limit: limit + 1,
    });
    return {
      ...pageBy('firmware-types', found, limit, ({ id }) => [id]),
      ...(count === true ? { total: await this.types.count(tenantId, deviceType) } : {}),
    };
  }

  @Handles(getFirmwareType)
  async get({ tenantId, ...request }: FirmwareTypeRef): Promise<FirmwareTypeView> {
    const known = await this.types.list(tenantId, await this.idOf(tenantId, request.deviceType));
    const found =
      known.find(({ id }) => id === request.firmwareType) ??
      known.find(({ name }) => name === request.firmwareType);
    if (found !== undefined) return found;
    throw new AppError('firmware-type-not-found', 'The device type has no such firmware type.');
  }

  @Handles(editFirmwareType)
  async edit({
    tenantId,
    actor,
    edit,
    expectedVersion,
    ...ref
  }: EditFirmwareType): Promise<FirmwareTypeView> {
    const type = await this.get({ tenantId, ...ref });
    await this.database.transaction(async (tx) => {
      const { hasFirmwares } = await this.types.lock(tx, type, tenantId);
      const expected = expectedVersion === undefined ? {} : { expectedVersion };
      await this.store.execute(firmwareType, {
        tenantId,
        id: type.id,
        command: {
          type: 'EditFirmwareType',
          ...edit,
          ...expected,
          hasFirmwares,
          at: new Date().toISOString(),
        },
        metadata: { actor },
        within: tx,
      });
    });
    return this.types.find(tenantId, type.id);
  }

  @Handles(deleteFirmwareType)
  async delete({ tenantId, actor, expectedVersion, ...ref }: DeleteFirmwareType): Promise<Done> {
    const type = await this.get({ tenantId, ...ref });
    await this.database.transaction(async (tx) => {
      const dependents = await this.types.lock(tx, type, tenantId);
      const expected = expectedVersion === undefined ? {} : { expectedVersion };
      await this.store.execute(firmwareType, {
        tenantId,
        id: type.id,
        command: {
          type: 'DeleteFirmwareType',
          ...dependents,
          ...expected,
          at: new Date().toISOString(),
        },
        metadata: { actor },
        within: tx,
      });
    });
    return {};
  }

  /** The registry knows the names of device types; one that it deleted is still found by its id. */
  private async idOf(tenantId: string, deviceType: string): Promise<string> {
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
