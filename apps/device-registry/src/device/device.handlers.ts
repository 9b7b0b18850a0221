import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, errorUnder, newId } from '@muster/contracts';
import {
  deleteDevice,
  editDevice,
  getDevice,
  listDevices,
  provisionDevice,
  type DeleteDevice,
  type DeviceDeletion,
  type DeviceInterface,
  type DeviceList,
  type DeviceRef,
  type DeviceView,
  type EditDevice,
  type ListDevices,
  type ProvisionDevice,
  type ProvisionedDevice,
} from '@muster/contracts/device-registry/devices.requests';
import {
  MAX_SELECTED_DEVICES,
  selectDevices,
  type SelectDevices,
  type SelectedDevices,
} from '@muster/contracts/device-registry/selection.requests';
import {
  MAX_TARGET_PAGE,
  previewTarget,
  readTargetDevices,
  SAMPLE_DEVICES,
  type DeviceTarget,
  type PreviewTarget,
  type ReadTargetDevices,
  type TargetDevices,
  type TargetPreview,
} from '@muster/contracts/device-registry/targets.requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { Jobs } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import type pg from 'pg';
import { DATABASE, decodeCursor, digestOf, EVENT_STORE, pageBy, TEXT, TIME } from '@muster/service-host';
import { DEVICE_ERASE_JOB } from '../bulk/device-erase-job.js';
import { knownAppVersions } from '../device-type/app-version-owner.js';
import { among, deviceCondition, type DeviceCondition } from './device-filter.js';
import { viewDevice } from './device-list.projection.js';
import { DeviceSearch, positionOf } from './device-search.js';
import { device } from './device.decider.js';
import { checkParent } from './parent.js';
import { holdFolders } from '../folder/folder-tree.js';
import { type Rules, RULES } from '../providers.js';
import { StateProgress } from '../state/state-progress.js';
import { firstKind } from '../credential/credential-decisions.js';
import {
  assertNothingToIssue,
  planCredential,
  planFor,
  type PlannedCredential,
} from '../credential/credential-plan.js';
import { assertAuthorityOf } from '../credential/credential.handlers.js';
import { tokenTextFor } from '../token/token-text.js';
import { assertInHub, hubsOf } from '../iot-hub/known-hubs.js';
import { assertServed } from './provision-command.js';
import { provisionWithin, typeFor } from './provision-within.js';

@Controller()
export class DeviceHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(RULES) private readonly rules: Rules,
    @Inject(StateProgress) private readonly progress: StateProgress,
    @Inject(DeviceSearch) private readonly search: DeviceSearch,
    @Inject(Jobs) private readonly jobs: Jobs,
  ) {}

  @Handles(provisionDevice)
  provision(request: ProvisionDevice): Promise<ProvisionedDevice> {
    const deviceId = newId();
    return idempotently<ProvisionedDevice, PlannedCredential | undefined>(this.database, {
      tenantId: request.tenantId,
      key: request.idempotencyKey,
      body: { operation: provisionDevice.subject, request },
      prepare: () => this.planFor(request, deviceId),
      run: (tx, planned) => this.provisionWithin(tx, request, { deviceId, planned }),
      kept: ({ credential, ...shown }) => ({
        ...shown,
        token: undefined,
        credential: { ...credential, secret: undefined, password: undefined },
      }),
    });
  }

  private async planFor(
    { device: { credential, interface: by } }: ProvisionDevice,
    deviceId: string,
  ): Promise<PlannedCredential | undefined> {
    // Null in an optional field passes the contract's rules and means the same as absent.
    const kind = firstKind(by ?? 'mqtt', credential?.kind);
    if (kind !== 'token') {
      return planCredential('device.credential', { ...credential, kind }, planFor(deviceId));
    }
    if (credential != null) assertNothingToIssue('device.credential', credential);
    return undefined;
  }

  private async provisionWithin(
    tx: pg.PoolClient,
    { tenantId, actor, device: input }: ProvisionDevice,
    { deviceId, planned }: { readonly deviceId: string; readonly planned: PlannedCredential | undefined },
  ): Promise<ProvisionedDevice> {
    if (planned !== undefined) await assertAuthorityOf(tx, tenantId, planned);
    const type = await typeFor(tx, tenantId, input.deviceType);
    const text = tokenTextFor(type.settings, input.token, 'device.token');
    await checkParent(tx, tenantId, undefined, input.parentId);
    try {
      await provisionWithin(tx, this.store, {
        tenantId,
        actor,
        deviceId,
        type,
        device: input,
        rules: this.rules,
        token: text,
        planned,
      });
    } catch (error) {
      throw isAboutInput(error) ? errorUnder('device', error) : error;
    }
    return {
      ...(await viewDevice(tx, tenantId, deviceId)),
      token: text,
      credential: {
        kind: planned?.next.kind ?? 'token',
        ...(planned?.next.facts.username === undefined ? {} : { username: planned.next.facts.username }),
        ...planned?.shown,
      },
    };
  }

  @Handles(getDevice)
  get({ tenantId, deviceId }: DeviceRef): Promise<DeviceView> {
    return viewDevice(this.database, tenantId, deviceId);
  }

  @Handles(listDevices)
  async list({ tenantId, cursor, count, ...request }: ListDevices): Promise<DeviceList> {
    // Null in an optional field passes the contract's rules and means the same as absent.
    const filter = request.filter ?? undefined;
    const limit = request.limit ?? DEFAULT_PAGE;
    const sort = request.sort ?? 'name';
    const list = `devices by ${sort}${filter === undefined ? '' : ` where ${digestOf(filter)}`}`;
    const after = decodeCursor(list, cursor, [sort.endsWith('name') ? TEXT : TIME, TEXT]);
    const which = await this.conditionOf(tenantId, filter);
    const wanted = { tenantId, which, after, limit: limit + 1 };
    // Before they are read: what comes in between may be in the answer or not. The items show sync states.
    const stateAge = this.progress.ageOf(['configuration', ...(which?.reads ?? [])]);
    const found = await this.search.list(sort, wanted);
    return {
      ...stateAge,
      ...pageBy(list, found, limit, (last) => positionOf(sort, last)),
      ...(count === true ? { total: await this.search.count(wanted) } : {}),
    };
  }

  @Handles(selectDevices)
  async select({ tenantId, filter, after, count, ...request }: SelectDevices): Promise<SelectedDevices> {
    const limit = request.limit ?? MAX_SELECTED_DEVICES;
    const which = await this.conditionOf(tenantId, filter ?? undefined);
    const wanted = { tenantId, which, after: after ? [after] : undefined, limit: limit + 1 };
    const ids = await this.search.select(wanted);
    const deviceIds = ids.slice(0, limit);
    return {
      deviceIds,
      next: ids.length > limit ? (deviceIds.at(-1) ?? null) : null,
      ...(count === true ? { total: await this.search.count(wanted) } : {}),
    };
  }

  @Handles(readTargetDevices)
  async targetDevices({ tenantId, target, after, ...request }: ReadTargetDevices): Promise<TargetDevices> {
    const limit = request.limit ?? MAX_TARGET_PAGE;
    const named = target.deviceIds?.length ?? 0;
    if (named > MAX_TARGET_PAGE)
      throw new AppError(
        'invalid-request',
        `target.deviceIds has ${named} devices; a page takes ${MAX_TARGET_PAGE}`,
      );
    const which = await this.conditionOfTarget(tenantId, target);
    const found = await this.search.targets({
      tenantId,
      which,
      after: after == null ? undefined : [after],
      limit: limit + 1,
    });
    const devices = found.slice(0, limit);
    return { devices, next: found.length > limit ? (devices.at(-1)?.id ?? null) : null };
  }

  @Handles(previewTarget)
  async preview({ tenantId, target }: PreviewTarget): Promise<TargetPreview> {
    const which = await this.conditionOfTarget(tenantId, target);
    const { deviceIds } = target;
    const wanted = { tenantId, which, after: undefined, limit: SAMPLE_DEVICES };
    const byDeviceType = await this.search.countByType(wanted);
    const sample = await this.search.list('name', wanted);
    const matched = Object.values(byDeviceType).reduce((sum, count) => sum + count, 0);
    const named = new Set(deviceIds ?? []);
    const missing = matched < named.size ? await this.search.missing(tenantId, [...named]) : [];
    return {
      matched,
      sample: sample.map(({ id, name, deviceType, folder }) => ({ id, name, deviceType, folder })),
      byDeviceType,
      ...(missing.length === 0 ? {} : { missing }),
    };
  }

  @Handles(editDevice)
  async edit(request: EditDevice): Promise<DeviceView> {
    this.assertServed(request.edit.interface);
    const { appVersion: wanted, ...fields } = request.edit;
    const [appVersion] =
      wanted === undefined ? [] : await knownAppVersions(this.database, request.tenantId, [wanted]);
    const { tenantId, actor, deviceId, expectedVersion } = request;
    const editing = {
      tenantId,
      id: deviceId,
      metadata: { actor },
      expectedVersion,
      command: { type: 'EditDevice', ...fields, appVersion },
    } as const;
    const { folder, parentId, interface: by } = fields;
    if (folder === undefined && parentId == null && by !== 'iothub')
      await this.store.execute(device, editing);
    else {
      await this.database.transaction(async (tx) => {
        await checkParent(tx, tenantId, deviceId, parentId);
        if (by === 'iothub') await this.assertInHub(tx, tenantId, deviceId);
        await this.store.execute(device, { ...editing, within: tx });
        if (folder !== undefined) await holdFolders(tx, this.store, { tenantId, actor }, [folder]);
      });
    }
    return viewDevice(this.database, tenantId, deviceId);
  }

  private async assertInHub(tx: pg.PoolClient, tenantId: string, deviceId: string): Promise<void> {
    const { deviceType } = await viewDevice(tx, tenantId, deviceId);
    const type = await typeFor(tx, tenantId, deviceType);
    try {
      assertInHub(await hubsOf(tx, tenantId), 'iothub', type.id, undefined);
    } catch (error) {
      throw errorUnder('edit', error);
    }
  }

  private assertServed(by: DeviceInterface | undefined): void {
    try {
      if (by !== undefined) assertServed(this.rules, by);
    } catch (error) {
      throw errorUnder('edit', error);
    }
  }

  @Handles(deleteDevice)
  delete(request: DeleteDevice): Promise<DeviceDeletion> {
    const { tenantId, actor, deviceId, expectedVersion, erase } = request;
    const deleting = {
      tenantId,
      id: deviceId,
      metadata: { actor },
      expectedVersion,
      command: { type: 'DeleteDevice' },
    } as const;
    return this.database.transaction(async (tx) => {
      await this.store.execute(device, { ...deleting, within: tx });
      if (erase !== true) return {};
      const params = {};
      const items = [deviceId];
      return { jobId: await this.jobs.start(tx, { tenantId, actor, kind: DEVICE_ERASE_JOB, params, items }) };
    });
  }

  private async conditionOfTarget(tenantId: string, target: DeviceTarget): Promise<DeviceCondition> {
    // Null in an optional field passes the contract's rules and means the same as absent.
    const { deviceIds, filter } = target;
    const which =
      deviceIds == null ? await this.conditionOf(tenantId, filter ?? undefined) : among(deviceIds);
    if (which === undefined)
      throw new AppError('invalid-request', 'target must have either deviceIds or filter');
    return which;
  }

  private async conditionOf(
    tenantId: string,
    filter: string | undefined,
  ): Promise<DeviceCondition | undefined> {
    return filter === undefined ? undefined : deviceCondition(this.database, tenantId, filter);
  }
}

/** What `provisionCommand` says of `interface`; the decider names its fields itself. */
const isAboutInput = (error: unknown): boolean =>
  error instanceof AppError && error.errors?.[0]?.path === 'interface';
