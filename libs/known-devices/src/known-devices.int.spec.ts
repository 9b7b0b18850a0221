import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, newId } from '@muster/contracts';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import { eventStoreMigrations, migrateSchema, openDatabase, type Database } from '@muster/event-store';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { KnownDevices, knownDevicesMigrations, type DeviceFacts, type DeviceId } from './index.js';

const tenantId = 'default';
const logger = createLogger({ service: 'spec', level: 'silent' });

/** Stands for the registry, which is another app. */
let asked: string[] = [];
let fault: AppError | undefined;

@Controller()
class Registry {
  @Handles(getDevice)
  get({ deviceId }: DeviceRef): Promise<DeviceView> {
    asked.push(deviceId);
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
  appVersion: 'thermostat-v1',
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
  const kind = (known: DeviceId, appVersion: string) => ({ ...known, deviceTypeId, appVersion });

  it('is the newest that was told, in whatever order', async () => {
    const known = device();
    await devices.remember([facts(known, { version: 1 })]);
    const change = { ...known, appVersion: 'thermostat-v3', version: 5 };
    await devices.rememberAppVersions(database, [
      change,
      { ...change, appVersion: 'thermostat-v2', version: 3 },
    ]);
    expect(await kindOf(known)).toEqual(kind(known, 'thermostat-v3'));
    await devices.rememberAppVersions(database, [{ ...change, appVersion: 'thermostat-v4', version: 4 }]);
    await devices.remember([facts(known, { version: 1 })]);
    expect(await kindOf(known)).toEqual(kind(known, 'thermostat-v3'));
    expect(asked).toEqual([]);
  });

  it('is not known from a change alone, and is asked for without losing the change', async () => {
    const known = device();
    await devices.rememberAppVersions(database, [{ ...known, appVersion: 'thermostat-v2', version: 2 }]);
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

  it('decides the page of a type, with those that are not known yet', async () => {
    const other = newId();
    const mine = [device(), device(), device()];
    const [unknown, foreign, gone] = [device(), device(), device()];
    await devices.remember(mine.map((one) => facts(one, { deviceTypeId: other })));
    await devices.rememberAppVersions(database, [{ ...unknown, appVersion: 'x', version: 2 }]);
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
