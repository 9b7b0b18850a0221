import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Done } from '@muster/contracts';
import {
  addAppVersion,
  createDeviceType,
  deleteAppVersion,
  deleteDeviceType,
  editDeviceType,
  getAppVersion,
  getDeviceType,
  listAppVersions,
  listDeviceTypes,
  type AddAppVersion,
  type AppVersionPage,
  type AppVersionRef,
  type AppVersionView,
  type CreateDeviceType,
  type DeleteAppVersion,
  type DeleteDeviceType,
  type DeviceTypeList,
  type DeviceTypeRef,
  type DeviceTypeView,
  type EditDeviceType,
  type ListAppVersions,
  type ListDeviceTypes,
} from '@muster/contracts/device-registry/device-types.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { COUNT, DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import {
  appVersionsOf,
  countDeviceTypes,
  findDeviceType,
  listByName,
} from './device-type-list.projection.js';
import { deviceType } from './device-type.decider.js';

@Controller()
export class DeviceTypeHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(createDeviceType)
  create(request: CreateDeviceType): Promise<DeviceTypeView> {
    const { tenantId, actor, idempotencyKey } = request;
    // Null in an optional field passes the contract's rules and means the same as absent.
    const { name, description, appVersions, settings } = request.deviceType;
    const named = appVersions?.length ? appVersions : [{ name: `${name}-v1` }];
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: createDeviceType.subject, request },
      run: async (tx) => {
        const id = newId();
        await this.store.execute(deviceType, {
          tenantId,
          id,
          metadata: { actor },
          within: tx,
          command: {
            type: 'CreateDeviceType',
            name,
            description: description ?? undefined,
            appVersions: named.map((one) => ({ id: newId(), name: one.name })),
            settings: settings ?? {},
            at: new Date().toISOString(),
          },
        });
        return view(tx, tenantId, id);
      },
    });
  }

  @Handles(getDeviceType)
  get({ tenantId, deviceType: idOrName }: DeviceTypeRef): Promise<DeviceTypeView> {
    return view(this.database, tenantId, idOrName);
  }

  @Handles(listDeviceTypes)
  async list({ tenantId, limit: wanted, cursor, count }: ListDeviceTypes): Promise<DeviceTypeList> {
    const limit = wanted ?? DEFAULT_PAGE;
    const [after] = decodeCursor('device-types', cursor, [TEXT]) ?? [];
    const items = await listByName(this.database, tenantId, after, limit + 1);
    return {
      ...pageBy('device-types', items, limit, ({ name }) => [name]),
      ...(count === true ? { total: await countDeviceTypes(this.database, tenantId) } : {}),
    };
  }

  @Handles(editDeviceType)
  async edit(request: EditDeviceType): Promise<DeviceTypeView> {
    const { tenantId, actor, expectedVersion } = request;
    const id = await this.resolve(tenantId, request.deviceType);
    const { name, description, settings } = request.edit;
    await this.store.execute(deviceType, {
      tenantId,
      id,
      metadata: { actor },
      expectedVersion,
      command: { type: 'EditDeviceType', name, description, settings },
    });
    return view(this.database, tenantId, id);
  }

  @Handles(deleteDeviceType)
  async delete({ tenantId, actor, expectedVersion, deviceType: idOrName }: DeleteDeviceType): Promise<Done> {
    const id = await this.resolve(tenantId, idOrName);
    await this.store.execute(deviceType, {
      tenantId,
      id,
      metadata: { actor },
      expectedVersion,
      command: { type: 'DeleteDeviceType' },
    });
    return {};
  }

  @Handles(addAppVersion)
  async addAppVersion(request: AddAppVersion): Promise<AppVersionView> {
    const { tenantId, actor, idempotencyKey } = request;
    const id = await this.resolve(tenantId, request.deviceType);
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: addAppVersion.subject, request },
      run: async (tx) => {
        const appVersion = { id: newId(), name: request.appVersion.name };
        await this.store.execute(deviceType, {
          tenantId,
          id,
          metadata: { actor },
          within: tx,
          command: { type: 'AddAppVersion', appVersion },
        });
        return appVersion;
      },
    });
  }

  @Handles(listAppVersions)
  async listAppVersions({ tenantId, cursor, count, ...request }: ListAppVersions): Promise<AppVersionPage> {
    const type = await view(this.database, tenantId, request.deviceType);
    const limit = request.limit ?? DEFAULT_PAGE;
    const [after] = decodeCursor('app-versions', cursor, [COUNT]) ?? [];
    const found = await appVersionsOf(this.database, tenantId, type.id, {
      after: after === undefined ? undefined : Number(after),
      limit: limit + 1,
    });
    const { items, nextCursor } = pageBy('app-versions', found, limit, ({ nth }) => [String(nth)]);
    return {
      items: items.map(({ id, name }) => ({ id, name })),
      nextCursor,
      ...(count === true ? { total: type.appVersions.length } : {}),
    };
  }

  @Handles(getAppVersion)
  async getAppVersion({ tenantId, ...request }: AppVersionRef): Promise<AppVersionView> {
    const { appVersions } = await view(this.database, tenantId, request.deviceType);
    const found =
      appVersions.find(({ id }) => id === request.appVersion) ??
      appVersions.find(({ name }) => name === request.appVersion);
    if (found !== undefined) return found;
    throw new AppError('app-version-not-found', 'The device type has no such application version.');
  }

  @Handles(deleteAppVersion)
  async deleteAppVersion({ tenantId, actor, expectedVersion, ...request }: DeleteAppVersion): Promise<Done> {
    const { deviceType: type } = request;
    const { id: appVersion } = await this.getAppVersion({ tenantId, ...request });
    await this.store.execute(deviceType, {
      tenantId,
      id: await this.resolve(tenantId, type),
      metadata: { actor },
      expectedVersion,
      command: { type: 'RemoveAppVersion', appVersion },
    });
    return {};
  }

  /** What is no name of a type is taken for an id: whether there is, or was, such a type is for its stream to say. */
  private async resolve(tenantId: string, idOrName: string): Promise<string> {
    return (await findDeviceType(this.database, tenantId, idOrName))?.id ?? idOrName;
  }
}

const view = async (from: Queryable, tenantId: string, idOrName: string): Promise<DeviceTypeView> => {
  const found = await findDeviceType(from, tenantId, idOrName);
  if (found === undefined) throw new AppError('device-type-not-found', 'There is no such device type.');
  return found;
};
