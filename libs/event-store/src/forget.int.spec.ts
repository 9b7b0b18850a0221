import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { openDatabase, type Database } from './database.js';
import { forgetOld } from './forget.js';
import { eventStoreMigrations } from './index.js';
import { migrateSchema } from './migrate-schema.js';

const SCHEMA = 'forgetful';
const MANY = 25_000;
const kept = { service: 'forgetful', announcementsKeptHours: 2 };
let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await testDatabase();
  await migrateSchema({ url: server.url, schema: SCHEMA, migrations: eventStoreMigrations });
  database = openDatabase({ url: server.url, schema: SCHEMA, poolSize: 4, name: 'spec' });
});
afterAll(async () => {
  await database.close();
  await server.drop();
});
beforeEach(() => database.query('TRUNCATE idempotency, announcements, relay_cursor'));

const replies = (count: number, hoursAgo: number) =>
  database.query(
    `INSERT INTO idempotency (tenant_id, key, body_hash, reply, created_at)
     SELECT 'default', $2 || '-' || n, '', '{}', now() - make_interval(hours => $2::integer)
     FROM generate_series(1, $1) n`,
    [count, hoursAgo],
  );
const announcements = (count: number, hoursAgo: number) =>
  database.query(
    `INSERT INTO announcements (tenant_id, stream, version, aggregate, type, schema_version, data, metadata, recorded_at)
     SELECT 'default', 'visit-' || $2 || '-' || n, 1, 'visit', 'Visited', 1, '{}', '{}', now() - make_interval(hours => $2::integer)
     FROM generate_series(1, $1) n`,
    [count, hoursAgo],
  );
/** As if the relay had published all that there is. */
const published = () =>
  database.query(
    `INSERT INTO relay_cursor (relay, txid, position) SELECT 'forgetful', txid, position FROM announcements
     ORDER BY txid DESC, position DESC LIMIT 1`,
  );
const left = async (table: 'idempotency' | 'announcements'): Promise<number> =>
  Number((await database.query<{ count: string }>(`SELECT count(*) FROM ${table}`)).rows[0]?.count);
/** Until nothing is left, as the upkeep does; returns the rounds. */
const forgetAll = async (): Promise<number> => {
  for (let rounds = 1; ; rounds += 1) if (!(await forgetOld(database, kept))) return rounds;
};

describe('forgetOld', () => {
  it('removes every reply of yesterday, in bounded rounds, and none of today', async () => {
    await replies(MANY, 25);
    await replies(3, 23);
    expect(await forgetAll()).toBe(3);
    expect(await left('idempotency')).toBe(3);
  });

  it('removes every announcement that the stream has forgotten, and no other', async () => {
    await announcements(MANY, 3);
    await announcements(3, 1);
    await published();
    await announcements(5, 4); // old, and not published yet
    expect(await forgetAll()).toBe(3);
    expect(await left('announcements')).toBe(8);
  });

  it('may be done by several replicas at once', async () => {
    await replies(MANY, 25);
    await announcements(MANY, 3);
    await published();
    await Promise.all([forgetAll(), forgetAll(), forgetAll()]);
    expect([await left('idempotency'), await left('announcements')]).toEqual([0, 0]);
  });
});
