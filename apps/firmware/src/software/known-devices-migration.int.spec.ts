import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { eventStoreMigrations, migrateSchema, openDatabase, type Database } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import type { Bus } from '@muster/messaging';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { Firmware1763600200001 } from '../../migrations/0001-firmware.js';
import { migrate } from '../app.module.js';
import { DEVICE_FACTS } from './catalogue.js';

const tenantId = 'default';
let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await testDatabase({
    name: 'firmware-before-known-devices',
    migrate: async (url) => {
      const migrations = [...eventStoreMigrations, Firmware1763600200001];
      await migrateSchema({ url, schema: 'firmware', migrations });
    },
  });
  database = openDatabase({ url: server.url, schema: 'firmware', poolSize: 2, name: 'spec' });
});

afterAll(async () => {
  await database.close();
  await server.drop();
});

it('keeps all that was known of devices, so that none has to be asked for', async () => {
  await database.query(`
    INSERT INTO devices (tenant_id, device_id, device_type_id, tags, version, deleted) VALUES
      ('default', 'known', 'type-1', '{roof,north}', 4, false),
      ('default', 'gone', 'type-1', '{}', 1, true),
      ('default', 'heard-of', NULL, '{south}', 3, false)`);
  await migrate(server.url);
  const asked: unknown[] = [];
  // The one request it makes: the registry is away.
  const request = async (_contract: object, body: object) => {
    asked.push(body);
    throw new AppError('unavailable', 'Away.');
  };
  const devices = new KnownDevices(database, { request } as unknown as Bus);
  const [known, gone, heardOf] = ['known', 'gone', 'heard-of'].map((deviceId) => ({ tenantId, deviceId }));
  expect(await devices.find([known!, gone!], DEVICE_FACTS)).toEqual([
    { ...known, deviceTypeId: 'type-1', tags: ['roof', 'north'] },
    expect.objectContaining({ code: 'device-not-found' }),
  ]);
  expect(asked).toEqual([]);
  expect(await devices.find([heardOf!], ['tags'])).toEqual([{ ...heardOf, tags: ['south'] }]);
  await devices.remember([{ ...known!, version: 3, tags: ['older'] }]);
  expect(await devices.get(known!, ['tags'])).toMatchObject({ tags: ['roof', 'north'] });
});
