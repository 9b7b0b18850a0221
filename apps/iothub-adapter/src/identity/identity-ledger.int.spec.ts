import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { openDatabase, type Database } from '@muster/event-store';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { IdentityLedger } from './identity-ledger.js';

let server: TestDatabase;
let database: Database;

beforeAll(async () => {
  server = await testDatabase({
    name: 'identity-ledger',
    migrate: async (url) => {
      await migrate(url);
    },
  });
  database = openDatabase({ url: server.url, schema: 'iothub_adapter', poolSize: 2, name: 'spec' });
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

describe('what is wanted of hubs', () => {
  it('is not asked for while there is no hub, and is as soon as there is one', async () => {
    const away = new AppError('unavailable', 'Nobody serves it.');
    const ledger = new IdentityLedger(database, { request: () => Promise.reject(away) });
    await ledger.note(['d1', 'd2']);
    await database.query(
      `INSERT INTO hubs (tenant_id, id, name, host_name, settings, version, created_at, created_by)
       VALUES ('default', 'h1', 'factory', 'factory.example', '{}', 1, now(), '{}')`,
    );
    await expect(ledger.note(['d1', 'd2'])).rejects.toBe(away);
  });
});
