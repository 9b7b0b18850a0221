import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createEventStore, migrateSchema, openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { Folders1764420000016 } from '../../migrations/0016-folders.js';
import { migrate, migrations } from '../app.module.js';
import { listFoldersByPath } from './folder-list.projection.js';
import { folder } from './folder.decider.js';

const SCHEMA = 'device_registry';
const tenantId = 'default';
let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await testDatabase({
    name: 'device-registry-before-folders',
    migrate: async (url) => {
      const before = migrations.slice(0, migrations.indexOf(Folders1764420000016));
      await migrateSchema({ url, schema: SCHEMA, migrations: before });
    },
  });
  database = openDatabase({ url: server.url, schema: SCHEMA, poolSize: 2, name: 'spec' });
}, 60_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

it('folders that devices name are there, with those above them and with their events', async () => {
  await database.query(`
    INSERT INTO device_types (tenant_id, id, name, settings, version, created_at)
    VALUES ('default', 't', 'radiator', '{}', 1, now())`);
  await database.query(`
    INSERT INTO app_versions (tenant_id, device_type_id, id, name, nth) VALUES ('default', 't', 'v', 'radiator-v1', 1)`);
  await database.query(`
    INSERT INTO devices (tenant_id, id, name, device_type_id, app_version, interface, folder, tags, metadata, version, created_at)
    SELECT 'default', folder || nth, folder || nth, 't', 'radiator-v1', 'mqtt', folder, '{}', '{}', 1, now()
    FROM unnest(ARRAY['/', '/paris/a b/c', '/paris', '/lyon']) AS folder, generate_series(1, 2) AS nth`);
  await migrate(server.url);
  const folders = await listFoldersByPath(database, tenantId, undefined, undefined, 10);
  expect(folders.map(({ path, name, folders: inIt }) => [path, name, inIt])).toEqual([
    ['/lyon', 'lyon', 0],
    ['/paris', 'paris', 1],
    ['/paris/a b', 'a b', 1],
    ['/paris/a b/c', 'c', 0],
  ]);
  expect(folders.map(({ parentId }) => parentId)).toEqual([
    undefined,
    undefined,
    folders[1]?.id,
    folders[2]?.id,
  ]);
  const store = createEventStore(database);
  for (const { id, name, parentId = null, path, createdAt } of folders) {
    expect((await store.load(folder, tenantId, id)).state).toEqual({ status: 'existing', name, parentId });
    const [event] = await store.readStream(tenantId, folder, id);
    expect(event).toMatchObject({ type: 'FolderCreated', data: { name, parentId, path, createdAt } });
  }
});
