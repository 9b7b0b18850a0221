import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, type JsonObject } from '@muster/contracts';
import { findAccess } from '@muster/contracts/device-registry/access.requests';
import {
  addAppVersion,
  createDeviceType,
  editDeviceType,
  type CreateDeviceType,
  type EditDeviceType,
} from '@muster/contracts/device-registry/device-types.requests';
import {
  deleteDevice,
  editDevice,
  getDevice,
  listDevices,
  provisionDevice,
  type DeviceInput,
} from '@muster/contracts/device-registry/devices.requests';
import { issueToken, listTokens } from '@muster/contracts/device-registry/tokens.requests';
import { createEventStore } from '@muster/event-store';
import { eventually } from '@muster/testing';
import {
  base,
  actor,
  code,
  problem,
  tenantId,
  unique,
  without,
  startRegistry,
  type RunningRegistry,
} from '../running-registry.fixture.js';
import { deviceList } from './device-list.projection.js';
import { device } from './device.decider.js';
import { checkParent } from './parent.js';

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

describe('provisionDevice', () => {
  it('fills in what is not given and shows the token', async () => {
    const type = await registry.createType();
    const name = unique('device');
    const made = await registry.provision({ name, deviceType: type.name });
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
      status: 'active',
      tokenOnly: true,
      connectivity: { connected: false, since: null, lastSeenAt: null },
      syncState: 'none',
      configId: '',
      version: 2,
      createdAt: expect.any(String),
      token: expect.stringMatching(/^[A-Za-z0-9]{24}$/),
      credential: { kind: 'token' },
    });
    expect(await registry.bus.request(getDevice, { tenantId, deviceId: made.id })).toEqual(
      without(made, 'token', 'credential'),
    );
  });

  it('keeps what is given', async () => {
    const type = await registry.createType();
    const given = {
      deviceType: type.id,
      appVersion: `${type.name}-v1`,
      interface: 'http' as const,
      folder: '/paris/building-2',
      tags: ['roof', 'north'],
      metadata: { region: 'eu', floor: 3, nested: { a: [1, null] } },
      serialNumber: unique('S'),
      position: { latitude: 48.8, longitude: 2.3, altitude: 35 },
      token: unique('token'),
    };
    expect(await registry.provision(given)).toMatchObject(without(given, 'deviceType'));
  });

  it('takes tokens of any characters that a topic can have, as long as the type asks for', async () => {
    const [type, lax] = [
      await registry.createType(),
      await registry.createType({ settings: { minTokenLength: 2 } }),
    ];
    const given = (token: string, deviceType = type.id) => registry.provision({ deviceType, token });
    const tail = newId().slice(-12);
    for (const token of [`ab:cd:${tail}`, `${'x'.repeat(53)}${tail}`, `*>{"k"}${tail}`, `датчик${tail}`]) {
      expect(await given(token)).toMatchObject({ token });
    }
    expect(await problem(given('seven77'))).toMatchObject({
      code: 'invalid-request',
      detail: expect.stringContaining('device.token must have at least 8 characters'),
      errors: [{ path: 'device.token' }],
    });
    const short = await given('7x', lax.id);
    expect(short.token).toBe('7x');
    const more = { ...base, deviceId: short.id };
    expect(await code(registry.bus.request(issueToken, { ...more, token: '8' }))).toBe('invalid-request');
    expect(await registry.bus.request(issueToken, { ...more, token: '8y' })).toMatchObject({ hint: '' });
    await registry.bus.request(editDeviceType, {
      ...base,
      deviceType: lax.id,
      edit: { settings: { minTokenLength: null } },
    });
    expect(await code(registry.bus.request(issueToken, { ...more, token: '9z' }))).toBe('invalid-request');
    expect(await code(given('*', lax.id))).toBe('invalid-request');
  });

  it('keeps serial numbers apart, and gives them free again', async () => {
    const type = await registry.createType();
    const serialNumber = unique('SN');
    const first = await registry.provision({ deviceType: type.id, serialNumber });
    const second = await registry.provision({ deviceType: type.id });
    expect(await code(registry.provision({ deviceType: type.id, serialNumber }))).toBe('serial-number-taken');
    const edit = (deviceId: string, to: string | null) =>
      registry.bus.request(editDevice, { ...base, deviceId, edit: { serialNumber: to } });
    expect(await code(edit(second.id, serialNumber))).toBe('serial-number-taken');
    await edit(first.id, null);
    expect(await edit(second.id, serialNumber)).toMatchObject({ serialNumber });
    await registry.bus.request(deleteDevice, { ...base, deviceId: second.id });
    expect(await edit(first.id, serialNumber)).toMatchObject({ serialNumber });
    const elsewhere = await registry.bus.request(createDeviceType, {
      tenantId: 'other',
      actor,
      deviceType: { name: unique('type') },
    });
    await registry.bus.request(provisionDevice, {
      tenantId: 'other',
      actor,
      device: { name: unique('device'), deviceType: elsewhere.id, serialNumber },
    });
  });

  it('is behind another device, which may be deleted, and never behind itself', async () => {
    const type = await registry.createType();
    const make = (parentId?: string) =>
      registry.provision({ deviceType: type.id, ...(parentId === undefined ? {} : { parentId }) });
    const gateway = await make();
    const [one, two] = [await make(gateway.id), await make()];
    expect(one.parentId).toBe(gateway.id);
    const move = (deviceId: string, parentId: string | null) =>
      registry.bus.request(editDevice, { ...base, deviceId, edit: { parentId } });
    expect(await move(two.id, one.id)).toMatchObject({ parentId: one.id });
    expect(await code(move(gateway.id, two.id))).toBe('parent-in-circle');
    expect(await code(move(gateway.id, gateway.id))).toBe('parent-in-circle');
    expect(await code(move(gateway.id, 'nobody'))).toBe('parent-not-found');
    expect(await code(make('nobody'))).toBe('parent-not-found');
    const behind = async (filter: string) =>
      (await registry.bus.request(listDevices, { tenantId, filter })).items.map(({ id }) => id);
    expect(await behind(`parentId==${gateway.id}`)).toEqual([one.id]);
    expect(await behind(`parentId=exists=false;deviceType==${type.name}`)).toEqual([gateway.id]);
    // Two that would close a circle together: one of them is refused.
    const [a, b] = [await make(), await make()];
    const both = await Promise.allSettled([move(a.id, b.id), move(b.id, a.id)]);
    expect(both.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    await registry.bus.request(deleteDevice, { ...base, deviceId: one.id });
    const orphan = await registry.bus.request(getDevice, { tenantId, deviceId: two.id });
    expect(orphan).not.toHaveProperty('parentId');
    expect(await move(gateway.id, two.id)).toMatchObject({ parentId: two.id });
    expect(await move(gateway.id, null)).not.toHaveProperty('parentId');
  });

  it('has no parent that was deleted while it went behind it', async () => {
    const type = await registry.createType();
    const [parent, child] = [
      await registry.provision({ deviceType: type.id }),
      await registry.provision({ deviceType: type.id }),
    ];
    let isDeleted = false;
    const deletion = await registry.database.transaction(async (tx) => {
      await checkParent(tx, tenantId, child.id, parent.id);
      const command = { type: 'EditDevice', parentId: parent.id } as const;
      const edit = { tenantId, id: child.id, metadata: { actor }, command, within: tx };
      await createEventStore(registry.database, { projections: [deviceList] }).execute(device, edit);
      const deleting = registry.bus.request(deleteDevice, { ...base, deviceId: parent.id }).then(() => {
        isDeleted = true;
      });
      await eventually(
        async () => {
          const { rowCount } = await registry.database.query(
            "SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted",
          );
          return isDeleted || (rowCount ?? 0) > 0;
        },
        { deadlineMs: 10_000, what: 'the deletion waits, or is done' },
      );
      return { deleting };
    });
    await deletion.deleting;
    const orphan = await registry.bus.request(getDevice, { tenantId, deviceId: child.id });
    expect(orphan).not.toHaveProperty('parentId');
    const edit = { ...base, deviceId: child.id, edit: { parentId: parent.id } };
    expect(await code(registry.bus.request(editDevice, edit))).toBe('parent-not-found');
  });

  it('refuses positions that are nowhere', async () => {
    const type = await registry.createType();
    const at = (position: object) =>
      registry.provision({ deviceType: type.id, position: position as DeviceInput['position'] });
    for (const wrong of [
      { latitude: 90.1, longitude: 0 },
      { latitude: 0, longitude: -180.1 },
      { latitude: '48', longitude: 2 },
      { latitude: 1 },
      { latitude: 1, longitude: 2, altitude: 1e6 },
      { latitude: 1, longitude: 2, height: 3 },
    ]) {
      expect(await code(at(wrong))).toBe('invalid-request');
    }
    expect(await at({ latitude: -90, longitude: 180 })).toMatchObject({
      position: { latitude: -90, longitude: 180 },
    });
  });

  it('refuses what is taken or not there', async () => {
    const [type, other] = [await registry.createType(), await registry.createType()];
    const first = await registry.provision({ deviceType: type.id, token: unique('tok') });
    const refused = (more: Partial<DeviceInput>) =>
      code(registry.provision({ deviceType: type.id, ...more }));
    expect(await refused({ name: first.name })).toBe('device-name-taken');
    expect(await refused({ token: first.token })).toBe('token-taken');
    expect(await refused({ deviceType: 'nobody' })).toBe('device-type-not-found');
    expect(await refused({ appVersion: `${other.name}-v1` })).toBe('app-version-not-found');
    expect(await refused({ token: 'a+b#c' })).toBe('invalid-request');
    const elsewhere = await registry.bus.request(createDeviceType, {
      tenantId: 'other',
      actor,
      deviceType: { name: unique('type') },
    });
    await registry.bus.request(provisionDevice, {
      tenantId: 'other',
      actor,
      device: { name: first.name, deviceType: elsewhere.id },
    });
  });

  it('keeps nothing of a device whose token is taken', async () => {
    const type = await registry.createType();
    const first = await registry.provision({ deviceType: type.id });
    const name = unique('device');
    expect(await code(registry.provision({ name, deviceType: type.id, token: first.token }))).toBe(
      'token-taken',
    );
    await registry.provision({ name, deviceType: type.id });
  });

  it('gives the same device and token to the same idempotency key', async () => {
    const type = await registry.createType();
    const key = newId();
    const name = unique('device');
    const both = await Promise.all([
      registry.provision({ name, deviceType: type.id }, key),
      registry.provision({ name, deviceType: type.id }, key),
    ]);
    expect(both[0]).toEqual({ ...both[1], token: both[0].token });
    // To whom the other's answer is given again, the token is not shown again.
    expect(both.map(({ token }) => token).filter((token) => token !== '')).toHaveLength(1);
    expect(await code(registry.provision({ name: unique('x'), deviceType: type.id }, key))).toBe(
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
    const type = await registry.createType();
    const refused = await problem(registry.provision({ deviceType: type.id, metadata }));
    expect(refused.code).toBe('invalid-request');
    expect(refused.errors).toEqual([{ path, message: expect.stringMatching(message) }]);
  });
});

describe('editDevice', () => {
  it('changes what is named, and nothing for the same again', async () => {
    const type = await registry.createType();
    const v2 = unique('v2');
    const made = await registry.provision({ deviceType: type.id, serialNumber: 'S' });
    await registry.bus.request(addAppVersion, { ...base, deviceType: type.id, appVersion: { name: v2 } });
    const edit = {
      name: unique('renamed'),
      appVersion: v2,
      folder: '/a',
      tags: ['x'],
      serialNumber: null,
      position: { latitude: 1, longitude: 2 },
    };
    const request = { ...base, deviceId: made.id, edit };
    const edited = await registry.bus.request(editDevice, { ...request, expectedVersion: made.version });
    expect(edited).toMatchObject({ ...without(edit, 'serialNumber'), version: made.version + 6 });
    expect(edited).not.toHaveProperty('serialNumber');
    expect(await registry.bus.request(editDevice, request)).toEqual(edited);
    const cleared = await registry.bus.request(editDevice, {
      ...base,
      deviceId: made.id,
      edit: { position: null },
    });
    expect(cleared).not.toHaveProperty('position');
  });

  it('refuses', async () => {
    const [type, other] = [await registry.createType(), await registry.createType()];
    const [made, twin] = [
      await registry.provision({ deviceType: type.id }),
      await registry.provision({ deviceType: type.id }),
    ];
    const edit = (change: object, more: object = {}) =>
      code(registry.bus.request(editDevice, { ...base, deviceId: made.id, edit: change, ...more }));
    expect(await edit({ name: twin.name })).toBe('device-name-taken');
    expect(await edit({ appVersion: `${other.name}-v1` })).toBe('app-version-not-found');
    expect(await edit({ appVersion: 'nobody' })).toBe('app-version-not-found');
    expect(await edit({ folder: '/x' }, { expectedVersion: 1 })).toBe('version-mismatch');
    expect(await edit({ folder: '/x' }, { deviceId: 'nobody' })).toBe('device-not-found');
    expect(await edit({ tags: null })).toBe('invalid-request');
  });
});

describe('deleteDevice', () => {
  it('ends the device, its tokens and its claim on the name', async () => {
    const type = await registry.createType();
    const made = await registry.provision({ deviceType: type.id });
    const request = { ...base, deviceId: made.id };
    expect(await code(registry.bus.request(deleteDevice, { ...request, expectedVersion: 1 }))).toBe(
      'version-mismatch',
    );
    await registry.bus.request(deleteDevice, { ...request, expectedVersion: made.version });
    await registry.bus.request(deleteDevice, request);
    const { tenantId: tenant, deviceId } = request;
    for (const gone of [
      registry.bus.request(getDevice, { tenantId: tenant, deviceId }),
      registry.bus.request(listTokens, { tenantId: tenant, deviceId }),
      registry.bus.request(editDevice, { ...request, edit: { folder: '/x' } }),
      registry.bus.request(issueToken, request),
      registry.bus.request(deleteDevice, { ...base, deviceId: 'nobody' }),
    ]) {
      expect(await code(gone)).toBe('device-not-found');
    }
    expect(await registry.accessOf(made.id)).toEqual([]);
    expect((await registry.bus.request(findAccess, { tokens: [made.token] })).entries).toEqual([]);
    await registry.provision({ name: made.name, deviceType: type.id, token: made.token });
  });
});

describe('listDevices', () => {
  const tenant = 'devices-of-a-list';
  const names = ['a', 'B', 'c', 'd', 'e', 'ä'];

  beforeAll(async () => {
    const own = { tenantId: tenant, actor };
    const type = await registry.bus.request(createDeviceType, {
      ...own,
      deviceType: { name: unique('type') },
    });
    for (const name of names) {
      await registry.bus.request(provisionDevice, { ...own, device: { name, deviceType: type.id } });
    }
  });

  const walk = async (sort: 'name' | '-name' | 'createdAt' | '-createdAt'): Promise<string[]> => {
    const found: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await registry.bus.request(listDevices, { tenantId: tenant, sort, limit: 2, cursor });
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

  it('keeps a page within a message, however much metadata the devices have', async () => {
    const own = { tenantId: 'devices-with-metadata', actor };
    const type = await registry.bus.request(createDeviceType, {
      ...own,
      deviceType: { name: unique('type') },
    });
    const metadata = Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((n) => [`k${n}`, 'x'.repeat(8_000)]));
    const made = Array.from({ length: 20 }, (_, n) => `device-${String(n).padStart(2, '0')}`);
    for (const name of made) {
      await registry.bus.request(provisionDevice, {
        ...own,
        device: { name, deviceType: type.id, metadata },
      });
    }
    const first = await registry.bus.request(listDevices, { tenantId: own.tenantId });
    const cursor = first.nextCursor ?? '';
    const second = await registry.bus.request(listDevices, { tenantId: own.tenantId, cursor });
    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(made);
    expect([first.items.length, second.nextCursor]).toEqual([12, null]);
  });

  it('counts', async () => {
    const page = await registry.bus.request(listDevices, { tenantId: tenant, limit: 1, count: true });
    expect(page.total).toBe(names.length);
  });

  it('takes null for absent, as the rules of the contracts do', async () => {
    const request = { tenantId: tenant, limit: null, cursor: null, sort: null } as unknown as {
      tenantId: string;
    };
    expect((await registry.bus.request(listDevices, request)).items).toHaveLength(names.length);
    const name = unique('type');
    const creation = {
      ...base,
      idempotencyKey: null,
      deviceType: { name, description: null, settings: null },
    };
    await registry.bus.request(createDeviceType, creation as unknown as CreateDeviceType);
    const edit = { ...base, expectedVersion: null, deviceType: name, edit: { description: 'x' } };
    expect((await registry.bus.request(editDeviceType, edit as unknown as EditDeviceType)).version).toBe(2);
  });

  it('refuses a cursor it did not make, or made for another order', async () => {
    const { nextCursor } = await registry.bus.request(listDevices, {
      tenantId: tenant,
      limit: 1,
      sort: 'name',
    });
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
      const refused = await problem(registry.bus.request(listDevices, { tenantId: tenant, ...one }));
      expect(refused.code).toBe('invalid-request');
      expect(refused.errors?.[0]?.path).toBe('cursor');
    }
  });
});
