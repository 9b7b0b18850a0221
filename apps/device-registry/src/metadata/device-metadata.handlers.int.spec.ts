import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, type ErrorCode, type JsonObject } from '@muster/contracts';
import { findAccess } from '@muster/contracts/device-registry/access.requests';
import {
  createDeviceType,
  editDeviceType,
  type DeviceTypeSettings,
} from '@muster/contracts/device-registry/device-types.requests';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import {
  changeMetadata,
  deleteMetadataKey,
  listMetadataKeys,
  readMetadata,
  writeMetadata,
  type MetadataWrite,
} from '@muster/contracts/device-registry/metadata.requests';
import { rebuildProjections } from '@muster/event-store';
import { aggregates, projections } from '../app.module.js';
import {
  base,
  code,
  problem,
  startRegistry,
  tenantId,
  unique,
  type RunningRegistry,
} from '../running-registry.fixture.js';

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

const settings: DeviceTypeSettings = {
  metadataKeys: { serial: { writable: false }, hidden: { readable: false } },
};
const metadata = { floor: 3, serial: 'S-1', hidden: 'h', connected: true };

/** One of the batch that devices' writes come in. */
const write = async (one: MetadataWrite): Promise<void> => {
  const { outcomes } = await registry.bus.request(writeMetadata, { writes: [one] });
  const [{ code: why, detail } = {}] = outcomes;
  if (why !== undefined) throw new AppError(why as ErrorCode, detail ?? '');
};

const made = async (type: DeviceTypeSettings = settings, given: JsonObject = metadata) => {
  const { id: deviceType } = await registry.createType({ settings: type });
  const { id: deviceId } = await registry.provision({ deviceType, metadata: given });
  const who = { tenantId, deviceId };
  return {
    deviceType,
    deviceId,
    keys: async () => (await registry.bus.request(listMetadataKeys, who)).keys.sort(),
    read: async (keys?: string[]) => (await registry.bus.request(readMetadata, { ...who, keys })).values,
    update: (mode: 'full' | 'partial', values: JsonObject) => write({ ...who, mode, values }),
    remove: (...keys: string[]) => write({ ...who, mode: 'delete', keys }),
    view: () => registry.bus.request(getDevice, who),
  };
};

describe('listMetadataKeys', () => {
  it('names the keys the device may read', async () => {
    const device = await made();
    expect(await device.keys()).toEqual(['connected', 'floor', 'serial']);
  });
});

describe('readMetadata', () => {
  it('answers all the device may read, or what it asks for', async () => {
    const device = await made();
    expect(await device.read()).toEqual({ floor: 3, serial: 'S-1', connected: true });
    expect(await device.read(['floor', 'never'])).toEqual({ floor: 3 });
    expect(await device.read([])).toEqual({});
  });

  it('refuses a key the device may not read, naming it', async () => {
    const device = await made();
    const refused = await problem(device.read(['floor', 'hidden']));
    expect(refused).toMatchObject({
      code: 'metadata-key-restricted',
      status: 403,
      detail: 'The device may not read hidden.',
    });
    expect(await code(device.read(['a.b']))).toBe('invalid-request');
    expect(await code(device.read(['a', 'a']))).toBe('invalid-request');
  });
});

describe('writeMetadata', () => {
  it('does many, those of a device in their order, and lets none be lost to another', async () => {
    const [one, other] = [await made(), await made()];
    const [a, b] = [one, other].map(({ deviceId }) => ({ tenantId, deviceId }) as const);
    const { outcomes } = await registry.bus.request(writeMetadata, {
      writes: [
        { ...a!, mode: 'partial', values: { floor: 4, room: 'attic' } },
        { ...b!, mode: 'partial', values: { serial: 'mine' } },
        { ...a!, mode: 'delete', keys: ['floor'] },
        { tenantId, deviceId: 'nobody', mode: 'partial', values: { floor: 4 } },
        { ...b!, mode: 'full', values: { room: null } },
        { ...a!, mode: 'partial', values: { floor: 5 } },
      ],
    });
    expect(outcomes.map(({ code: why }) => why)).toEqual([
      undefined,
      'metadata-key-restricted',
      undefined,
      'device-not-found',
      undefined,
      undefined,
    ]);
    expect((await one.view()).metadata).toEqual({ ...metadata, floor: 5, room: 'attic' });
    expect((await other.view()).metadata).toEqual({ room: null, serial: 'S-1', connected: true });
  });
});

describe('an update of metadata', () => {
  it('adds and replaces (partial), or replaces all the device may write (full), once', async () => {
    const device = await made();
    await device.update('partial', { floor: 4, room: { a: [1, null] }, connected: false });
    const all = { floor: 4, room: { a: [1, null] }, serial: 'S-1', hidden: 'h', connected: true };
    const after = await device.view();
    expect(after.metadata).toEqual(all);
    await device.update('partial', { floor: 4 });
    expect((await device.view()).version).toBe(after.version);
    await device.update('full', { room: 'b' });
    expect((await device.view()).metadata).toEqual({ room: 'b', serial: 'S-1', connected: true });
  });

  it('keeps null as a value, also when the tables are rebuilt', async () => {
    const device = await made();
    await device.update('partial', { floor: null });
    expect(await device.read(['floor'])).toEqual({ floor: null });
    const before = await device.view();
    await rebuildProjections(registry.database, [...projections].reverse(), aggregates);
    expect(await device.view()).toEqual(before);
    const patch = { floor: null };
    const patched = await registry.bus.request(changeMetadata, { ...base, deviceId: device.deviceId, patch });
    expect(patched.metadata).toEqual({ serial: 'S-1', hidden: 'h', connected: true });
  });

  it('changes all or nothing', async () => {
    const device = await made();
    const before = await device.view();
    expect(await code(device.update('partial', { floor: 4, serial: 'S-2' }))).toBe('metadata-key-restricted');
    expect(await code(device.update('full', { floor: 4, serial: 'S-2' }))).toBe('metadata-key-restricted');
    const malformed = await problem(device.update('partial', { floor: 4, 'a b': 1 }));
    expect(malformed.code).toBe('invalid-request');
    expect(malformed.detail).toContain('a b');
    expect(await code(device.update('full', {}))).toBe('invalid-request');
    expect(await device.view()).toEqual(before);
  });

  it('loses nothing when many come at once', async () => {
    const device = await made({}, {});
    const keys = Array.from({ length: 8 }, (_, index) => `k${index}`);
    const tried = await Promise.allSettled(keys.map((key) => device.update('partial', { [key]: 1 })));
    const done = keys.filter((_, index) => tried[index]?.status === 'fulfilled').sort();
    expect(await device.keys()).toEqual(done);
  });

  it('is the device’s own doing in its history', async () => {
    const device = await made();
    await device.update('partial', { floor: 4 });
    const { rows } = await registry.database.query<{ actor: object }>(
      `SELECT metadata -> 'actor' AS actor FROM events WHERE stream = $1 ORDER BY version DESC LIMIT 1`,
      [`device-${device.deviceId}`],
    );
    expect(rows[0]?.actor).toEqual({ kind: 'device', id: device.deviceId });
  });
});

describe('a deletion of metadata', () => {
  it('removes what is there, once', async () => {
    const device = await made();
    await device.remove('floor', 'never');
    await device.remove('floor', 'never');
    expect((await device.view()).metadata).toEqual({ serial: 'S-1', hidden: 'h', connected: true });
  });

  it('removes all or nothing', async () => {
    const device = await made();
    expect(await code(device.remove('floor', 'serial'))).toBe('metadata-key-restricted');
    expect(await code(device.remove('connected'))).toBe('metadata-key-restricted');
    expect(await code(device.remove())).toBe('invalid-request');
    expect(await code(device.remove('floor', 'floor'))).toBe('invalid-request');
    expect(await code(device.remove('a.b'))).toBe('invalid-request');
    expect((await device.view()).metadata).toEqual(metadata);
  });
});

it('a device that is not there has no metadata', async () => {
  const who = { tenantId, deviceId: 'nobody' };
  const elsewhere = { tenantId: 'other', deviceId: (await made()).deviceId };
  for (const one of [who, elsewhere]) {
    expect(await code(registry.bus.request(listMetadataKeys, one))).toBe('device-not-found');
    expect(await code(registry.bus.request(readMetadata, one))).toBe('device-not-found');
    const update = { ...one, mode: 'partial' as const, values: { a: 1 } };
    expect(await code(write(update))).toBe('device-not-found');
    expect(await code(write({ ...one, mode: 'delete', keys: ['a'] }))).toBe('device-not-found');
  }
});

describe('the rules of a type', () => {
  const edit = (deviceType: string, change: object) =>
    registry.bus.request(editDeviceType, {
      ...base,
      deviceType,
      edit: { settings: change },
    });

  it('hold from the next request on, and go back to their default with null', async () => {
    const device = await made();
    await edit(device.deviceType, { undeclaredMetadataKeys: { writable: false } });
    expect(await code(device.update('partial', { floor: 4 }))).toBe('metadata-key-restricted');
    const cleared = await edit(device.deviceType, { metadataKeys: null, undeclaredMetadataKeys: null });
    expect(cleared.settings).toEqual({});
    await device.update('partial', { floor: 4, serial: 'S-2' });
    expect(await device.read(['hidden'])).toEqual({ hidden: 'h' });
  });

  it('are no concern of adapters', async () => {
    const device = await made({
      ...settings,
      undeclaredMetadataKeys: { readable: true },
      plainTelemetry: true,
    });
    const { types } = await registry.bus.request(findAccess, { deviceIds: [device.deviceId] });
    expect(types.map((type) => type.settings)).toEqual([{ plainTelemetry: true }]);
  });

  it.each([
    ['a key against the rule', { 'a.b': {} }],
    ['a rule that is none', { a: { readable: 'yes' } }],
    ['an unknown rule', { a: { visible: true } }],
    ['a list', []],
    ['too many', Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`k${index}`, {}]))],
  ])('are refused with %s', async (_what, metadataKeys: object) => {
    const deviceType = { name: unique('type'), settings: { metadataKeys } as unknown as DeviceTypeSettings };
    const refused = await problem(registry.bus.request(createDeviceType, { ...base, deviceType }));
    expect(refused.code).toBe('invalid-request');
    expect(refused.errors?.[0]?.path).toBe('deviceType.settings.metadataKeys');
  });
});

describe('changeMetadata and deleteMetadataKey', () => {
  it('is patched and removed by key', async () => {
    const type = await registry.createType();
    const made = await registry.provision({ deviceType: type.id, metadata: { a: 1, b: { c: 2 } } });
    const request = { ...base, deviceId: made.id };
    const patched = await registry.bus.request(changeMetadata, {
      ...request,
      patch: { a: null, b: { d: 3 }, e: 'x', never: null },
    });
    expect(patched.metadata).toEqual({ b: { d: 3 }, e: 'x' });
    const again = await registry.bus.request(changeMetadata, { ...request, patch: { e: 'x' } });
    expect(again.version).toBe(patched.version);
    const removed = await registry.bus.request(deleteMetadataKey, { ...request, key: 'e' });
    expect(removed.metadata).toEqual({ b: { d: 3 } });
  });

  it('keeps its rules', async () => {
    const type = await registry.createType();
    const made = await registry.provision({ deviceType: type.id });
    const request = { ...base, deviceId: made.id };
    const patch = (value: JsonObject, more: object = {}) =>
      problem(registry.bus.request(changeMetadata, { ...request, patch: value, ...more }));
    const refused = await patch({ ok: 1, 'not ok': 2 });
    expect(refused.code).toBe('invalid-request');
    expect(refused.errors?.map((error) => error.path)).toEqual(['patch.not ok']);
    expect((await patch({ a: 1 }, { expectedVersion: 1 })).code).toBe('version-mismatch');
    expect((await patch({ a: 1 }, { deviceId: 'nobody' })).code).toBe('device-not-found');
    const remove = (key: string, more: object = {}) =>
      code(registry.bus.request(deleteMetadataKey, { ...request, key, ...more }));
    expect(await remove('nothing')).toBe('metadata-key-not-found');
    expect(await remove('nothing', { deviceId: 'nobody' })).toBe('device-not-found');
    await registry.bus.request(changeMetadata, { ...request, patch: { a: 1 } });
    expect(await remove('a', { expectedVersion: 1 })).toBe('version-mismatch');
  });
});
