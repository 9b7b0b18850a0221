import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createEventStore, migrateSchema, openDatabase, type Database } from '@muster/event-store';
import { createLogger, Metrics } from '@muster/observability';
import { eventually, testDatabase, type TestDatabase } from '@muster/testing';
import { PresenceFromTheDoor1764390000015 } from '../../migrations/0015-presence-from-the-door.js';
import { migrate, migrations, projections } from '../app.module.js';
import { findConnectivity } from './device-connectivity.js';
import { watchDoors } from './door-leases.js';

const SCHEMA = 'device_registry';
const tenantId = 'default';
let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await testDatabase({
    name: 'device-registry-before-doors',
    migrate: async (url) => {
      const before = migrations.filter((one) => one !== PresenceFromTheDoor1764390000015);
      await migrateSchema({ url, schema: SCHEMA, migrations: before });
    },
  });
  database = openDatabase({ url: server.url, schema: SCHEMA, poolSize: 2, name: 'spec' });
}, 60_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

it('what the broker told of last is closed as lost, and announced; a second run changes nothing', async () => {
  await database.query(`
    INSERT INTO device_types (tenant_id, id, name, settings, version, created_at)
    VALUES ('default', 't', 'radiator', '{}', 1, now())`);
  await database.query(`
    INSERT INTO app_versions (tenant_id, device_type_id, id, name, nth) VALUES ('default', 't', 'v', 'radiator-v1', 1)`);
  await database.query(`
    INSERT INTO devices (tenant_id, id, name, device_type_id, app_version, interface, folder, tags, metadata, version, created_at)
    SELECT 'default', id, id, 't', 'radiator-v1', 'mqtt', '/', '{}', '{}', 1, now()
    FROM unnest(ARRAY['gateway', 'child', 'left']) AS id`);
  await database.query(`
    INSERT INTO device_connectivity (tenant_id, device_id, connected, since, last_seen_at, version) VALUES
      ('default', 'gateway', true, '2026-11-01', '2026-11-02', 7), ('default', 'child', true, '2026-11-01', '2026-11-02', 1),
      ('default', 'left', false, '2026-11-01', '2026-11-01', 2)`);
  await database.query(`
    INSERT INTO connections (connection, client_id, broker, incarnation, closed_at) VALUES
      ('<b.1.2.3>', 'c1', 'b', 1, NULL), ('<b.1.2.4>', 'c2', 'b', 1, now())`);
  await database.query(`
    INSERT INTO device_connections (connection, tenant_id, device_id) VALUES
      ('<b.1.2.3>', 'default', 'gateway'), ('<b.1.2.3>', 'default', 'child')`);
  await migrate(server.url);
  expect(await migrate(server.url)).toEqual([]);

  const logger = createLogger({ service: 'spec', level: 'silent' });
  const store = createEventStore(database, { projections });
  const bus = { isConnected: () => true };
  const watch = watchDoors({ database, store, bus, logger, metrics: new Metrics('spec') });
  const of = (deviceId: string) => findConnectivity(database, { tenantId, deviceId });
  await eventually(async () => (await of('child'))?.connected === false, { what: 'the loss' });
  await watch.stop();
  for (const device of ['gateway', 'child']) {
    expect(await of(device)).toMatchObject({
      connected: false,
      lastSeenAt: '2026-11-02T00:00:00.000Z',
      connections: [],
      lastEnded: { reason: 'door-lost', clientId: 'c1' },
    });
  }
  expect(await of('left')).toMatchObject({
    connected: false,
    since: '2026-11-01T00:00:00.000Z',
    lastEnded: null,
  });
  const { rows } = await database.query(`SELECT stream, type FROM announcements ORDER BY stream`);
  expect(rows).toEqual([
    { stream: 'connectivity-child', type: 'DeviceDisconnected' },
    { stream: 'connectivity-gateway', type: 'DeviceDisconnected' },
  ]);
});
