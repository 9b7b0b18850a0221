import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { eventStoreMigrations, migrateSchema, openDatabase } from './index.js';

let test: TestDatabase;

beforeAll(async () => {
  test = await testDatabase();
});

afterAll(() => test.drop());

const migrate = (schema: string) =>
  migrateSchema({ url: test.url, schema, migrations: eventStoreMigrations });

describe('migrateSchema', () => {
  it('runs every migration once, also when it is started many times at once', async () => {
    const runs = await Promise.all([migrate('one'), migrate('one'), migrate('one'), migrate('two')]);
    const names = [
      'Events1763600000001',
      'Idempotency1763600000002',
      'Announcements1763600000003',
      'RepliesWithoutSecrets1763600000004',
      'Acts1763600000005',
      'ActsAmongEvents1763600000006',
      'OrderWithinAStream1763600000007',
      'Bundles1763600000008',
    ];
    expect(runs.slice(0, 3).flat()).toEqual(names);
    expect(runs[3]).toEqual(names);
    expect(await migrate('one')).toEqual([]);
  });

  it('makes an index of a large table anew that a broken run has left, and leaves one that is whole', async () => {
    await migrate('broken');
    const database = openDatabase({ url: test.url, schema: 'broken', poolSize: 1, name: 'broken' });
    const forget = () => database.query("DELETE FROM migrations WHERE name LIKE 'ActsAmongEvents%'");
    const indexes = async () => {
      const { rows } = await database.query<{ oid: string; whole: boolean; unique: boolean }>(
        `SELECT indexrelid::text AS oid, indisvalid AS whole, indisunique AS unique
         FROM pg_index WHERE indexrelid = to_regclass('events_acts')`,
      );
      return rows;
    };
    try {
      await database.query(
        `INSERT INTO events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata)
         SELECT 'default', 'counter-1', n, 'counter', 'CounterRaised', 1, '{}', '{}' FROM generate_series(1, 2) AS n`,
      );
      await database.query('DROP INDEX events_acts');
      // PostgreSQL leaves the index of a CREATE INDEX CONCURRENTLY that breaks, here for two events of one tenant.
      const breaking = database.query('CREATE UNIQUE INDEX CONCURRENTLY events_acts ON events (tenant_id)');
      await expect(breaking).rejects.toThrow(/could not create unique index/);
      expect(await indexes()).toMatchObject([{ whole: false }]);
      await forget();
      expect(await migrate('broken')).toEqual(['ActsAmongEvents1763600000006']);
      const made = await indexes();
      expect(made).toMatchObject([{ whole: true, unique: false }]);
      await forget();
      expect(await migrate('broken')).toEqual(['ActsAmongEvents1763600000006']);
      expect(await indexes()).toEqual(made);
    } finally {
      await database.close();
    }
  });

  it('keeps a service out of the tables of another', async () => {
    await migrate('one');
    await migrate('two');
    const one = openDatabase({ url: test.url, schema: 'one', poolSize: 1, name: 'one' });
    try {
      expect((await one.query('SELECT * FROM events')).rows).toEqual([]);
      await expect(one.query('SELECT * FROM two.events')).rejects.toThrow(/permission denied/);
      await expect(one.query('CREATE TABLE two.mine (id text)')).rejects.toThrow(/permission denied/);
      const { rows } = await one.query<{ tableowner: string }>(
        `SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'one'`,
      );
      expect(rows).toEqual([{ tableowner: 'muster_one' }]);
    } finally {
      await one.close();
    }
  });

  it('refuses a schema name that would need quoting', async () => {
    await expect(migrate('one; DROP TABLE x')).rejects.toThrow(/cannot be the name/);
  });
});
