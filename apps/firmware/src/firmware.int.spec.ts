import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { AppError, eventStream, newId } from '@muster/contracts';
import type { DeviceKey } from '@muster/contracts/configuration/documents.requests';
import {
  getDeviceType,
  type DeviceTypeRef,
  type DeviceTypeView,
} from '@muster/contracts/device-registry/device-types.requests';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import {
  deviceChanged,
  deviceCredentialChanged,
  deviceDeleted,
  deviceProvisioned,
  deviceTokenChanged,
} from '@muster/contracts/device-registry/published';
import type { TokenStatus } from '@muster/contracts/device-registry/tokens.requests';
import {
  firmwareChanged,
  firmwareDeleted,
  firmwareRegistered,
  softwareApplied,
  softwareOffered,
  softwareRejected,
  uploadStored,
} from '@muster/contracts/firmware/published';
import {
  firmwareValues,
  getDownloadToken,
  issueDownloadToken,
  listDownloadTokens,
  revokeDownloadToken,
} from '@muster/contracts/firmware/downloads.requests';
import {
  createFirmwareType,
  deleteFirmware,
  deleteFirmwareType,
  editFirmware,
  editFirmwareType,
  getFirmware,
  listFirmwares,
  listFirmwareTypes,
  registerFirmware,
  resolveDownload,
  type RegisteredFirmware,
  type RegisterFirmware,
  type RolloutStrategy,
} from '@muster/contracts/firmware/requests';
import {
  dueSoftware,
  fetchSoftware,
  getSoftware,
  recordSoftwareDispatched,
  reportSoftwareApplied,
  type FetchSoftware,
  type SoftwareDocument,
  type SoftwareReport,
} from '@muster/contracts/firmware/software.requests';
import {
  deleteUpload,
  getUpload,
  issueUploadToken,
  listUploads,
  registerUpload,
  resolveUpload,
} from '@muster/contracts/firmware/uploads.requests';
import { openDatabase, rebuildProjections } from '@muster/event-store';
import { openFileStore, type FileStore, type StoredFile } from '@muster/files';
import { connectBus, Consumes, Handles, NatsStrategy, type Bus, type Delivered } from '@muster/messaging';
import { createLogger, NestLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { aggregates, migrate, projections, start } from './app.module.js';
import { DeviceDownloads } from './download/device-downloads.js';
import { hashOf } from './secret-token.js';

const logger = createLogger({ service: 'spec', level: 'fatal' });
const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;
const at = '2026-01-01T00:00:00.000Z';

/** Stands for the registry, which is another app: what it answers, and what the service under test publishes. */
const inRegistry = new Map<string, { deviceTypeId: string; tags: string[] }>();
const deviceTypes = new Map<string, string>();
let registryIsAway = false;
const received: Delivered<{ version: number }>[] = [];

@Controller()
class Surroundings {
  @Handles(getDevice)
  device({ deviceId: id }: DeviceRef): Promise<DeviceView> {
    if (registryIsAway) return Promise.reject(new AppError('unavailable', 'Away.'));
    const known = inRegistry.get(id);
    if (known === undefined) return Promise.reject(new AppError('device-not-found', 'No such device.'));
    return Promise.resolve({
      id,
      name: id,
      deviceType: 'thermostat',
      deviceTypeId: known.deviceTypeId,
      appVersion: 'thermostat-v1',
      interface: 'mqtt',
      folder: '/',
      tags: known.tags,
      metadata: {},
      connectivity: { connected: false, since: null, lastSeenAt: null },
      version: 1,
      createdAt: at,
    });
  }

  @Handles(getDeviceType)
  deviceType({ deviceType: name }: DeviceTypeRef): Promise<DeviceTypeView> {
    const id = deviceTypes.get(name);
    if (id === undefined)
      return Promise.reject(new AppError('device-type-not-found', 'No such device type.'));
    return Promise.resolve({ id, name, appVersions: [], settings: {}, version: 1, createdAt: at });
  }

  @Consumes({
    durable: 'spec',
    events: [
      firmwareRegistered,
      firmwareChanged,
      firmwareDeleted,
      softwareOffered,
      softwareApplied,
      softwareRejected,
      uploadStored,
    ],
  })
  take(events: Delivered<{ version: number }>[]): Promise<void> {
    received.push(...events);
    return Promise.resolve();
  }
}

@Module({ controllers: [Surroundings] })
class SpecModule {}

let nats: NatsServer;
let database: TestDatabase;
let directory: string;
let files: FileStore;
let service: RunningApp;
let bus: Bus;
let surroundings: { close(): Promise<unknown> };

const environment = () => ({
  MUSTER_DATABASE_URL: database.url,
  MUSTER_NATS_URL: nats.url,
  MUSTER_LOG_LEVEL: 'fatal',
  MUSTER_FILES: directory,
  MUSTER_FIRMWARE_BASE_URL: 'http://devices.example/',
  MUSTER_FIRMWARE_UPLOADS_KEEP_COUNT: '3',
  MUSTER_FIRMWARE_SWEEP_SECONDS: '1',
});

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-firmware-'));
  [nats, database, files] = await Promise.all([
    startNats(),
    testDatabase({ name: 'firmware', migrate }),
    openFileStore({
      files: directory,
      filesS3Endpoint: undefined,
      filesS3Region: '',
      filesS3AccessKeyId: undefined,
      filesS3SecretAccessKey: undefined,
    }),
  ]);
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const registry = eventStream('device-registry');
  await bus.ensureStream({
    name: registry.name,
    subjects: registry.subjects,
    maxAgeMs: 3_600_000,
    maxBytes: 10_000_000,
  });
  service = await start(environment());
  const app = await NestFactory.createMicroservice(SpecModule, {
    strategy: new NatsStrategy({ bus, service: 'device-registry', logger }),
    logger: new NestLogger(logger),
  });
  await app.listen();
  surroundings = app;
}, 60_000);

afterAll(async () => {
  await surroundings.close();
  await service.stop();
  await bus.close();
  await nats.stop();
  await database.drop();
  await rm(directory, { recursive: true });
});

const put = (text: string): Promise<StoredFile> =>
  files.put(Readable.from([Buffer.from(text)]), { maxBytes: 1_000 });

const newType = async (name = 'main', prefix = 'firmware') => {
  const deviceType = `type-${deviceTypes.size}`;
  deviceTypes.set(deviceType, newId());
  return addType(deviceType, name, prefix);
};

const addType = (deviceType: string, name: string, prefix: string) =>
  bus.request(createFirmwareType, {
    tenantId,
    actor,
    deviceType,
    firmwareType: {
      name,
      versionKey: `${prefix}_version`,
      urlKey: `${prefix}_url`,
      tokenKey: `${prefix}_token`,
    },
  });

const newDevice = (deviceTypeId: string, tags: string[] = []): string => {
  const deviceId = newId();
  inRegistry.set(deviceId, { deviceTypeId, tags });
  return deviceId;
};

const register = async (
  firmwareType: string,
  version: string,
  upgradableFrom: string[] = [],
  more: Partial<RegisterFirmware> = {},
): Promise<RegisteredFirmware> => {
  const { key: fileKey, size, sha256 } = await put(`image ${version}`);
  return bus.request(registerFirmware, {
    tenantId,
    actor,
    firmwareType,
    version,
    fileKey,
    size,
    sha256,
    name: `${version}.bin`,
    upgradableFrom,
    ...more,
  });
};

const release = async (
  firmwareType: string,
  version: string,
  upgradableFrom: string[] = [],
  rollout: { strategy: RolloutStrategy; filter?: { deviceIds?: string[]; tags?: string[] } } = {
    strategy: 'general',
  },
) => {
  const { id } = await register(firmwareType, version, upgradableFrom);
  return bus.request(editFirmware, { tenantId, actor, firmwareId: id, edit: { rollout } });
};

const fetch = (deviceId: string, more: Partial<FetchSoftware> = {}): Promise<SoftwareDocument> =>
  bus.request(fetchSoftware, { tenantId, deviceId, interface: 'mqtt', ...more });

const report = async (
  deviceId: string,
  configId: string,
  statusCode = 200,
  more: Partial<SoftwareReport> = {},
) =>
  (
    await bus.request(reportSoftwareApplied, {
      reports: [{ tenantId, deviceId, interface: 'mqtt', configId, statusCode, ...more }],
    })
  ).outcomes;

const due = async (...deviceIds: string[]) =>
  (
    await bus.request(dueSoftware, { devices: deviceIds.map((deviceId) => ({ tenantId, deviceId })) })
  ).items.map(({ deviceId, name, configId }) => ({
    deviceId,
    configId,
    ...(name === undefined ? {} : { name }),
  }));

const fromRegistry = async (contract: typeof deviceDeleted, deviceId: string, data: object = {}) => {
  const version = 'version' in data ? data.version : 2;
  await bus.publish(contract, {
    tenantId,
    entityId: deviceId,
    id: newId(),
    time: at,
    data: { deviceId, version: version as number, at, actor, ...data },
  });
};

const issue = async (firmwareId: string): Promise<string> => {
  const { token } = await bus.request(issueDownloadToken, { tenantId, actor, firmwareId, downloadToken: {} });
  return token!;
};

/** As a document holds it. */
const tokenIn = (value: unknown): string => (typeof value === 'string' ? value : 'none');

const opens = (token: string, firmwareId: string): Promise<boolean> =>
  bus.request(resolveDownload, { token, firmwareId }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof AppError && error.code === 'not-allowed') return false;
      throw error;
    },
  );

/** In any of the tables that a token might be kept in by mistake. */
const rowsWith = async (text: string): Promise<number> => {
  const own = openDatabase({ url: database.url, schema: 'firmware', poolSize: 1, name: 'spec' });
  const counts = await Promise.all(
    ['events', 'idempotency', 'operator_tokens', 'operator_token_hashes'].map(async (table) => {
      const { rows } = await own.query<{ n: number }>(
        `SELECT count(*)::integer AS n FROM ${table} t WHERE position($1 IN t::text) > 0`,
        [text],
      );
      return rows[0]?.n ?? 0;
    }),
  );
  await own.close();
  return counts.reduce((sum, n) => sum + n, 0);
};

const eventsOf = (entityId: string) =>
  received.filter((event) => event.entityId === entityId).map(({ contract, data }) => [contract.type, data]);

describe('createFirmwareType', () => {
  it('answers with the type; the first of a device type is the default', async () => {
    const first = await newType();
    const deviceType = [...deviceTypes.keys()].at(-1)!;
    const second = await addType(deviceType, 'radio', 'radio');
    expect(first).toMatchObject({ name: 'main', versionKey: 'firmware_version', isDefault: true });
    expect(second).toMatchObject({ name: 'radio', isDefault: false, deviceTypeId: first.deviceTypeId });
    const { items } = await bus.request(listFirmwareTypes, { tenantId, deviceType });
    expect(items).toEqual([first, second]);
  });

  it('refuses a name or a key that the device type has already', async () => {
    await newType();
    const deviceType = [...deviceTypes.keys()].at(-1)!;
    await expect(addType(deviceType, 'main', 'other')).rejects.toMatchObject({
      code: 'firmware-type-name-taken',
    });
    await expect(addType(deviceType, 'other', 'firmware')).rejects.toMatchObject({
      code: 'firmware-type-keys-taken',
    });
  });

  it('refuses a device type that does not exist, and names that topics cannot carry', async () => {
    await expect(addType('nowhere', 'main', 'x')).rejects.toMatchObject({ code: 'device-type-not-found' });
    await expect(newType('status')).rejects.toMatchObject({ code: 'invalid-request' });
  });

  it('makes one type of a request that is repeated with its idempotency key', async () => {
    const deviceType = `type-${deviceTypes.size}`;
    deviceTypes.set(deviceType, newId());
    const request = {
      tenantId,
      actor,
      deviceType,
      idempotencyKey: newId(),
      firmwareType: { name: 'main', versionKey: 'v', urlKey: 'u', tokenKey: 't' },
    };
    const first = await bus.request(createFirmwareType, request);
    expect(await bus.request(createFirmwareType, request)).toEqual(first);
  });
});

describe('a firmware type', () => {
  const ofLast = (firmwareType: string) => ({
    tenantId,
    actor,
    deviceType: [...deviceTypes.keys()].at(-1)!,
    firmwareType,
  });

  it('is renamed and gets other keys, which frees what it had', async () => {
    const { id } = await newType();
    const edit = { name: 'modem', versionKey: 'modem_version' };
    const changed = await bus.request(editFirmwareType, { ...ofLast('main'), edit, expectedVersion: 1 });
    expect(changed).toMatchObject({ id, ...edit, urlKey: 'firmware_url', revision: 3, isDefault: true });
    const again = { ...ofLast(id), edit, expectedVersion: 1 };
    expect(await bus.request(editFirmwareType, again)).toEqual(changed);
    const free = { name: 'main', versionKey: 'firmware_version', urlKey: 'u', tokenKey: 't' };
    await bus.request(createFirmwareType, { ...ofLast(''), firmwareType: free });
    for (const [taken, code] of [
      [{ name: 'main' }, 'firmware-type-name-taken'],
      [{ tokenKey: 'u' }, 'firmware-type-keys-taken'],
    ] as const) {
      await expect(bus.request(editFirmwareType, { ...ofLast(id), edit: taken })).rejects.toMatchObject({
        code,
      });
    }
  });

  it('stays as it is while a firmware of it exists', async () => {
    const type = await newType();
    const { id: firmwareId } = await register(type.id, '1.0.0');
    const edit = { ...ofLast(type.id), edit: { name: 'modem' } };
    await expect(bus.request(editFirmwareType, edit)).rejects.toMatchObject({ code: 'firmware-type-in-use' });
    await expect(bus.request(deleteFirmwareType, ofLast(type.id))).rejects.toMatchObject({
      code: 'firmware-type-in-use',
    });
    await bus.request(deleteFirmware, { tenantId, actor, firmwareId });
    expect(await bus.request(editFirmwareType, edit)).toMatchObject({ name: 'modem' });
  });

  it('is deleted, the default last, and its name and keys may be used again', async () => {
    const first = await newType();
    const second = await addType([...deviceTypes.keys()].at(-1)!, 'radio', 'radio');
    await expect(bus.request(deleteFirmwareType, ofLast(first.id))).rejects.toMatchObject({
      code: 'firmware-type-is-default',
    });
    await bus.request(deleteFirmwareType, ofLast(second.id));
    await bus.request(deleteFirmwareType, { ...ofLast('main'), expectedVersion: 1 });
    const { deviceType } = ofLast('');
    expect((await bus.request(listFirmwareTypes, { tenantId, deviceType })).items).toEqual([]);
    await expect(bus.request(deleteFirmwareType, ofLast(first.id))).rejects.toMatchObject({
      code: 'firmware-type-not-found',
    });
    expect(await addType(deviceType, 'main', 'firmware')).toMatchObject({ isDefault: true });
  });

  it('is either deleted or has the firmware, when both are asked for at once', async () => {
    const rounds = Array.from({ length: 5 }, async (_, n) => {
      const deviceType = `race-${n}`;
      deviceTypes.set(deviceType, newId());
      const type = await addType(deviceType, 'main', 'firmware');
      const [registered, deleted] = await Promise.allSettled([
        register(type.id, '1.0.0'),
        bus.request(deleteFirmwareType, { tenantId, actor, deviceType, firmwareType: type.id }),
      ]);
      return [registered.status, deleted.status].sort();
    });
    expect(await Promise.all(rounds)).toEqual(rounds.map(() => ['fulfilled', 'rejected']));
  });
});

describe('registerFirmware', () => {
  it('answers with everything a device needs, and is suspended', async () => {
    const type = await newType();
    const firmware = await register(type.id, '1.0.0', ['0.9.0'], { description: 'first' });
    expect(firmware).toMatchObject({
      version: '1.0.0',
      firmwareType: 'main',
      size: 11,
      upgradableFrom: ['0.9.0'],
      description: 'first',
      rollout: { strategy: 'suspended' },
      revision: 1,
      url: `http://devices.example/firmwares/${firmware.id}`,
    });
    expect(firmware).not.toHaveProperty('token');
    const view = await bus.request(getFirmware, { tenantId, firmwareId: firmware.id });
    expect({ ...view, fileKey: firmware.fileKey }).toEqual(firmware);
    expect(await bus.request(listFirmwares, { tenantId, firmwareType: type.id })).toEqual({
      items: [view],
      nextCursor: null,
    });
  });

  it('refuses a version that the type has, and takes it again after a deletion', async () => {
    const type = await newType();
    const first = await register(type.id, '1.0.0');
    await expect(register(type.id, '1.0.0')).rejects.toMatchObject({ code: 'firmware-version-taken' });
    await bus.request(deleteFirmware, { tenantId, actor, firmwareId: first.id });
    expect(await register(type.id, '1.0.0')).toMatchObject({ version: '1.0.0' });
  });

  it('answers a repetition with what it kept, by file key and by idempotency key', async () => {
    const type = await newType();
    const request = { idempotencyKey: newId() };
    const first = await register(type.id, '1.0.0', [], request);
    const again = await register(type.id, '1.0.0', [], request);
    expect(again).toEqual(first);
    const { key: fileKey, size, sha256 } = await put('two');
    const two = {
      tenantId,
      actor,
      firmwareType: type.id,
      version: '2.0.0',
      fileKey,
      size,
      sha256,
      name: 'x',
    };
    expect(await bus.request(registerFirmware, two)).toEqual(await bus.request(registerFirmware, two));
    await expect(register(type.id, '3.0.0', [], request)).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    });
  });

  it('pages, newest first', async () => {
    const type = await newType();
    for (const version of ['1.0.0', '2.0.0', '3.0.0']) await register(type.id, version);
    const page = await bus.request(listFirmwares, { tenantId, firmwareType: type.id, limit: 2 });
    expect(page.items.map(({ version }) => version)).toEqual(['3.0.0', '2.0.0']);
    const rest = await bus.request(listFirmwares, {
      tenantId,
      firmwareType: type.id,
      limit: 2,
      cursor: page.nextCursor!,
    });
    expect(rest).toMatchObject({ items: [{ version: '1.0.0' }], nextCursor: null });
  });
});

describe('editFirmware', () => {
  it('changes what is named, raises the revision, and tells', async () => {
    const type = await newType();
    const { id: firmwareId } = await register(type.id, '1.0.0');
    const edit = {
      description: 'new',
      rollout: { strategy: 'targeted', filter: { tags: ['lab'] } },
    } as const;
    const request = {
      tenantId,
      actor,
      firmwareId,
      expectedVersion: 1,
      edit: { ...edit, rollout: { ...edit.rollout, filter: { tags: ['lab'] } } },
    };
    expect(await bus.request(editFirmware, request)).toMatchObject({ ...edit, revision: 3 });
    // Lost answers are asked for again: the same edit must not meet its own revision.
    expect(await bus.request(editFirmware, request)).toMatchObject({ revision: 3 });
    await expect(
      bus.request(editFirmware, { ...request, edit: { description: 'other' } }),
    ).rejects.toMatchObject({ code: 'version-mismatch' });
    await eventually(() => eventsOf(firmwareId).length === 3, { deadlineMs: 5_000, what: 'three events' });
    expect(eventsOf(firmwareId)).toEqual([
      [
        'io.muster.firmware.registered.v1',
        expect.objectContaining({ version: 1, firmwareVersion: '1.0.0', deviceTypeId: type.deviceTypeId }),
      ],
      ['io.muster.firmware.changed.v1', expect.objectContaining({ version: 2, description: 'new' })],
      ['io.muster.firmware.changed.v1', expect.objectContaining({ version: 3, rollout: edit.rollout })],
    ]);
  });

  it('refuses a target without names, and a filter without a target', async () => {
    const type = await newType();
    const { id: firmwareId } = await register(type.id, '1.0.0');
    const rollouts = [
      { strategy: 'targeted' as const },
      { strategy: 'general' as const, filter: { tags: ['a'] } },
    ];
    for (const rollout of rollouts) {
      await expect(
        bus.request(editFirmware, { tenantId, actor, firmwareId, edit: { rollout } }),
      ).rejects.toMatchObject({ code: 'invalid-request' });
    }
  });
});

describe('deleteFirmware', () => {
  it('closes the download at once and removes the file soon', async () => {
    const type = await newType();
    const { id: firmwareId, fileKey, sha256 } = await register(type.id, '1.0.0');
    const token = await issue(firmwareId);
    const found = await bus.request(resolveDownload, { token, firmwareId });
    expect(found).toEqual({ tenantId, fileKey, size: 11, sha256, name: '1.0.0.bin' });
    expect(await files.size(fileKey)).toBe(11);
    await bus.request(deleteFirmware, { tenantId, actor, firmwareId });
    await bus.request(deleteFirmware, { tenantId, actor, firmwareId });
    expect(await opens(token, firmwareId)).toBe(false);
    await expect(bus.request(getFirmware, { tenantId, firmwareId })).rejects.toMatchObject({
      code: 'firmware-not-found',
    });
    await eventually(
      () =>
        files.size(fileKey).then(
          () => false,
          () => true,
        ),
      {
        deadlineMs: 10_000,
        what: 'the file is removed',
      },
    );
  });

  it('does not open a firmware with the token of another', async () => {
    const type = await newType();
    const one = await register(type.id, '1.0.0');
    const other = await register(type.id, '2.0.0');
    const token = await issue(one.id);
    expect([await opens(token, one.id), await opens(token, other.id)]).toEqual([true, false]);
    await expect(
      bus.request(resolveDownload, { token: 'made-up', firmwareId: one.id }),
    ).rejects.toMatchObject({ code: 'not-allowed' });
  });
});

describe('the download token of a device', () => {
  const tokenOf = async (deviceId: string): Promise<string> => {
    return tokenIn((await fetch(deviceId)).config?.['token']);
  };
  const lose = (deviceId: string, status: TokenStatus, version: number) =>
    fromRegistry(deviceTokenChanged, deviceId, { tokenId: newId(), status, version });

  it('is its own, for its firmware, the same from an answer and a push', async () => {
    const type = await newType();
    const [one, other] = [newDevice(type.deviceTypeId), newDevice(type.deviceTypeId)];
    const { id: firmwareId } = await release(type.id, '1.0.0');
    const { id: next } = await register(type.id, '2.0.0');
    const [mine, theirs] = [await tokenOf(one), await tokenOf(other)];
    expect(mine).not.toBe(theirs);
    expect([await opens(mine, firmwareId), await opens(theirs, firmwareId)]).toEqual([true, true]);
    expect(await opens(mine, next)).toBe(false);
    // Nobody makes one device's token out of another's.
    expect(await opens(mine.replace(one, other), firmwareId)).toBe(false);
    const pushed = await bus.request(dueSoftware, { devices: [{ tenantId, deviceId: one }] });
    expect(await opens(tokenIn(pushed.items[0]?.config['token']), firmwareId)).toBe(true);
  });

  it.each(['suspended', 'revoked'] as const)('opens nothing once a token is %s', async (status) => {
    const type = await newType();
    const [device, neighbour] = [newDevice(type.deviceTypeId), newDevice(type.deviceTypeId)];
    const { id: firmwareId } = await release(type.id, '1.0.0');
    const [token, untouched] = [await tokenOf(device), await tokenOf(neighbour)];
    await lose(device, status, 4);
    await eventually(async () => !(await opens(token, firmwareId)), { deadlineMs: 5_000, what: status });
    expect(await opens(untouched, firmwareId)).toBe(true);
    // Let in again, or by another token, it asks again; an old event that comes late takes nothing away.
    const again = await tokenOf(device);
    await lose(device, status, 3);
    await lose(neighbour, status, 4);
    await eventually(async () => !(await opens(untouched, firmwareId)), {
      deadlineMs: 5_000,
      what: 'a later event',
    });
    expect([await opens(again, firmwareId), await opens(token, firmwareId)]).toEqual([true, false]);
  });

  it('opens nothing once a secret of the device is revoked', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    const { id: firmwareId } = await release(type.id, '1.0.0');
    const token = await tokenOf(device);
    const secret = { credentialId: newId(), kind: 'secret' };
    await fromRegistry(deviceCredentialChanged, device, { ...secret, status: 'active', version: 3 });
    await fromRegistry(deviceCredentialChanged, device, { ...secret, status: 'revoked', version: 4 });
    await eventually(async () => !(await opens(token, firmwareId)), { deadlineMs: 5_000, what: 'revoked' });
  });

  it('opens nothing once the device is deleted', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    const { id: firmwareId } = await release(type.id, '1.0.0');
    const token = await tokenOf(device);
    await fromRegistry(deviceDeleted, device);
    await eventually(async () => !(await opens(token, firmwareId)), { deadlineMs: 5_000, what: 'deleted' });
  });

  it('ends after the time that is configured', async () => {
    const type = await newType();
    const device = { tenantId, deviceId: newDevice(type.deviceTypeId) };
    const { id: firmwareId } = await release(type.id, '1.0.0');
    const own = openDatabase({ url: database.url, schema: 'firmware', poolSize: 1, name: 'spec' });
    const over = (await new DeviceDownloads(own, 0).tokensFor([device]))(device, firmwareId);
    const minute = (await new DeviceDownloads(own, 60).tokensFor([device]))(device, firmwareId);
    await own.close();
    expect([await opens(over, firmwareId), await opens(minute, firmwareId)]).toEqual([false, true]);
  });
});

describe('the download token of an operator', () => {
  const list = async (firmwareId: string) =>
    (await bus.request(listDownloadTokens, { tenantId, firmwareId })).items;

  it('is shown once, kept as a hash, listed, and opens its firmware until it is revoked', async () => {
    const type = await newType();
    const { id: firmwareId } = await register(type.id, '1.0.0');
    const request = { tenantId, actor, firmwareId, idempotencyKey: newId() };
    const downloadToken = { name: 'rollout', ttlSeconds: 3_600 };
    const { token, ...view } = await bus.request(issueDownloadToken, { ...request, downloadToken });
    expect(view).toMatchObject({ firmwareId, name: 'rollout', createdBy: actor });
    expect(Date.parse(view.expiresAt) - Date.parse(view.createdAt)).toBe(3_600_000);
    expect(await bus.request(issueDownloadToken, { ...request, downloadToken })).toEqual(view);
    expect(await list(firmwareId)).toEqual([view]);
    expect(await bus.request(getDownloadToken, { tenantId, firmwareId, tokenId: view.id })).toEqual(view);
    expect(await rowsWith(token!)).toBe(0);
    expect(await opens(token!, firmwareId)).toBe(true);
    const revocation = { tenantId, actor, firmwareId, tokenId: view.id };
    await bus.request(revokeDownloadToken, revocation);
    await bus.request(revokeDownloadToken, revocation);
    expect([await opens(token!, firmwareId), await list(firmwareId)]).toEqual([false, []]);
  });

  it('is of its firmware, and of one that exists', async () => {
    const type = await newType();
    const [one, other] = [await register(type.id, '1.0.0'), await register(type.id, '2.0.0')];
    await issue(one.id);
    const [view] = await list(one.id);
    await expect(
      bus.request(revokeDownloadToken, { tenantId, actor, firmwareId: other.id, tokenId: view!.id }),
    ).rejects.toMatchObject({ code: 'download-token-not-found' });
    await expect(issue(newId())).rejects.toMatchObject({ code: 'firmware-not-found' });
  });

  it('ends by itself, leaves the list, and is forgotten', async () => {
    const type = await newType();
    const { id: firmwareId } = await register(type.id, '1.0.0');
    const token = await issue(firmwareId);
    const own = openDatabase({ url: database.url, schema: 'firmware', poolSize: 1, name: 'spec' });
    await own.query('UPDATE operator_tokens SET expires_at = now() WHERE firmware_id = $1', [firmwareId]);
    expect([await opens(token, firmwareId), await list(firmwareId)]).toEqual([false, []]);
    await eventually(
      async () => {
        const { rows } = await own.query<{ n: number }>(
          `SELECT count(*)::integer AS n FROM operator_token_hashes h WHERE token_hash = $1`,
          [hashOf(token)],
        );
        return rows[0]?.n === 0;
      },
      { deadlineMs: 10_000, what: 'forgotten' },
    );
    await own.close();
    // Changed by hand: a rebuild would bring the token back.
    await bus.request(deleteFirmware, { tenantId, actor, firmwareId });
  });
});

describe('firmwareValues', () => {
  const valuesOf = (...firmwareIds: string[]) =>
    bus.request(firmwareValues, {
      tenantId,
      actor,
      firmwareIds,
      downloadToken: { name: 'campaign', ttlSeconds: 600 },
    });

  it('are what a campaign writes and expects, with a token that opens each firmware', async () => {
    const main = await newType();
    const radio = await addType([...deviceTypes.keys()].at(-1)!, 'radio', 'radio');
    const [one, two] = [await register(main.id, '1.0.0'), await register(radio.id, '7.1')];
    const { configurations, ...values } = await valuesOf(one.id, two.id);
    expect(configurations).toEqual({
      firmware_version: '1.0.0',
      firmware_url: one.url,
      firmware_token: expect.any(String),
      radio_version: '7.1',
      radio_url: two.url,
      radio_token: expect.any(String),
    });
    expect(values).toMatchObject({
      expectedStates: { firmware_version: '1.0.0', radio_version: '7.1' },
      deviceTypeIds: [main.deviceTypeId],
      firmwares: [
        { firmwareId: one.id, version: '1.0.0', firmwareType: 'main' },
        { firmwareId: two.id, version: '7.1', firmwareType: 'radio' },
      ],
    });
    expect(await opens(tokenIn(configurations['firmware_token']), one.id)).toBe(true);
    expect(await opens(tokenIn(configurations['radio_token']), two.id)).toBe(true);
    const { items } = await bus.request(listDownloadTokens, { tenantId, firmwareId: two.id });
    expect(items).toMatchObject([{ id: values.firmwares[1]?.tokenId, name: 'campaign' }]);
    expect(values.firmwares[1]?.tokenExpiresAt).toBe(items[0]?.expiresAt);
  });

  it('are refused for two that set the same key, and no token is made', async () => {
    const type = await newType();
    const [one, two] = [await register(type.id, '1.0.0'), await register(type.id, '2.0.0')];
    await expect(valuesOf(one.id, two.id)).rejects.toMatchObject({
      code: 'firmware-keys-collide',
      detail: 'version 1.0.0 of "main" and version 2.0.0 of "main" both set the key "firmware_version".',
    });
    await expect(valuesOf(one.id, newId())).rejects.toMatchObject({ code: 'firmware-not-found' });
    expect((await bus.request(listDownloadTokens, { tenantId, firmwareId: one.id })).items).toEqual([]);
  });
});

describe('fetchSoftware', () => {
  it('offers to a device that never reported only what is upgradable from nothing', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    await release(type.id, '2.0.0', ['1.0.0']);
    expect(await fetch(device)).toEqual({ unchanged: true, configId: '', config: null });
    const first = await release(type.id, '1.0.0');
    expect(await fetch(device)).toEqual({
      unchanged: false,
      configId: '1.0.0',
      config: {
        version: '1.0.0',
        url: expect.stringMatching(`^http://devices.example/firmwares/${first.id}[?]token=${device}[.]`),
        token: expect.stringMatching(`^${device}[.]`),
        size: 11,
        sha256: first.sha256,
        name: '1.0.0.bin',
        firmwareType: 'main',
      },
    });
  });

  it('goes hop by hop, each time to the highest version of those that are open', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    await release(type.id, '1.2.0', ['1.0.0']);
    await release(type.id, '1.10.0', ['1.0.0', '1.2.0']);
    await release(type.id, '2.0.0', ['1.10.0']);
    await register(type.id, '1.99.0', ['1.0.0']); // suspended
    expect(await fetch(device, { configId: '1.0.0' })).toMatchObject({ configId: '1.10.0' });
    expect(await report(device, '1.10.0')).toEqual([{}]);
    expect(await due(device)).toEqual([{ deviceId: device, configId: '2.0.0' }]);
    expect(await fetch(device, { configId: '2.0.0' })).toEqual({
      unchanged: true,
      configId: '2.0.0',
      config: null,
    });
    expect(await due(device)).toEqual([]);
    await eventually(() => eventsOf(device).length === 4, { deadlineMs: 5_000, what: 'four events' });
    expect(eventsOf(device)).toEqual([
      [
        'io.muster.software.applied.v1',
        expect.objectContaining({ softwareVersion: '1.0.0', software: 'default', implicit: true }),
      ],
      ['io.muster.software.offered.v1', expect.objectContaining({ softwareVersion: '1.10.0' })],
      [
        'io.muster.software.applied.v1',
        expect.objectContaining({ softwareVersion: '1.10.0', implicit: false }),
      ],
      ['io.muster.software.applied.v1', expect.objectContaining({ softwareVersion: '2.0.0' })],
    ]);
  });

  it('keeps a version that nobody knows as it was reported, without an error', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    await release(type.id, '1.0.0');
    const strange = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
    expect(await report(device, strange)).toEqual([{}]);
    expect(await fetch(device)).toEqual({ unchanged: true, configId: strange, config: null });
    expect((await bus.request(getSoftware, { tenantId, deviceId: device })).items).toEqual([
      { name: 'default', firmwareType: 'main', reportedVersion: strange, reportedAt: expect.any(String) },
    ]);
  });

  it('works for a device type without firmware types', async () => {
    const device = newDevice(newId());
    expect(await fetch(device, { configId: '1.0' })).toEqual({
      unchanged: true,
      configId: '1.0',
      config: null,
    });
    await expect(fetch(device, { name: 'radio' })).rejects.toMatchObject({ code: 'firmware-type-not-found' });
  });

  it('keeps the software of a device apart by name', async () => {
    const type = await newType();
    const deviceType = [...deviceTypes.keys()].at(-1)!;
    const radio = await addType(deviceType, 'radio', 'radio');
    const device = newDevice(type.deviceTypeId);
    await release(type.id, '1.0.0');
    await release(radio.id, '7.0.0', ['6.0.0']);
    await report(device, '6.0.0', 200, { name: 'radio' });
    expect(await due(device)).toEqual([
      { deviceId: device, configId: '1.0.0' },
      { deviceId: device, configId: '7.0.0', name: 'radio' },
    ]);
    // The default also answers to its name.
    await report(device, '1.0.0', 200, { name: 'main' });
    expect(await due(device)).toEqual([{ deviceId: device, configId: '7.0.0', name: 'radio' }]);
  });

  it('refuses a device that does not exist', async () => {
    await expect(fetch(newId())).rejects.toMatchObject({ code: 'device-not-found' });
    expect(await report(newId(), '1.0.0')).toEqual([
      { code: 'device-not-found', detail: expect.any(String) },
    ]);
  });
});

describe('a rollout', () => {
  it('that is targeted reaches the devices it names, by id or by tag, as tags change', async () => {
    const type = await newType();
    const byId = newDevice(type.deviceTypeId);
    const byTag = newDevice(type.deviceTypeId, ['lab', 'roof']);
    const neither = newDevice(type.deviceTypeId, ['cellar']);
    await release(type.id, '1.0.0', [], {
      strategy: 'targeted',
      filter: { deviceIds: [byId], tags: ['lab', 'attic'] },
    });
    expect((await due(byId, byTag, neither)).map(({ deviceId }) => deviceId)).toEqual([byId, byTag]);
    expect(await fetch(neither)).toMatchObject({ unchanged: true });
    await fromRegistry(deviceChanged, neither, {
      version: 2,
      changes: { tags: { from: ['cellar'], to: ['attic'] } },
    });
    await eventually(async () => (await due(neither)).length === 1, {
      deadlineMs: 5_000,
      what: 'the new tag counts',
    });
    // Older news that comes later changes nothing.
    await fromRegistry(deviceProvisioned, neither, {
      ...{ version: 1, name: 'x', deviceTypeId: type.deviceTypeId, deviceType: 'x', appVersion: 'x' },
      ...{ interface: 'mqtt', folder: '/', tags: ['cellar'], metadata: {} },
    });
    const later = newDevice(type.deviceTypeId);
    await fromRegistry(deviceChanged, later, { changes: { tags: { from: [], to: ['lab'] } } });
    await eventually(async () => (await due(later)).length === 1, {
      deadlineMs: 5_000,
      what: 'a later event',
    });
    expect(await due(neither)).toHaveLength(1);
  });

  it('that is suspended again stops at once', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    const { id: firmwareId } = await release(type.id, '1.0.0');
    expect(await due(device)).toHaveLength(1);
    await bus.request(editFirmware, {
      tenantId,
      actor,
      firmwareId,
      edit: { rollout: { strategy: 'suspended' } },
    });
    expect(await due(device)).toEqual([]);
    expect(await fetch(device)).toMatchObject({ unchanged: true });
  });
});

describe('dueSoftware', () => {
  it('does not repeat what the device refused, until somebody changes the rollout', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    const { id: firmwareId } = await release(type.id, '1.0.0');
    await fetch(device);
    expect(await report(device, '1.0.0', 500, { reasonPhrase: 'no space' })).toEqual([{}]);
    expect(await due(device)).toEqual([]);
    expect((await bus.request(getSoftware, { tenantId, deviceId: device })).items).toMatchObject([
      { rejected: { version: '1.0.0', statusCode: 500, reasonPhrase: 'no space' } },
    ]);
    // Nor for the asking.
    expect(await fetch(device)).toMatchObject({ unchanged: true, config: null });
    const edit = { rollout: { strategy: 'targeted' as const, filter: { deviceIds: [device] } } };
    await bus.request(editFirmware, { tenantId, actor, firmwareId, edit });
    expect(await due(device)).toHaveLength(1);
    expect(await fetch(device)).toMatchObject({ configId: '1.0.0' });
  });

  it('leaves a device alone that wants to be', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    await release(type.id, '1.0.0');
    expect(await fetch(device, { observe: false })).toMatchObject({ configId: '1.0.0' });
    expect(await due(device)).toEqual([]);
    await fetch(device, { observe: true });
    expect(await due(device)).toHaveLength(1);
  });

  it('passes over devices that do not exist', async () => {
    expect(await due(newId())).toEqual([]);
  });

  it('answers for any number of devices, as many at a time as fit in a message', async () => {
    const type = await newType();
    const second = await addType([...deviceTypes.keys()].at(-1)!, 'radio', 'radio');
    const ids = Array.from({ length: 500 }, () => newDevice(type.deviceTypeId));
    for (const one of [type, second]) {
      const { id } = await register(one.id, '1.0.0', [], { name: 'ü'.repeat(255) });
      const edit = { rollout: { strategy: 'general' as const } };
      await bus.request(editFirmware, { tenantId, actor, firmwareId: id, edit });
    }
    let devices: DeviceKey[] = ids.map((deviceId) => ({ tenantId, deviceId }));
    const answers: string[][] = [];
    while (devices.length > 0) {
      const { items, askAgain = [] } = await bus.request(dueSoftware, { devices }, { timeoutMs: 10_000 });
      answers.push(items.map(({ deviceId, name }) => `${deviceId} ${name ?? ''}`));
      devices = askAgain;
    }
    expect(answers.flat()).toEqual(ids.flatMap((id) => [`${id} `, `${id} radio`]));
    expect(answers.length).toBeGreaterThan(1);
  }, 30_000);

  it('fails while the registry cannot tell of a device, which may well be due something', async () => {
    const type = await newType();
    await release(type.id, '1.0.0');
    const deviceId = newDevice(type.deviceTypeId);
    registryIsAway = true;
    await expect(bus.request(dueSoftware, { devices: [{ tenantId, deviceId }] })).rejects.toMatchObject({
      code: 'unavailable',
    });
    registryIsAway = false;
    expect(await due(deviceId)).toHaveLength(1);
  });
});

describe('recordSoftwareDispatched', () => {
  it('records an offer once', async () => {
    const type = await newType();
    const deviceId = newDevice(type.deviceTypeId);
    const dispatch = { tenantId, deviceId, interface: 'mqtt', configId: '1.0.0', subscriber: true } as const;
    const request = { dispatches: [{ ...dispatch, at: new Date().toISOString() }] };
    expect(await bus.request(recordSoftwareDispatched, request)).toEqual({ outcomes: [{}], superseded: [] });
    await bus.request(recordSoftwareDispatched, request);
    await report(deviceId, '1.0.0');
    await eventually(() => eventsOf(deviceId).length === 2, { deadlineMs: 5_000, what: 'two events' });
    expect(eventsOf(deviceId).map(([type]) => type)).toEqual([
      'io.muster.software.offered.v1',
      'io.muster.software.applied.v1',
    ]);
  });
});

describe('dueSoftware because of a change', () => {
  const dueAfterChange = async (deviceId: string) =>
    (await bus.request(dueSoftware, { devices: [{ tenantId, deviceId }], changed: true })).items.map(
      ({ configId }) => configId,
    );
  const send = (deviceId: string, configId: string, subscriber = true) =>
    bus.request(recordSoftwareDispatched, {
      dispatches: [
        { tenantId, deviceId, interface: 'mqtt', configId, subscriber, at: new Date().toISOString() },
      ],
    });

  it('leaves out who was sent the version since it is available', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    const { id: firmwareId } = await release(type.id, '1.0.0');
    expect(await dueAfterChange(device)).toEqual(['1.0.0']);
    await send(device, '1.0.0', false);
    expect(await dueAfterChange(device)).toEqual(['1.0.0']);
    await send(device, '1.0.0');
    expect([await dueAfterChange(device), await due(device)]).toMatchObject([[], [{ configId: '1.0.0' }]]);
    const edit = { rollout: { strategy: 'targeted' as const, filter: { deviceIds: [device] } } };
    await bus.request(editFirmware, { tenantId, actor, firmwareId, edit });
    expect(await dueAfterChange(device)).toEqual(['1.0.0']);
    await send(device, '1.0.0');
    expect(await dueAfterChange(device)).toEqual([]);
  });

  it('is told to who has sent another version than is due by now', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    await release(type.id, '1.0.0');
    expect((await send(device, '1.0.0')).superseded).toEqual([]);
    await release(type.id, '2.0.0');
    await send(device, '2.0.0');
    expect((await send(device, '1.0.0')).superseded).toEqual([{ tenantId, deviceId: device }]);
    expect((await send(device, '2.0.0')).superseded).toEqual([]);
  });
});

describe('a deleted device', () => {
  it('has no software and opens nothing any more', async () => {
    const type = await newType();
    const device = newDevice(type.deviceTypeId);
    await release(type.id, '1.0.0');
    await fetch(device);
    const { token } = await bus.request(issueUploadToken, { tenantId, deviceId: device, tokenId: newId() });
    inRegistry.delete(device);
    await fromRegistry(deviceDeleted, device);
    await eventually(
      () =>
        fetch(device).then(
          () => false,
          () => true,
        ),
      {
        deadlineMs: 5_000,
        what: 'the deletion is known',
      },
    );
    expect(await report(device, '1.0.0')).toMatchObject([{ code: 'device-not-found' }]);
    expect(await due(device)).toEqual([]);
    await expect(bus.request(resolveUpload, { token })).rejects.toMatchObject({ code: 'not-allowed' });
  });
});

describe('upload tokens', () => {
  const status = (deviceId: string, tokenId: string, to: TokenStatus, version: number) =>
    fromRegistry(deviceTokenChanged, deviceId, { tokenId, status: to, version });
  const opens = (token: string): Promise<boolean> =>
    bus.request(resolveUpload, { token }).then(
      () => true,
      () => false,
    );

  it('are bound to their device, say how much it may upload, and can be used again', async () => {
    const deviceId = newDevice(newId());
    const before = Date.now();
    const issued = await bus.request(issueUploadToken, { tenantId, deviceId, tokenId: newId() });
    expect(Date.parse(issued.expiresAt) - before).toBeGreaterThanOrEqual(3_600_000);
    const grant = { tenantId, deviceId, maxBytes: 104_857_600 };
    expect(await bus.request(resolveUpload, { token: issued.token })).toEqual(grant);
    expect(await bus.request(resolveUpload, { token: issued.token })).toEqual(grant);
    await expect(bus.request(resolveUpload, { token: 'made-up' })).rejects.toMatchObject({
      code: 'not-allowed',
    });
  });

  it('are not kept in a readable form', async () => {
    const deviceId = newDevice(newId());
    const { token } = await bus.request(issueUploadToken, { tenantId, deviceId, tokenId: newId() });
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<{ found: boolean }>(
      `SELECT bool_or(position($1 IN u::text) > 0) AS found FROM firmware.upload_tokens u`,
      [token],
    );
    await client.end();
    expect(rows).toEqual([{ found: false }]);
  });

  it('stand and fall with the endpoint token', async () => {
    const deviceId = newDevice(newId());
    const tokenId = newId();
    /** Another consumer learns that than the one which closes what was issued before. */
    const refused = (code: string) =>
      eventually(
        () =>
          bus.request(issueUploadToken, { tenantId, deviceId, tokenId }).then(
            () => false,
            (error: unknown) => error instanceof AppError && error.code === code,
          ),
        { deadlineMs: 5_000, what: code },
      );
    const { token } = await bus.request(issueUploadToken, { tenantId, deviceId, tokenId });
    await status(deviceId, tokenId, 'suspended', 5);
    await eventually(async () => !(await opens(token)), { deadlineMs: 5_000, what: 'suspended' });
    await refused('token-suspended');
    await status(deviceId, tokenId, 'active', 6);
    const again = await eventually(
      () => bus.request(issueUploadToken, { tenantId, deviceId, tokenId }).catch(() => undefined),
      { deadlineMs: 5_000, what: 'active again' },
    );
    expect([await opens(token), await opens(again.token)]).toEqual([false, true]);
    await status(deviceId, tokenId, 'suspended', 5); // again, late
    await status(deviceId, tokenId, 'revoked', 7);
    await eventually(async () => !(await opens(again.token)), { deadlineMs: 5_000, what: 'revoked' });
    await refused('token-revoked');
  });

  it('fall with a secret of the device', async () => {
    const deviceId = newDevice(newId());
    const { token } = await bus.request(issueUploadToken, { tenantId, deviceId, tokenId: newId() });
    const secret = { credentialId: newId(), kind: 'secret', version: 3 };
    await fromRegistry(deviceCredentialChanged, deviceId, { ...secret, status: 'revoked' });
    await eventually(async () => !(await opens(token)), { deadlineMs: 5_000, what: 'revoked' });
  });

  it('expire', async () => {
    const deviceId = newDevice(newId());
    const { token } = await bus.request(issueUploadToken, { tenantId, deviceId, tokenId: newId() });
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(`UPDATE firmware.upload_tokens SET expires_at = now() WHERE device_id = $1`, [
      deviceId,
    ]);
    await client.end();
    expect(await opens(token)).toBe(false);
  });
});

describe('uploads', () => {
  const store = async (deviceId: string, name: string, more: { overwrite?: boolean } = {}) => {
    const { key: fileKey, size, sha256 } = await put(`bytes of ${name}`);
    const view = await bus.request(registerUpload, {
      tenantId,
      deviceId,
      fileKey,
      name,
      size,
      sha256,
      contentType: 'text/plain',
      ...more,
    });
    return { view, fileKey };
  };
  const names = async (deviceId: string) =>
    (await bus.request(listUploads, { tenantId, deviceId })).items.map(({ name }) => name);

  it('are listed newest first, can be got, and are told of', async () => {
    const deviceId = newDevice(newId());
    const { view, fileKey } = await store(deviceId, 'a.log');
    await store(deviceId, 'b.log');
    expect(view).toMatchObject({ deviceId, name: 'a.log', size: 14, contentType: 'text/plain' });
    expect(await names(deviceId)).toEqual(['b.log', 'a.log']);
    expect(await bus.request(getUpload, { tenantId, deviceId, uploadId: view.id })).toEqual({
      tenantId,
      fileKey,
      size: 14,
      sha256: view.sha256,
      name: 'a.log',
    });
    await eventually(() => eventsOf(view.id).length === 1, { deadlineMs: 5_000, what: 'the event' });
    expect(eventsOf(view.id)).toEqual([
      ['io.muster.upload.stored.v1', expect.objectContaining({ deviceId, name: 'a.log' })],
    ]);
  });

  it('are of a device that exists', async () => {
    await expect(names(newId())).rejects.toMatchObject({ code: 'device-not-found' });
    expect(await names(newDevice(newId()))).toEqual([]);
  });

  it('are one when the request is repeated', async () => {
    const deviceId = newDevice(newId());
    const { key: fileKey, size, sha256 } = await put('once');
    const request = { tenantId, deviceId, fileKey, name: 'x', size, sha256 };
    const first = await bus.request(registerUpload, request);
    expect(await bus.request(registerUpload, request)).toEqual(first);
    expect(await names(deviceId)).toEqual(['x']);
  });

  it('give way when there are too many or one of the name is to be overwritten, with their files', async () => {
    const deviceId = newDevice(newId());
    const one = await store(deviceId, '1');
    await store(deviceId, '2');
    await store(deviceId, '3');
    await store(deviceId, '4');
    expect(await names(deviceId)).toEqual(['4', '3', '2']);
    await store(deviceId, '3', { overwrite: true });
    expect(await names(deviceId)).toEqual(['3', '4', '2']);
    await eventually(
      () =>
        files.size(one.fileKey).then(
          () => false,
          () => true,
        ),
      {
        deadlineMs: 10_000,
        what: 'the file is removed',
      },
    );
  });

  it('that took longer than others are not the ones to give way', async () => {
    const deviceId = newDevice(newId());
    const { key: fileKey, size, sha256 } = await put('begun first');
    for (const name of ['1', '2', '3']) await store(deviceId, name);
    await bus.request(registerUpload, { tenantId, deviceId, fileKey, name: 'long', size, sha256 });
    expect((await names(deviceId)).sort()).toEqual(['2', '3', 'long']);
  });

  it('are removed when they are old', async () => {
    const deviceId = newDevice(newId());
    const { view, fileKey } = await store(deviceId, 'old');
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(`UPDATE firmware.uploads SET stored_at = now() - interval '31 days' WHERE id = $1`, [
      view.id,
    ]);
    await client.end();
    await eventually(async () => (await names(deviceId)).length === 0, { deadlineMs: 10_000, what: 'gone' });
    await eventually(
      () =>
        files.size(fileKey).then(
          () => false,
          () => true,
        ),
      {
        deadlineMs: 10_000,
        what: 'the file is removed',
      },
    );
  });

  it('are deleted by operators, and only as those of their device', async () => {
    const deviceId = newDevice(newId());
    const { view } = await store(deviceId, 'x');
    const request = { tenantId, actor, deviceId, uploadId: view.id };
    await expect(
      bus.request(deleteUpload, { ...request, deviceId: newDevice(newId()) }),
    ).rejects.toMatchObject({ code: 'file-not-found' });
    await bus.request(deleteUpload, request);
    await bus.request(deleteUpload, request);
    await expect(bus.request(getUpload, { tenantId, deviceId, uploadId: view.id })).rejects.toMatchObject({
      code: 'file-not-found',
    });
  });
});

describe('the service', () => {
  it('is ready, and says which part is not', async () => {
    expect(await service.ops.health.ready()).toEqual({ ready: true, failing: [] });
  });

  it('tells nobody its tokens: no stored event holds one', async () => {
    const type = await newType();
    const { id: firmwareId } = await register(type.id, '1.0.0');
    const token = await issue(firmwareId);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<{ n: string }>(
      `SELECT count(*) AS n FROM firmware.events e WHERE position($1 IN e::text) > 0`,
      [token],
    );
    await client.end();
    expect(rows).toEqual([{ n: '0' }]);
  });

  it('comes to the same read models from the events alone', async () => {
    const tables = ['firmware_types', 'firmware_type_keys', 'firmwares', 'uploads', 'operator_tokens'];
    const own = openDatabase({ url: database.url, schema: 'firmware', poolSize: 1, name: 'rebuild' });
    // Changed by hand in a test above: not what the events say.
    const columns = (row: object) => ({ ...row, stored_at: undefined });
    const snapshot = async () =>
      Promise.all(
        tables.map(async (table) => {
          const { rows } = await own.query<object>(`SELECT * FROM ${table} t ORDER BY t::text`);
          return rows.map(columns);
        }),
      );
    const before = await snapshot();
    expect(before.every((rows) => rows.length > 0)).toBe(true);
    await rebuildProjections(own, projections, aggregates);
    expect(await snapshot()).toEqual(before);
    await own.close();
  });

  it('runs beside a second replica', async () => {
    const replica = await start(environment());
    const type = await newType();
    const versions = Array.from({ length: 10 }, (_, n) => `1.0.${n}`);
    await Promise.all(versions.map((version) => register(type.id, version)));
    expect((await bus.request(listFirmwares, { tenantId, firmwareType: type.id })).items).toHaveLength(10);
    await replica.stop();
  });
});
