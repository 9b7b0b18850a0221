import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { forgetHub, TABLES_OF_HUB } from './hub-tables.js';

/** Who empties the others when a hub is removed. */
const BY_OTHERS: Readonly<Record<string, string>> = {
  hub_device_types: 'its reference to hubs, which is made again from events',
  hub_keys: 'HubKeys.forget',
  hub_identities: 'IdentityLedger.forget',
};

/** Something of each type that a column without a default may have. */
const ANYTHING: Readonly<Record<string, string>> = {
  text: `'x'`,
  integer: '1',
  bigint: '1',
  boolean: 'true',
  jsonb: `'{}'`,
  'double precision': '1',
  'timestamp with time zone': 'now()',
};

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

const addRow = async (table: string, hubId: string): Promise<void> => {
  const { rows } = await database.query<{ name: string; type: string }>(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = 'iothub_adapter' AND table_name = $1
       AND is_nullable = 'NO' AND column_default IS NULL AND column_name <> 'hub_id'`,
    [table],
  );
  const columns = ['hub_id', ...rows.map(({ name }) => name)];
  const values = ['$1', ...rows.map(({ type }) => ANYTHING[type] ?? `no value for ${type}`)];
  // One key may not have the hub in it.
  if (columns.includes('device_id')) values[columns.indexOf('device_id')] = '$1';
  await database.query(`INSERT INTO ${table} (${columns.join()}) VALUES (${values.join()})`, [hubId]);
};

const hubsIn = async (table: string): Promise<string[]> => {
  const { rows } = await database.query<{ hub_id: string }>(`SELECT hub_id FROM ${table} ORDER BY hub_id`);
  return rows.map((row) => row.hub_id);
};

describe('a hub that is removed', () => {
  it('is in no table that is not emptied of it', async () => {
    const { rows } = await database.query<{ table: string }>(
      `SELECT table_name AS table FROM information_schema.columns
       WHERE table_schema = 'iothub_adapter' AND column_name = 'hub_id'`,
    );
    expect(rows.map(({ table }) => table).sort()).toEqual(
      [...TABLES_OF_HUB, ...Object.keys(BY_OTHERS)].sort(),
    );
  });

  it('leaves no row, and those of other hubs stay', async () => {
    for (const table of TABLES_OF_HUB) {
      await addRow(table, 'removed');
      await addRow(table, 'stays');
    }
    await forgetHub(database, 'removed');
    await forgetHub(database, 'removed');
    for (const table of TABLES_OF_HUB) expect([table, await hubsIn(table)]).toEqual([table, ['stays']]);
  });
});
