import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
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
} from '@muster/contracts/device-registry/device-types.requests';
import { deleteDevice } from '@muster/contracts/device-registry/devices.requests';
import {
  base,
  actor,
  code,
  problem,
  tenantId,
  unique,
  startRegistry,
  type RunningRegistry,
} from '../running-registry.fixture.js';

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

describe('createDeviceType', () => {
  it('makes one application version when none is named', async () => {
    const created = await registry.createType({ name: 'thermostat' });
    expect(created).toEqual({
      id: expect.any(String),
      name: 'thermostat',
      appVersions: [{ id: expect.any(String), name: 'thermostat-v1' }],
      settings: {},
      version: 1,
      createdAt: expect.any(String),
    });
    expect(await registry.bus.request(getDeviceType, { tenantId, deviceType: 'thermostat' })).toEqual(
      created,
    );
    expect(await registry.bus.request(getDeviceType, { tenantId, deviceType: created.id })).toEqual(created);
  });

  it('keeps what is given', async () => {
    const [name, a, b] = [unique('type'), unique('a'), unique('b')];
    const settings = { plainTelemetry: true, timestampPath: 'meta.time' };
    const more = { description: 'On walls.', appVersions: [{ name: a }, { name: b }], settings };
    expect(await registry.createType({ name, ...more })).toMatchObject({
      description: 'On walls.',
      appVersions: [{ name: a }, { name: b }],
      settings,
    });
  });

  it('refuses names that are taken: types per tenant, application versions in the whole system', async () => {
    const [name, version] = [unique('type'), unique('v')];
    await registry.createType({ name, appVersions: [{ name: version }] });
    expect(await code(registry.createType({ name, appVersions: [{ name: unique('v') }] }))).toBe(
      'device-type-name-taken',
    );
    const elsewhere = (deviceType: { name: string; appVersions?: { name: string }[] }) =>
      registry.bus.request(createDeviceType, { tenantId: 'other', actor, deviceType });
    expect(await code(elsewhere({ name: unique('type'), appVersions: [{ name: version }] }))).toBe(
      'app-version-name-taken',
    );
    expect(
      await code(
        registry.createType({ name: unique('t'), appVersions: [{ name: 'twin' }, { name: 'twin' }] }),
      ),
    ).toBe('app-version-name-taken');
    await elsewhere({ name, appVersions: [{ name: unique('v') }] });
  });

  it('answers the same again to the same idempotency key, and refuses another body', async () => {
    const [name, idempotencyKey] = [unique('type'), newId()];
    const request = { ...base, idempotencyKey, deviceType: { name } };
    const first = await registry.bus.request(createDeviceType, request);
    expect(await registry.bus.request(createDeviceType, request)).toEqual(first);
    expect(
      await code(
        registry.bus.request(createDeviceType, { ...request, deviceType: { name: unique('other') } }),
      ),
    ).toBe('idempotency-key-reused');
  });

  it('refuses a bad name, naming it', async () => {
    const refused = await problem(registry.createType({ name: 'no spaces' }));
    expect(refused.code).toBe('invalid-request');
    expect(refused.errors?.[0]?.path).toBe('deviceType.name');
  });
});

describe('application versions', () => {
  it('are listed in pages, read by id or name, and removed unless devices have them', async () => {
    const names = [unique('v'), unique('v'), unique('v')];
    const type = await registry.createType({ appVersions: names.map((name) => ({ name })) });
    const of = { tenantId, deviceType: type.name };
    const first = await registry.bus.request(listAppVersions, { ...of, limit: 2, count: true });
    expect(first).toMatchObject({ items: type.appVersions.slice(0, 2), total: 3 });
    const cursor = first.nextCursor ?? '';
    expect(await registry.bus.request(listAppVersions, { ...of, limit: 2, cursor })).toEqual({
      items: type.appVersions.slice(2),
      nextCursor: null,
    });
    const [name = ''] = names;
    for (const appVersion of [name, type.appVersions[0]?.id ?? '']) {
      expect(await registry.bus.request(getAppVersion, { ...of, appVersion })).toEqual(type.appVersions[0]);
    }
    const device = await registry.provision({ deviceType: type.id, appVersion: name });
    const remove = (appVersion: string) =>
      registry.bus.request(deleteAppVersion, { ...base, deviceType: type.id, appVersion });
    expect(await code(remove(name))).toBe('app-version-in-use');
    await remove(names[1] ?? '');
    expect(await code(registry.bus.request(getAppVersion, { ...of, appVersion: names[1] ?? '' }))).toBe(
      'app-version-not-found',
    );
    // The newest stays the newest, also when one was taken away before it came.
    const added = await registry.bus.request(addAppVersion, {
      ...base,
      deviceType: type.id,
      appVersion: { name: unique('v') },
    });
    const found = await registry.bus.request(getDeviceType, { tenantId, deviceType: type.id });
    expect(found.appVersions.map((one) => one.name)).toEqual([name, names[2], added.name]);
    await registry.bus.request(deleteDevice, { ...base, deviceId: device.id });
    await remove(name);
  });
});

describe('editDeviceType', () => {
  it('changes what is named and raises the version', async () => {
    const type = await registry.createType({ settings: { timestampPath: 'ts' } });
    const renamed = unique('renamed');
    const edited = await registry.bus.request(editDeviceType, {
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
    const without = await registry.bus.request(editDeviceType, {
      ...base,
      deviceType: type.id,
      edit: { description: null },
    });
    expect(without).not.toHaveProperty('description');
    const same = { ...base, deviceType: type.id, edit: { name: renamed } };
    expect((await registry.bus.request(editDeviceType, same)).version).toBe(5);
  });

  it('refuses', async () => {
    const [type, other] = [await registry.createType(), await registry.createType()];
    const edit = (deviceType: string, change: object, expectedVersion?: number) =>
      code(registry.bus.request(editDeviceType, { ...base, deviceType, edit: change, expectedVersion }));
    expect(await edit('nobody', { name: 'x' })).toBe('device-type-not-found');
    expect(await edit(type.id, { name: other.name })).toBe('device-type-name-taken');
    expect(await edit(type.id, { description: 'x' }, 7)).toBe('version-mismatch');
    expect(await edit(type.id, { name: null })).toBe('invalid-request');
  });
});

describe('addAppVersion', () => {
  it('adds the newest, which new devices get', async () => {
    const type = await registry.createType();
    const name = unique('v2');
    const added = await registry.bus.request(addAppVersion, {
      ...base,
      deviceType: type.name,
      appVersion: { name },
    });
    expect(added).toEqual({ id: expect.any(String), name });
    expect((await registry.provision({ deviceType: type.id })).appVersion).toBe(name);
    expect((await registry.bus.request(getDeviceType, { tenantId, deviceType: type.id })).version).toBe(2);
  });

  it('refuses', async () => {
    const [type, other] = [await registry.createType(), await registry.createType()];
    const add = (deviceType: string, name: string, idempotencyKey?: string) =>
      registry.bus.request(addAppVersion, { ...base, idempotencyKey, deviceType, appVersion: { name } });
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
    const type = await registry.createType();
    const made = await registry.provision({ deviceType: type.id });
    const remove = (expectedVersion?: number) =>
      registry.bus.request(deleteDeviceType, { ...base, deviceType: type.id, expectedVersion });
    expect(await code(remove())).toBe('device-type-in-use');
    await registry.bus.request(deleteDevice, { ...base, deviceId: made.id });
    expect(await code(remove(9))).toBe('version-mismatch');
    await remove();
    await remove();
    expect(await code(registry.bus.request(getDeviceType, { tenantId, deviceType: type.id }))).toBe(
      'device-type-not-found',
    );
    expect(await code(registry.bus.request(deleteDeviceType, { ...base, deviceType: 'nobody' }))).toBe(
      'device-type-not-found',
    );
    await registry.createType({ name: type.name });
  });

  it('does not leave a device behind when both come at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const type = await registry.createType();
      const [made, gone] = await Promise.allSettled([
        registry.provision({ deviceType: type.id }),
        registry.bus.request(deleteDeviceType, { ...base, deviceType: type.id }),
      ]);
      expect([made.status, gone.status].sort()).toEqual(['fulfilled', 'rejected']);
    }
  });
});

describe('listDeviceTypes', () => {
  it('pages by name, with a count', async () => {
    const other = { tenantId: 'types-of-a-list', actor };
    const names = Array.from({ length: 5 }, (_, index) => `list-${index}-${newId().slice(-6)}`);
    for (const name of names)
      await registry.bus.request(createDeviceType, { ...other, deviceType: { name } });
    const first = await registry.bus.request(listDeviceTypes, {
      tenantId: other.tenantId,
      limit: 3,
      count: true,
    });
    expect(first.items.map((item) => item.name)).toEqual(names.slice(0, 3));
    expect(first.total).toBe(5);
    const cursor = first.nextCursor ?? '';
    const second = await registry.bus.request(listDeviceTypes, {
      tenantId: other.tenantId,
      limit: 3,
      cursor,
    });
    expect(second.items.map((item) => item.name)).toEqual(names.slice(3));
    expect(second.nextCursor).toBeNull();
    expect(second).not.toHaveProperty('total');
  });
});
