import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, getDevice, newId, type DeviceRef, type DeviceView } from '@muster/contracts';
import { eventStoreMigrations, migrateSchema, openDatabase, type Database } from '@muster/event-store';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { KnownDevices, knownDevicesMigrations } from './index.js';

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

const viewOf = (id: string): DeviceView => ({
  id,
  name: id,
  deviceType: 'thermostat',
  deviceTypeId: newId(),
  appVersion: 'thermostat-v1',
  interface: 'mqtt',
  folder: '/',
  tags: [],
  metadata: {},
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
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('a device', () => {
  it('that is remembered is known without asking', async () => {
    const known = device();
    await devices.remember([known, known]);
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
    await devices.remember([gone]);
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
    await devices.remember([known]);
    fault = new AppError('unavailable', 'Away.');
    expect(await devices.faultsOf([known, away, known])).toEqual([undefined, code('unavailable'), undefined]);
  });
});

describe('hold', () => {
  it('makes a deletion wait for the end of the transaction', async () => {
    const held = device();
    await devices.remember([held]);
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
