import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { HubKeys } from './hub-keys.js';
import type { StoredHub } from './hubs.projection.js';
import { Sealer } from './sealed.js';

let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await testDatabase({ name: 'iothub-adapter', migrate });
  database = openDatabase({ url: server.url, schema: 'iothub_adapter', poolSize: 1, name: 'spec' });
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

const [old, next] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const keysBy = (...keys: [Buffer, ...Buffer[]]): HubKeys => new HubKeys(new Sealer(keys));

it('is opened by the next sealing key alone, once it was opened where that one comes first', async () => {
  const hub: StoredHub = {
    ...{ tenantId: 't', id: 'h', version: 1, createdAt: '', createdBy: { kind: 'user', id: 'u' } },
    ...{ name: 'hub', hostName: 'hub.example', policy: 'owner', keyFingerprint: '', deviceTypes: [] },
    ...{ consumerGroup: '$Default', tier: 'S1', units: 1 },
  };
  const keyBy = async (...keys: [Buffer, ...Buffer[]]) => (await keysBy(...keys).accessTo(database, hub)).key;
  await keysBy(old).keep(database, 't', 'h', 'secret');

  expect(await keyBy(old, next)).toBe('secret');
  await expect(keyBy(next)).rejects.toMatchObject({ code: 'iot-hubs-not-set-up' });
  expect(await keyBy(next, old)).toBe('secret');
  expect(await keyBy(next)).toBe('secret');
  // A replica that was not restarted yet.
  expect(await keyBy(old, next)).toBe('secret');
});
