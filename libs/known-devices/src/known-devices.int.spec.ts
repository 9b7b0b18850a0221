import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, newId, type PublishedContract } from '@muster/contracts';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import {
  deviceChanged,
  deviceDeleted,
  deviceProvisioned,
  type DeviceChanged,
} from '@muster/contracts/device-registry/published';
import { eventStoreMigrations, migrateSchema, openDatabase, type Database } from '@muster/event-store';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import {
  KnownDevices,
  knownDevicesMigrations,
  type DeviceChange,
  type DeviceFacts,
  type DeviceId,
} from './index.js';

const tenantId = 'default';
const actor = { kind: 'user', id: 'u1' } as const;
const logger = createLogger({ service: 'spec', level: 'silent' });

/** Stands for the registry, which is another app. */
let asked: string[] = [];
let fault: AppError | undefined;
/** Devices that it fails on. */
const broken = new Set<string>();

@Controller()
class Registry {
  @Handles(getDevice)
  get({ deviceId }: DeviceRef): Promise<DeviceView> {
    asked.push(deviceId);
    if (broken.has(deviceId)) return Promise.reject(new AppError('internal', 'A bug.'));
    return fault === undefined ? Promise.resolve(viewOf(deviceId)) : Promise.reject(fault);
  }
}

@Module({ controllers: [Registry] })
class SpecModule {}

const deviceTypeId = newId();
const viewOf = (id: string): DeviceView => ({
  id,
  name: id,
  deviceType: 'thermostat',
  deviceTypeId,
  appVersion: 'thermostat-v1',
  interface: 'mqtt',
  folder: '/',
  tags: [],
  metadata: {},
  connectivity: { connected: false, since: null, lastSeenAt: null },
  version: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
});

let nats: NatsServer;
let bus: Bus;
let registry: { close(): Promise<unknown> };
let server: TestDatabase;
let database: Database;
let devices: KnownDevices;

beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const strategy = new NatsStrategy({ bus, service: 'device-registry', logger });
  const app = await NestFactory.createMicroservice(SpecModule, { strategy, logger: false });
  await app.listen();
  registry = app;
  server = await testDatabase({
    name: 'known-devices',
    migrate: async (url) => {
      const migrations = [...eventStoreMigrations, ...knownDevicesMigrations];
      await migrateSchema({ url, schema: 'known', migrations });
    },
  });
  database = openDatabase({ url: server.url, schema: 'known', poolSize: 4, name: 'spec' });
  devices = new KnownDevices(database, bus);
});

afterAll(async () => {
  await registry.close();
  await bus.close();
  await nats.stop();
  await database.close();
  await server.drop();
});

beforeEach(() => {
  asked = [];
  fault = undefined;
});

const device = () => ({ tenantId, deviceId: newId() });
const facts = (device: DeviceId, more: Partial<DeviceFacts> = {}): DeviceFacts => ({
  ...device,
  deviceTypeId,
  interface: 'mqtt',
  appVersion: 'thermostat-v1',
  name: 'a name',
  tags: [],
  folder: '/',
  version: 1,
  ...more,
});
const kindOf = async (known: DeviceId) => (await devices.kindsOf([known]))[0];
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('a device', () => {
  it('that is remembered is known without asking', async () => {
    const known = device();
    await devices.remember([facts(known), facts(known)]);
    await devices.assertKnown(known);
    expect(asked).toEqual([]);
  });

  it('that is missing is asked for once, and then known', async () => {
    const young = device();
    await devices.assertKnown(young);
    await devices.assertKnown(young);
    expect(asked).toEqual([young.deviceId]);
  });

  it('that the registry does not have is not found, and may come later', async () => {
    const unknown = device();
    fault = new AppError('device-not-found', 'No such device.');
    await expect(devices.assertKnown(unknown)).rejects.toEqual(code('device-not-found'));
    fault = undefined;
    await devices.assertKnown(unknown);
  });

  it('stays deleted, in whatever order the events come', async () => {
    const gone = device();
    await devices.markDeleted([gone]);
    await devices.remember([facts(gone)]);
    await expect(devices.assertKnown(gone)).rejects.toEqual(code('device-not-found'));
    expect(asked).toEqual([]);
  });

  it('with an id that is none of ours is not found, without asking', async () => {
    for (const deviceId of ['', 'a.b', '\0', 'x'.repeat(65)]) {
      await expect(devices.assertKnown({ tenantId, deviceId })).rejects.toEqual(code('device-not-found'));
    }
    expect(asked).toEqual([]);
  });

  it('has its own fault in a bulk: neighbours are not touched by it', async () => {
    const [known, away] = [device(), device()];
    await devices.remember([facts(known)]);
    fault = new AppError('unavailable', 'Away.');
    expect(await devices.faultsOf([known, away, known])).toEqual([undefined, code('unavailable'), undefined]);
  });
});

describe('the kind of a device', () => {
  const kind = (known: DeviceId, appVersion: string) => ({
    ...known,
    deviceTypeId,
    appVersion,
    interface: 'mqtt',
  });

  it('is the newest that was told, in whatever order', async () => {
    const known = device();
    await devices.remember([facts(known, { version: 1 })]);
    const change = { ...known, appVersion: 'thermostat-v3', version: 5 };
    await devices.remember([change, { ...change, appVersion: 'thermostat-v2', version: 3 }]);
    expect(await kindOf(known)).toEqual(kind(known, 'thermostat-v3'));
    await devices.remember([{ ...change, appVersion: 'thermostat-v4', version: 4 }]);
    await devices.remember([facts(known, { version: 1 })]);
    expect(await kindOf(known)).toEqual(kind(known, 'thermostat-v3'));
    expect(asked).toEqual([]);
  });

  it('is not known from a change alone, and is asked for without losing the change', async () => {
    const known = device();
    await devices.remember([{ ...known, appVersion: 'thermostat-v2', version: 2 }]);
    expect(await kindOf(known)).toBeUndefined();
    expect(await devices.learnKinds([known, known])).toEqual([undefined, undefined]);
    expect(await kindOf(known)).toEqual(kind(known, 'thermostat-v2'));
    expect(asked).toEqual([known.deviceId]);
  });

  it('is asked for where the row is from before kinds were kept', async () => {
    const old = device();
    await database.query(`INSERT INTO known_devices (tenant_id, device_id, deleted) VALUES ($1, $2, false)`, [
      tenantId,
      old.deviceId,
    ]);
    await devices.assertKnown(old);
    expect(asked).toEqual([]);
    await devices.learnKinds([old]);
    expect(await kindOf(old)).toEqual(kind(old, 'thermostat-v1'));
  });

  it('is not told of a deleted device, nor of one the registry cannot tell about', async () => {
    const [gone, away] = [device(), device()];
    await devices.markDeleted([gone]);
    fault = new AppError('unavailable', 'Away.');
    const faults = await devices.learnKinds([gone, away, { tenantId, deviceId: 'a.b' }]);
    expect(faults).toEqual([code('device-not-found'), code('unavailable'), code('device-not-found')]);
    expect(await devices.kindsOf([gone, away])).toEqual([undefined, undefined]);
  });

  it('while the registry is away is not asked for one device after the other', async () => {
    fault = new AppError('unavailable', 'Away.');
    const many = Array.from({ length: 100 }, device);
    expect(await devices.learnKinds(many)).toEqual(many.map(() => code('unavailable')));
    expect(asked).toHaveLength(32);
  });

  it('that the registry fails on for its own sake keeps no other from being learnt', async () => {
    const many = Array.from({ length: 100 }, device);
    broken.add(many[0]?.deviceId ?? '');
    const faults = await devices.learnKinds(many);
    expect(faults).toEqual(many.map((_, index) => (index === 0 ? code('internal') : undefined)));
  });

  it('decides the page of a type, with those that are not known yet', async () => {
    const other = newId();
    const mine = [device(), device(), device()];
    const [unknown, foreign, gone] = [device(), device(), device()];
    await devices.remember(mine.map((one) => facts(one, { deviceTypeId: other })));
    await devices.remember([{ ...unknown, appVersion: 'x', version: 2 }]);
    await devices.remember([facts(foreign), facts(gone, { deviceTypeId: other })]);
    await devices.markDeleted([gone]);
    const found: string[] = [];
    for (let after = ''; ;) {
      const page = await devices.page(tenantId, other, { after, limit: 2 });
      found.push(...page);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last;
    }
    expect(found).toEqual([...found].sort());
    expect(found).toEqual(expect.arrayContaining([...mine, unknown].map(({ deviceId }) => deviceId)));
    expect(found).not.toContain(foreign.deviceId);
    expect(found).not.toContain(gone.deviceId);
  });
});

describe('what is known of a device', () => {
  const ALL = ['deviceTypeId', 'interface', 'appVersion', 'name', 'tags', 'folder'] as const;

  it('is of each fact the newest that was told, in whatever order the changes come', async () => {
    const known = device();
    const told: DeviceChange[] = [
      facts(known, { name: 'old', tags: ['old'] }),
      { ...known, version: 3, tags: ['roof', 'north'] },
      { ...known, version: 4, name: 'new' },
      { ...known, version: 5, folder: '/paris' },
      { ...known, version: 3, interface: 'http' },
      { ...known, version: 2, tags: ['south'], name: 'between', interface: 'mqtt' },
    ];
    for (const order of [told, told.toReversed()]) {
      const other = { tenantId, deviceId: newId() };
      const mine = order.map((change) => ({ ...change, ...other }));
      await devices.remember(mine.slice(0, 2));
      for (const change of mine.slice(1)) await devices.remember([change]);
      expect(await devices.get(other, ALL)).toEqual({
        ...other,
        deviceTypeId,
        interface: 'http',
        appVersion: 'thermostat-v1',
        name: 'new',
        tags: ['roof', 'north'],
        folder: '/paris',
      });
    }
    expect(asked).toEqual([]);
  });

  it('is asked for where one of the facts that are needed is not known, and only then', async () => {
    const [known, partly, gone] = [device(), device(), device()];
    await devices.remember([facts(known), { ...partly, version: 7, tags: ['mine'] }]);
    await devices.markDeleted([gone]);
    expect(await devices.find([partly], ['tags'])).toEqual([{ ...partly, tags: ['mine'] }]);
    expect(asked).toEqual([]);
    expect(await devices.find([known, partly, gone], ['tags', 'name'])).toEqual([
      { ...known, tags: [], name: 'a name' },
      { ...partly, tags: ['mine'], name: partly.deviceId },
      code('device-not-found'),
    ]);
    expect(asked).toEqual([partly.deviceId]);
  });

  it('comes from the events of the registry', async () => {
    const [one, gone] = [device(), device()];
    const of = ({ deviceId }: DeviceId, version: number) => ({
      deviceId,
      version,
      at: '2026-01-01T00:00:00Z',
      actor,
    });
    const event = <Data extends object>(contract: PublishedContract<Data>, id: DeviceId, data: Data) => ({
      contract,
      ...id,
      entityId: id.deviceId,
      data,
    });
    const made = { deviceTypeId, deviceType: 'thermostat', interface: 'http', metadata: {} } as const;
    const first = { ...made, appVersion: 'v1', name: 'first', tags: ['a'], folder: '/' };
    const change = (changes: DeviceChanged['changes'], version: number) =>
      event(deviceChanged, one, { ...of(one, version), changes });
    const events = [
      event(deviceProvisioned, one, { ...of(one, 1), ...first }),
      event(deviceProvisioned, gone, { ...of(gone, 1), ...first }),
      change({ name: { from: 'first', to: 'second' } }, 2),
      change({ tags: { from: ['a'], to: ['b', 'c'] }, folder: { from: '/', to: '/x' } }, 3),
      change({ interface: { from: 'http', to: 'mqtt' } }, 3),
      change({ 'metadata.k': { from: 1, to: 2 }, serialNumber: { from: null, to: 's' } }, 4),
      event(deviceDeleted, gone, of(gone, 2)),
    ];
    await devices.follow(events as unknown as Parameters<KnownDevices['follow']>[0]);
    expect(await devices.find([one, gone], ALL)).toEqual([
      {
        ...one,
        deviceTypeId,
        interface: 'mqtt',
        appVersion: 'v1',
        name: 'second',
        tags: ['b', 'c'],
        folder: '/x',
      },
      code('device-not-found'),
    ]);
    expect(asked).toEqual([]);
  });
});

describe('hold', () => {
  it('makes a deletion wait for the end of the transaction', async () => {
    const held = device();
    await devices.remember([facts(held)]);
    let deleted = false;
    let deletion: Promise<void> | undefined;
    await database.transaction(async (tx) => {
      await devices.hold(tx, held);
      deletion = devices.markDeleted([held]).then(() => void (deleted = true));
      await eventually(async () => {
        const { rowCount } = await database.query(
          `SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
           WHERE NOT l.granted AND a.datname = current_database()`,
        );
        return rowCount === 1;
      });
      expect(deleted).toBe(false);
    });
    await deletion;
    expect(deleted).toBe(true);
  });

  it('refuses a device that was deleted since it was asserted', async () => {
    const gone = device();
    await devices.assertKnown(gone);
    await devices.markDeleted([gone]);
    await expect(database.transaction((tx) => devices.hold(tx, gone))).rejects.toEqual(
      code('device-not-found'),
    );
  });
});
