import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, eventStream, newId, type JsonObject } from '@muster/contracts';
import {
  findAccess,
  listAccess,
  recordSightings,
  type AccessEntry,
} from '@muster/contracts/device-registry/access.requests';
import {
  addAppVersion,
  createDeviceType,
  deleteDeviceType,
  editDeviceType,
  getDeviceType,
  listDeviceTypes,
  type CreateDeviceType,
  type DeviceTypeView,
  type EditDeviceType,
} from '@muster/contracts/device-registry/device-types.requests';
import {
  deleteDevice,
  editDevice,
  getDevice,
  listDevices,
  provisionDevice,
  type DeviceInput,
  type ProvisionedDevice,
} from '@muster/contracts/device-registry/devices.requests';
import { changeMetadata, deleteMetadataKey } from '@muster/contracts/device-registry/metadata.requests';
import { changeTokenStatus, issueToken, listTokens } from '@muster/contracts/device-registry/tokens.requests';
import { openDatabase, rebuildProjections, type Database } from '@muster/event-store';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { aggregates, migrate, projections, rebuilds, start } from './app.module.js';

let nats: NatsServer;
let test: TestDatabase;
let app: RunningApp;
let bus: Bus;
let database: Database;

const tenantId = 'default';
const actor = { kind: 'user', id: 'u1' } as const;
const base = { tenantId, actor };

const migrated = async (url: string): Promise<void> => {
  await migrate(url);
};

beforeAll(async () => {
  nats = await startNats();
  test = await testDatabase({ name: 'device-registry', migrate: migrated });
  app = await start({
    MUSTER_DATABASE_URL: test.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'silent',
  });
  bus = await connectBus({
    url: nats.url,
    name: 'spec',
    logger: createLogger({ service: 'spec', level: 'silent' }),
  });
  database = openDatabase({ url: test.url, schema: 'device_registry', poolSize: 2, name: 'spec' });
});

afterAll(async () => {
  await bus.close();
  await app.stop();
  await database.close();
  await nats.stop();
  await test.drop();
});

const problem = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    (value) => {
      throw new Error(`nothing was thrown: ${JSON.stringify(value)}`);
    },
    (error: unknown) => {
      if (error instanceof AppError) return error;
      throw error;
    },
  );
const code = async (promise: Promise<unknown>): Promise<string> => (await problem(promise)).code;

const without = (object: object, ...keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
const unique = (prefix: string): string => `${prefix}-${newId().replaceAll('-', '').slice(-12)}`;
const createType = (name = unique('type'), more: object = {}): Promise<DeviceTypeView> =>
  bus.request(createDeviceType, { ...base, deviceType: { name, ...more } });
const provision = async (
  more: Partial<DeviceInput> & { deviceType: string },
  idempotencyKey?: string,
): Promise<ProvisionedDevice> =>
  bus.request(provisionDevice, { ...base, idempotencyKey, device: { name: unique('device'), ...more } });
const accessOf = async (deviceId: string): Promise<AccessEntry[]> =>
  (await bus.request(findAccess, { deviceIds: [deviceId] })).entries;

describe('createDeviceType', () => {
  it('makes one application version when none is named', async () => {
    const created = await createType('thermostat');
    expect(created).toEqual({
      id: expect.any(String),
      name: 'thermostat',
      appVersions: [{ id: expect.any(String), name: 'thermostat-v1' }],
      settings: {},
      version: 1,
      createdAt: expect.any(String),
    });
    expect(await bus.request(getDeviceType, { tenantId, deviceType: 'thermostat' })).toEqual(created);
    expect(await bus.request(getDeviceType, { tenantId, deviceType: created.id })).toEqual(created);
  });

  it('keeps what is given', async () => {
    const [name, a, b] = [unique('type'), unique('a'), unique('b')];
    const settings = { plainTelemetry: true, timestampPath: 'meta.time' };
    const more = { description: 'On walls.', appVersions: [{ name: a }, { name: b }], settings };
    expect(await createType(name, more)).toMatchObject({
      description: 'On walls.',
      appVersions: [{ name: a }, { name: b }],
      settings,
    });
  });

  it('refuses names that are taken: types per tenant, application versions in the whole system', async () => {
    const [name, version] = [unique('type'), unique('v')];
    await createType(name, { appVersions: [{ name: version }] });
    expect(await code(createType(name, { appVersions: [{ name: unique('v') }] }))).toBe(
      'device-type-name-taken',
    );
    const elsewhere = (deviceType: { name: string; appVersions?: { name: string }[] }) =>
      bus.request(createDeviceType, { tenantId: 'other', actor, deviceType });
    expect(await code(elsewhere({ name: unique('type'), appVersions: [{ name: version }] }))).toBe(
      'app-version-name-taken',
    );
    expect(await code(createType(unique('t'), { appVersions: [{ name: 'twin' }, { name: 'twin' }] }))).toBe(
      'app-version-name-taken',
    );
    await elsewhere({ name, appVersions: [{ name: unique('v') }] });
  });

  it('answers the same again to the same idempotency key, and refuses another body', async () => {
    const [name, idempotencyKey] = [unique('type'), newId()];
    const request = { ...base, idempotencyKey, deviceType: { name } };
    const first = await bus.request(createDeviceType, request);
    expect(await bus.request(createDeviceType, request)).toEqual(first);
    expect(
      await code(bus.request(createDeviceType, { ...request, deviceType: { name: unique('other') } })),
    ).toBe('idempotency-key-reused');
  });

  it('refuses a bad name, naming it', async () => {
    const refused = await problem(createType('no spaces'));
    expect(refused.code).toBe('invalid-request');
    expect(refused.errors?.[0]?.path).toBe('deviceType.name');
  });
});

describe('editDeviceType', () => {
  it('changes what is named and raises the version', async () => {
    const type = await createType(undefined, { settings: { timestampPath: 'ts' } });
    const renamed = unique('renamed');
    const edited = await bus.request(editDeviceType, {
      ...base,
      deviceType: type.name,
      expectedVersion: 1,
      edit: { name: renamed, description: 'New.', settings: { plainTelemetry: true } },
    });
    expect(edited).toMatchObject({
      name: renamed,
      description: 'New.',
      settings: { timestampPath: 'ts', plainTelemetry: true },
      version: 4,
    });
    const without = await bus.request(editDeviceType, {
      ...base,
      deviceType: type.id,
      edit: { description: null },
    });
    expect(without).not.toHaveProperty('description');
    const same = { ...base, deviceType: type.id, edit: { name: renamed } };
    expect((await bus.request(editDeviceType, same)).version).toBe(5);
  });

  it('refuses', async () => {
    const [type, other] = [await createType(), await createType()];
    const edit = (deviceType: string, change: object, expectedVersion?: number) =>
      code(bus.request(editDeviceType, { ...base, deviceType, edit: change, expectedVersion }));
    expect(await edit('nobody', { name: 'x' })).toBe('device-type-not-found');
    expect(await edit(type.id, { name: other.name })).toBe('device-type-name-taken');
    expect(await edit(type.id, { description: 'x' }, 7)).toBe('version-mismatch');
    expect(await edit(type.id, { name: null })).toBe('invalid-request');
  });
});

describe('addAppVersion', () => {
  it('adds the newest, which new devices get', async () => {
    const type = await createType();
    const name = unique('v2');
    const added = await bus.request(addAppVersion, { ...base, deviceType: type.name, appVersion: { name } });
    expect(added).toEqual({ id: expect.any(String), name });
    expect((await provision({ deviceType: type.id })).appVersion).toBe(name);
    expect((await bus.request(getDeviceType, { tenantId, deviceType: type.id })).version).toBe(2);
  });

  it('refuses', async () => {
    const [type, other] = [await createType(), await createType()];
    const add = (deviceType: string, name: string, idempotencyKey?: string) =>
      bus.request(addAppVersion, { ...base, idempotencyKey, deviceType, appVersion: { name } });
    expect(await code(add('nobody', unique('v')))).toBe('device-type-not-found');
    expect(await code(add(type.id, `${other.name}-v1`))).toBe('app-version-name-taken');
    expect(await code(add(type.id, `${type.name}-v1`))).toBe('app-version-name-taken');
    const key = newId();
    const [first, again] = [unique('v'), unique('v')];
    const added = await add(type.id, first, key);
    expect(await add(type.id, first, key)).toEqual(added);
    expect(await code(add(type.id, again, key))).toBe('idempotency-key-reused');
  });
});

describe('deleteDeviceType', () => {
  it('is refused while devices exist, then frees the names', async () => {
    const type = await createType();
    const made = await provision({ deviceType: type.id });
    const remove = (expectedVersion?: number) =>
      bus.request(deleteDeviceType, { ...base, deviceType: type.id, expectedVersion });
    expect(await code(remove())).toBe('device-type-in-use');
    await bus.request(deleteDevice, { ...base, deviceId: made.id });
    expect(await code(remove(9))).toBe('version-mismatch');
    await remove();
    await remove();
    expect(await code(bus.request(getDeviceType, { tenantId, deviceType: type.id }))).toBe(
      'device-type-not-found',
    );
    expect(await code(bus.request(deleteDeviceType, { ...base, deviceType: 'nobody' }))).toBe(
      'device-type-not-found',
    );
    await createType(type.name);
  });

  it('does not leave a device behind when both come at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const type = await createType();
      const [made, gone] = await Promise.allSettled([
        provision({ deviceType: type.id }),
        bus.request(deleteDeviceType, { ...base, deviceType: type.id }),
      ]);
      expect([made.status, gone.status].sort()).toEqual(['fulfilled', 'rejected']);
    }
  });
});

describe('listDeviceTypes', () => {
  it('pages by name, with a count', async () => {
    const other = { tenantId: 'types-of-a-list', actor };
    const names = Array.from({ length: 5 }, (_, index) => `list-${index}-${newId().slice(-6)}`);
    for (const name of names) await bus.request(createDeviceType, { ...other, deviceType: { name } });
    const first = await bus.request(listDeviceTypes, { tenantId: other.tenantId, limit: 3, count: true });
    expect(first.items.map((item) => item.name)).toEqual(names.slice(0, 3));
    expect(first.total).toBe(5);
    const cursor = first.nextCursor ?? '';
    const second = await bus.request(listDeviceTypes, { tenantId: other.tenantId, limit: 3, cursor });
    expect(second.items.map((item) => item.name)).toEqual(names.slice(3));
    expect(second.nextCursor).toBeNull();
    expect(second).not.toHaveProperty('total');
  });
});

describe('provisionDevice', () => {
  it('fills in what is not given and shows the token', async () => {
    const type = await createType();
    const name = unique('device');
    const made = await provision({ name, deviceType: type.name });
    expect(made).toEqual({
      id: expect.any(String),
      name,
      deviceType: type.name,
      deviceTypeId: type.id,
      appVersion: `${type.name}-v1`,
      interface: 'mqtt',
      folder: '/',
      tags: [],
      metadata: {},
      connectivity: { connected: false, since: null, lastSeenAt: null },
      version: 2,
      createdAt: expect.any(String),
      token: expect.stringMatching(/^[A-Za-z0-9]{24}$/),
      credential: { kind: 'token' },
    });
    expect(await bus.request(getDevice, { tenantId, deviceId: made.id })).toEqual(
      without(made, 'token', 'credential'),
    );
  });

  it('keeps what is given', async () => {
    const type = await createType();
    const given = {
      deviceType: type.id,
      appVersion: `${type.name}-v1`,
      interface: 'http' as const,
      folder: '/paris/building-2',
      tags: ['roof', 'north'],
      metadata: { region: 'eu', floor: 3, nested: { a: [1, null] } },
      serialNumber: 'S-1',
      position: { latitude: 48.8, longitude: 2.3 },
      token: unique('token'),
    };
    expect(await provision(given)).toMatchObject(without(given, 'deviceType'));
  });

  it('refuses what is taken or not there', async () => {
    const [type, other] = [await createType(), await createType()];
    const first = await provision({ deviceType: type.id, token: unique('tok') });
    const refused = (more: Partial<DeviceInput>) => code(provision({ deviceType: type.id, ...more }));
    expect(await refused({ name: first.name })).toBe('device-name-taken');
    expect(await refused({ token: first.token })).toBe('token-taken');
    expect(await refused({ deviceType: 'nobody' })).toBe('device-type-not-found');
    expect(await refused({ appVersion: `${other.name}-v1` })).toBe('app-version-not-found');
    expect(await refused({ token: 'a+b#c' })).toBe('invalid-request');
    const elsewhere = await bus.request(createDeviceType, {
      tenantId: 'other',
      actor,
      deviceType: { name: unique('type') },
    });
    await bus.request(provisionDevice, {
      tenantId: 'other',
      actor,
      device: { name: first.name, deviceType: elsewhere.id },
    });
  });

  it('keeps nothing of a device whose token is taken', async () => {
    const type = await createType();
    const first = await provision({ deviceType: type.id });
    const name = unique('device');
    expect(await code(provision({ name, deviceType: type.id, token: first.token }))).toBe('token-taken');
    await provision({ name, deviceType: type.id });
  });

  it('gives the same device and token to the same idempotency key', async () => {
    const type = await createType();
    const key = newId();
    const name = unique('device');
    const both = await Promise.all([
      provision({ name, deviceType: type.id }, key),
      provision({ name, deviceType: type.id }, key),
    ]);
    expect(both[0]).toEqual(both[1]);
    expect(await code(provision({ name: unique('x'), deviceType: type.id }, key))).toBe(
      'idempotency-key-reused',
    );
  });

  it.each([
    ['a key with a dot', { 'a.b': 1 }, 'device.metadata.a.b', /must match/],
    ['a long value', { big: 'x'.repeat(9_000) }, 'device.metadata.big', /8192 bytes/],
    [
      'too many keys',
      Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`k${index}`, 1])),
      'device.metadata',
      /256/,
    ],
    [
      'too much',
      Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`k${index}`, 'x'.repeat(8_000)])),
      'device.metadata',
      /65536 bytes/,
    ],
  ])('refuses metadata with %s, naming it', async (_what, metadata: JsonObject, path, message) => {
    const type = await createType();
    const refused = await problem(provision({ deviceType: type.id, metadata }));
    expect(refused.code).toBe('invalid-request');
    expect(refused.errors).toEqual([{ path, message: expect.stringMatching(message) }]);
  });
});

describe('editDevice', () => {
  it('changes what is named, and nothing for the same again', async () => {
    const type = await createType();
    const v2 = unique('v2');
    const made = await provision({ deviceType: type.id, serialNumber: 'S' });
    await bus.request(addAppVersion, { ...base, deviceType: type.id, appVersion: { name: v2 } });
    const edit = {
      name: unique('renamed'),
      appVersion: v2,
      folder: '/a',
      tags: ['x'],
      serialNumber: null,
      position: { latitude: 1, longitude: 2 },
    };
    const request = { ...base, deviceId: made.id, edit };
    const edited = await bus.request(editDevice, { ...request, expectedVersion: made.version });
    expect(edited).toMatchObject({ ...without(edit, 'serialNumber'), version: made.version + 6 });
    expect(edited).not.toHaveProperty('serialNumber');
    expect(await bus.request(editDevice, request)).toEqual(edited);
    const cleared = await bus.request(editDevice, { ...base, deviceId: made.id, edit: { position: null } });
    expect(cleared).not.toHaveProperty('position');
  });

  it('refuses', async () => {
    const [type, other] = [await createType(), await createType()];
    const [made, twin] = [await provision({ deviceType: type.id }), await provision({ deviceType: type.id })];
    const edit = (change: object, more: object = {}) =>
      code(bus.request(editDevice, { ...base, deviceId: made.id, edit: change, ...more }));
    expect(await edit({ name: twin.name })).toBe('device-name-taken');
    expect(await edit({ appVersion: `${other.name}-v1` })).toBe('app-version-not-found');
    expect(await edit({ appVersion: 'nobody' })).toBe('app-version-not-found');
    expect(await edit({ folder: '/x' }, { expectedVersion: 1 })).toBe('version-mismatch');
    expect(await edit({ folder: '/x' }, { deviceId: 'nobody' })).toBe('device-not-found');
    expect(await edit({ tags: null })).toBe('invalid-request');
  });
});

describe('metadata', () => {
  it('is patched and removed by key', async () => {
    const type = await createType();
    const made = await provision({ deviceType: type.id, metadata: { a: 1, b: { c: 2 } } });
    const request = { ...base, deviceId: made.id };
    const patched = await bus.request(changeMetadata, {
      ...request,
      patch: { a: null, b: { d: 3 }, e: 'x', never: null },
    });
    expect(patched.metadata).toEqual({ b: { d: 3 }, e: 'x' });
    const again = await bus.request(changeMetadata, { ...request, patch: { e: 'x' } });
    expect(again.version).toBe(patched.version);
    const removed = await bus.request(deleteMetadataKey, { ...request, key: 'e' });
    expect(removed.metadata).toEqual({ b: { d: 3 } });
  });

  it('keeps its rules', async () => {
    const type = await createType();
    const made = await provision({ deviceType: type.id });
    const request = { ...base, deviceId: made.id };
    const patch = (value: JsonObject, more: object = {}) =>
      problem(bus.request(changeMetadata, { ...request, patch: value, ...more }));
    const refused = await patch({ ok: 1, 'not ok': 2 });
    expect(refused.code).toBe('invalid-request');
    expect(refused.errors?.map((error) => error.path)).toEqual(['patch.not ok']);
    expect((await patch({ a: 1 }, { expectedVersion: 1 })).code).toBe('version-mismatch');
    expect((await patch({ a: 1 }, { deviceId: 'nobody' })).code).toBe('device-not-found');
    const remove = (key: string, more: object = {}) =>
      code(bus.request(deleteMetadataKey, { ...request, key, ...more }));
    expect(await remove('nothing')).toBe('metadata-key-not-found');
    expect(await remove('nothing', { deviceId: 'nobody' })).toBe('device-not-found');
    await bus.request(changeMetadata, { ...request, patch: { a: 1 } });
    expect(await remove('a', { expectedVersion: 1 })).toBe('version-mismatch');
  });
});

describe('deleteDevice', () => {
  it('ends the device, its tokens and its claim on the name', async () => {
    const type = await createType();
    const made = await provision({ deviceType: type.id });
    const request = { ...base, deviceId: made.id };
    expect(await code(bus.request(deleteDevice, { ...request, expectedVersion: 1 }))).toBe(
      'version-mismatch',
    );
    await bus.request(deleteDevice, { ...request, expectedVersion: made.version });
    await bus.request(deleteDevice, request);
    const { tenantId: tenant, deviceId } = request;
    for (const gone of [
      bus.request(getDevice, { tenantId: tenant, deviceId }),
      bus.request(listTokens, { tenantId: tenant, deviceId }),
      bus.request(editDevice, { ...request, edit: { folder: '/x' } }),
      bus.request(issueToken, request),
      bus.request(deleteDevice, { ...base, deviceId: 'nobody' }),
    ]) {
      expect(await code(gone)).toBe('device-not-found');
    }
    expect(await accessOf(made.id)).toEqual([]);
    expect((await bus.request(findAccess, { tokens: [made.token] })).entries).toEqual([]);
    await provision({ name: made.name, deviceType: type.id, token: made.token });
  });
});

describe('listDevices', () => {
  const tenant = 'devices-of-a-list';
  const names = ['a', 'B', 'c', 'd', 'e', 'ä'];

  beforeAll(async () => {
    const own = { tenantId: tenant, actor };
    const type = await bus.request(createDeviceType, { ...own, deviceType: { name: unique('type') } });
    for (const name of names) {
      await bus.request(provisionDevice, { ...own, device: { name, deviceType: type.id } });
    }
  });

  const walk = async (sort: 'name' | '-name' | 'createdAt' | '-createdAt'): Promise<string[]> => {
    const found: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await bus.request(listDevices, { tenantId: tenant, sort, limit: 2, cursor });
      found.push(...page.items.map((item) => item.name));
      if (page.nextCursor === null) return found;
      cursor = page.nextCursor;
    }
  };

  it('walks every device once, in each order', async () => {
    const sorted = [...names].sort();
    expect(await walk('name')).toEqual(sorted);
    expect(await walk('-name')).toEqual(sorted.reverse());
    expect(await walk('createdAt')).toEqual(names);
    expect(await walk('-createdAt')).toEqual([...names].reverse());
  });

  it('counts', async () => {
    const page = await bus.request(listDevices, { tenantId: tenant, limit: 1, count: true });
    expect(page.total).toBe(names.length);
  });

  it('takes null for absent, as the rules of the contracts do', async () => {
    const request = { tenantId: tenant, limit: null, cursor: null, sort: null } as unknown as {
      tenantId: string;
    };
    expect((await bus.request(listDevices, request)).items).toHaveLength(names.length);
    const name = unique('type');
    const creation = {
      ...base,
      idempotencyKey: null,
      deviceType: { name, description: null, settings: null },
    };
    await bus.request(createDeviceType, creation as unknown as CreateDeviceType);
    const edit = { ...base, expectedVersion: null, deviceType: name, edit: { description: 'x' } };
    expect((await bus.request(editDeviceType, edit as unknown as EditDeviceType)).version).toBe(2);
  });

  it('refuses a cursor it did not make, or made for another order', async () => {
    const { nextCursor } = await bus.request(listDevices, { tenantId: tenant, limit: 1, sort: 'name' });
    const wrong = [
      { cursor: nextCursor ?? '', sort: '-name' as const },
      { cursor: 'broken' },
      {
        cursor: Buffer.from('["devices by createdAt","yesterday","x"]').toString('base64url'),
        sort: 'createdAt' as const,
      },
      {
        cursor: Buffer.from('["devices by createdAt","2026-02-30T00:00:00.000Z","x"]').toString('base64url'),
        sort: 'createdAt' as const,
      },
    ];
    for (const one of wrong) {
      const refused = await problem(bus.request(listDevices, { tenantId: tenant, ...one }));
      expect(refused.code).toBe('invalid-request');
      expect(refused.errors?.[0]?.path).toBe('cursor');
    }
  });
});

describe('tokens', () => {
  it('are issued, listed without their text, suspended, resumed and revoked', async () => {
    const type = await createType();
    const made = await provision({ deviceType: type.id });
    const request = { ...base, deviceId: made.id };
    const issued = await bus.request(issueToken, request);
    expect(issued).toMatchObject({ status: 'inactive', hint: issued.token.slice(0, 4) });
    const { items } = await bus.request(listTokens, { tenantId, deviceId: made.id });
    expect(items.map((item) => item.hint)).toEqual([made.token.slice(0, 4), issued.hint]);
    expect(JSON.stringify(items)).not.toContain(made.token);
    const change = (status: 'active' | 'suspended' | 'revoked') =>
      bus.request(changeTokenStatus, { ...request, tokenId: issued.id, status });
    for (const status of ['active', 'suspended', 'active', 'revoked', 'revoked'] as const) {
      expect((await change(status)).status).toBe(status);
    }
    expect(await code(change('active'))).toBe('token-status-final');
    expect((await accessOf(made.id)).map((entry) => entry.tokenStatus)).toEqual(
      expect.arrayContaining(['inactive', 'revoked']),
    );
  });

  it('refuses', async () => {
    const type = await createType();
    const made = await provision({ deviceType: type.id });
    const request = { ...base, deviceId: made.id };
    expect(await code(bus.request(issueToken, { ...request, token: made.token }))).toBe('token-taken');
    const missing = { ...request, tokenId: newId(), status: 'active' as const };
    expect(await code(bus.request(changeTokenStatus, missing))).toBe('token-not-found');
    expect(await code(bus.request(changeTokenStatus, { ...missing, deviceId: 'nobody' }))).toBe(
      'device-not-found',
    );
    const [idempotencyKey, token] = [newId(), unique('tok')];
    const first = await bus.request(issueToken, { ...request, idempotencyKey, token });
    expect(await bus.request(issueToken, { ...request, idempotencyKey, token })).toEqual(first);
    expect(await code(bus.request(issueToken, { ...request, idempotencyKey }))).toBe(
      'idempotency-key-reused',
    );
  });

  it('are in no event', async () => {
    const type = await createType();
    const made = await provision({ deviceType: type.id });
    await bus.request(deleteDevice, { ...base, deviceId: made.id });
    const { rows } = await database.query<{ stored: string }>(
      `SELECT coalesce(string_agg(e::text, ''), '') || (SELECT coalesce(string_agg(s::text, ''), '') FROM streams s) AS stored
       FROM events e`,
    );
    expect(rows[0]?.stored).toContain(made.id);
    expect(rows[0]?.stored).not.toContain(made.token);
  });
});

describe('access', () => {
  it('is found by device, token and type', async () => {
    const type = await createType(undefined, { settings: { plainTelemetry: true } });
    const made = await provision({ deviceType: type.id });
    const [tokenView] = (await bus.request(listTokens, { tenantId, deviceId: made.id })).items;
    const entry = {
      tenantId,
      token: made.token,
      tokenId: tokenView?.id,
      tokenStatus: 'inactive',
      deviceId: made.id,
      deviceTypeId: type.id,
      appVersion: `${type.name}-v1`,
      interface: 'mqtt',
      credentialKinds: ['token'],
      secretHashes: [],
    };
    const accessType = {
      tenantId,
      deviceTypeId: type.id,
      appVersions: [`${type.name}-v1`],
      settings: { plainTelemetry: true },
    };
    const whole = { entries: [entry], types: [accessType], nextCursor: null };
    expect(await bus.request(findAccess, { deviceIds: [made.id], tokens: [made.token] })).toEqual(whole);
    expect(await bus.request(findAccess, { tokens: [made.token] })).toEqual(whole);
    expect(await bus.request(findAccess, { deviceTypeIds: [type.id] })).toEqual({ ...whole, entries: [] });
    expect(await bus.request(findAccess, {})).toEqual({ entries: [], types: [], nextCursor: null });
  });

  it('is listed in pages, every token once, types with them', async () => {
    const { rows } = await database.query<{ count: string }>('SELECT count(*) FROM device_tokens');
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await bus.request(listAccess, { limit: 7, cursor });
      seen.push(...page.entries.map((entry) => `${entry.tenantId} ${entry.tokenId}`));
      const types = new Set(page.types.map((type) => type.deviceTypeId));
      expect(page.entries.every((entry) => types.has(entry.deviceTypeId))).toBe(true);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(Number(rows[0]?.count));
    expect(await code(bus.request(listAccess, { limit: 7, cursor: 'x' }))).toBe('invalid-request');
  });
});

describe('recordSightings', () => {
  it('activates tokens and follows application versions, once', async () => {
    const [type, other] = [await createType(), await createType()];
    const [a, b] = [await provision({ deviceType: type.id }), await provision({ deviceType: type.id })];
    const v2 = unique('v2');
    await bus.request(addAppVersion, { ...base, deviceType: type.id, appVersion: { name: v2 } });
    const [entryA, entryB] = [(await accessOf(a.id))[0]!, (await accessOf(b.id))[0]!];
    await bus.request(changeTokenStatus, {
      ...base,
      deviceId: b.id,
      tokenId: entryB.tokenId,
      status: 'suspended',
    });
    const sighting = { tenantId, deviceId: a.id, tokenId: entryA.tokenId, appVersion: v2 };
    const sightings = [
      sighting,
      { ...sighting, deviceId: 'nobody' },
      { ...sighting, tokenId: 'nothing' },
      { ...sighting, appVersion: `${other.name}-v1` },
      { ...sighting, appVersion: 'nobody' },
      { tenantId, deviceId: b.id, tokenId: entryB.tokenId, appVersion: v2 },
      sighting,
    ];
    const expected = [
      undefined,
      'device-not-found',
      'token-not-found',
      'app-version-not-found',
      'app-version-not-found',
      undefined,
      undefined,
    ];
    const { outcomes } = await bus.request(recordSightings, { sightings });
    expect(outcomes.map((outcome) => outcome.code)).toEqual(expected);
    expect(await accessOf(a.id)).toMatchObject([{ tokenStatus: 'active', appVersion: v2 }]);
    expect(await accessOf(b.id)).toMatchObject([{ tokenStatus: 'suspended', appVersion: `${type.name}-v1` }]);
    const { version } = await bus.request(getDevice, { tenantId, deviceId: a.id });
    await bus.request(recordSightings, { sightings });
    expect((await bus.request(getDevice, { tenantId, deviceId: a.id })).version).toBe(version);
  });
});

describe('published events', () => {
  it('tell the life of a device and its type, in order', async () => {
    const type = await createType();
    const made = await provision({ deviceType: type.id, metadata: { a: 1 } });
    await bus.request(changeMetadata, { ...base, deviceId: made.id, patch: { a: null } });
    await bus.request(deleteDevice, { ...base, deviceId: made.id });
    await bus.request(deleteDeviceType, { ...base, deviceType: type.id });
    const all = [
      ...(await publishedFor(type.id, 1)),
      ...(await publishedFor(made.id, 4)),
      ...(await publishedFor(type.id, 2)).slice(1),
    ];
    expect(all.map(([subject]) => subject)).toEqual([
      'device-type.changed',
      'device.provisioned',
      'device.token-changed',
      'device.changed',
      'device.deleted',
      'device-type.deleted',
    ]);
    expect(all.slice(1, 5).map(([, data]) => data['version'])).toEqual([1, 2, 3, 4]);
    expect(all[1]?.[1]).toMatchObject({
      deviceId: made.id,
      actor,
      deviceType: type.name,
      metadata: { a: 1 },
    });
    expect(all[3]?.[1]).toMatchObject({ changes: { 'metadata.a': { from: 1, to: null } } });
    expect(JSON.stringify(all)).not.toContain(made.token);
  });
});

/** Entity, verb and data of the events of one entity, once `count` of them have arrived. */
const publishedFor = async (entityId: string, count: number): Promise<[string, JsonObject][]> => {
  const connection = await connect({ servers: nats.url });
  try {
    const stream = eventStream('device-registry').name;
    const manager = await jetstreamManager(connection);
    const consumer = await jetstream(connection).consumers.get(stream, {
      filter_subjects: `muster.v1.event.device-registry.default.*.*.${entityId}`,
    });
    await eventually(
      async () => {
        const { state } = await manager.streams.info(stream, {
          subjects_filter: `muster.v1.event.device-registry.default.*.*.${entityId}`,
        });
        return Object.values(state.subjects ?? {}).reduce((sum, one) => sum + one, 0) >= count;
      },
      { what: `${count} events of ${entityId}` },
    );
    const found: [string, JsonObject][] = [];
    for await (const message of await consumer.fetch({ max_messages: count, expires: 5_000 })) {
      found.push([message.subject.split('.').slice(5, 7).join('.'), message.json<JsonObject>()]);
    }
    return found;
  } finally {
    await connection.close();
  }
};

describe('the tables', () => {
  it('are the same after they are rebuilt from the events', async () => {
    const dump = async () => {
      const tables = [
        'device_types',
        'app_versions',
        'devices',
        'device_tokens',
        'endpoint_tokens',
        'device_credentials',
        'device_secrets',
      ];
      return Promise.all(
        tables.map(
          async (table) =>
            (await database.query(`SELECT * FROM ${table} ORDER BY 1, 2, 3, 4`)).rows as object[],
        ),
      );
    };
    const before = await dump();
    expect(await rebuildProjections(database, [...projections].reverse(), aggregates)).toBeGreaterThan(50);
    expect(await dump()).toEqual(before);
  });

  it('can be rebuilt one by one while the service runs, and the secrets stay', async () => {
    const secrets = async () =>
      Promise.all(
        ['endpoint_tokens', 'device_secrets'].map(
          async (table) => (await database.query<object>(`SELECT * FROM ${table} ORDER BY id`)).rows,
        ),
      );
    const before = await secrets();
    expect(before.every((rows) => rows.length > 0)).toBe(true);
    for (const { run } of Object.values(rebuilds)) expect(await run(test.url, {})).toMatch(/^\d+ /);
    expect(await rebuilds['current']?.run(test.url, {})).toContain(' 0 altered, 0 missing, 0 without events');
    expect(await secrets()).toEqual(before);
    const { id } = await provision({ deviceType: (await createType()).id });
    expect(await publishedFor(id, 2)).toHaveLength(2);
  });
});

describe('when a dependency is away', () => {
  const failing = async () => (await app.ops.health.ready()).failing.map((check) => check.name);

  it('is ready when both are there', async () => {
    expect(await app.ops.health.ready()).toEqual({ ready: true, failing: [] });
  });

  it('survives the loss of every database connection', async () => {
    const type = await createType();
    const admin = new pg.Client({ connectionString: test.url });
    await admin.connect();
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'device-registry' AND datname = current_database()`,
    );
    await admin.end();
    const made = await eventually(() => provision({ deviceType: type.id }), {
      what: 'a device after the loss',
    });
    expect(await publishedFor(made.id, 2)).toHaveLength(2);
  });

  it('survives a killed NATS, says so meanwhile, and publishes what happened before', async () => {
    const type = await createType();
    await nats.kill9();
    await eventually(async () => (await failing()).includes('nats'), { what: 'not ready' });
    await nats.restart();
    await eventually(async () => (await failing()).length === 0, { what: 'ready again', deadlineMs: 15_000 });
    const made = await eventually(() => provision({ deviceType: type.id }), {
      what: 'a device after the restart',
      deadlineMs: 15_000,
    });
    expect(await publishedFor(made.id, 2)).toHaveLength(2);
  });

  it('waits for migrations at its start', async () => {
    const empty = await testDatabase();
    const starting = start({
      MUSTER_DATABASE_URL: empty.url,
      MUSTER_NATS_URL: nats.url,
      MUSTER_LOG_LEVEL: 'silent',
    });
    await migrate(empty.url);
    await (await starting).stop();
    await empty.drop();
  });
});
