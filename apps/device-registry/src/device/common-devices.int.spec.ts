import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { areCommon } from './common-devices.js';
import { deviceCondition } from './device-filter.js';
import { conditionsOf, DeviceSearch } from './device-search.js';

const tenantId = 'default';
const DEVICES = 12_000;

let server: TestDatabase;
let database: Database;

/** Version 1.1 is on every tenth device, and three are busy. */
beforeAll(async () => {
  server = await testDatabase({
    name: 'common-devices',
    migrate,
  });
  database = openDatabase({ url: server.url, schema: 'device_registry', poolSize: 4, name: 'spec' });
  await database.query(
    `INSERT INTO device_types (tenant_id, id, name, settings, version, created_at) VALUES ($1, 't', 't', '{}', 1, now())`,
    [tenantId],
  );
  await database.query(
    `INSERT INTO app_versions (tenant_id, device_type_id, id, name, nth) VALUES ($1, 't', 'v1', 'v1', 1)`,
    [tenantId],
  );
  await database.query(
    `INSERT INTO devices (tenant_id, id, name, device_type_id, app_version, interface, folder, tags, metadata, version, created_at)
     SELECT $1, 'd' || n, 'name-' || lpad((${DEVICES} - n)::text, 6, '0'), 't', 'v1', 'mqtt', '/', '{}', '{}', 1, now()
     FROM generate_series(1, ${DEVICES}) AS n`,
    [tenantId],
  );
  await database.query(
    `INSERT INTO device_state (tenant_id, device_id, version, desired, reported, config_id, sync_state, sync_facts)
     SELECT $1, 'd' || n, 1, '{}', jsonb_build_object('version', CASE WHEN n % 10 = 0 THEN '1.1' ELSE '1.2' END,
       'busy', n % 4000 = 0), '', 'in_sync', '{}' FROM generate_series(1, ${DEVICES}) AS n`,
    [tenantId],
  );
  await database.query('VACUUM ANALYZE');
}, 60_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

const pageOf = async (filter: string) => ({
  tenantId,
  which: await deviceCondition(database, tenantId, filter),
  after: undefined,
  limit: 50,
});
const common = async (filter: string) => {
  const page = await pageOf(filter);
  return database.transaction((tx) => areCommon(tx, conditionsOf('name', page), page.limit));
};
const names = async (filter: string) =>
  (await new DeviceSearch(database).list('name', await pageOf(filter))).map(({ name }) => name);
const nameOf = (n: number): string => `name-${String(DEVICES - n).padStart(6, '0')}`;

describe('devices that match a filter of which PostgreSQL only guesses', () => {
  it('are common where many match, by whatever comparison', async () => {
    expect(await common('reported.version==1.1')).toBe(true);
    expect(await common('reported.version!=1.2')).toBe(true);
    expect(await common('reported.version!=1.1')).toBe(true);
  });

  it('are not where few or none do', async () => {
    expect(await common('reported.busy==true')).toBe(false);
    expect(await common('reported.version==1.3')).toBe(false);
  });

  it('are found in the order of the page either way', async () => {
    const last = Array.from({ length: 50 }, (_none, nth) => nameOf(DEVICES - nth * 10));
    expect(await names('reported.version==1.1')).toEqual(last);
    expect(await names('reported.busy==true')).toEqual([12_000, 8_000, 4_000].map(nameOf));
    expect(await names('reported.version==1.3')).toEqual([]);
  });
});
