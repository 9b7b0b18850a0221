import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { silentNetwork, testDatabase, type SilentNetwork, type TestDatabase } from '@muster/testing';
import { migrateCounters } from './counter.fixture.js';
import { allowStatements, openDatabase, type Database } from './index.js';

const QUERY_CANCELED = '57014';
const STATEMENT_MS = 500;
/** As STATEMENT_MS, and what an answer is given more. */
const NOTICED_MS = 5_500;

let postgres: TestDatabase;
let network: SilentNetwork;
let database: Database;

beforeAll(async () => {
  postgres = await testDatabase({ name: 'counters', migrate: migrateCounters });
});

afterAll(() => postgres.drop());

beforeEach(async () => {
  const url = new URL(postgres.url);
  network = await silentNetwork(Number(url.port));
  url.hostname = '127.0.0.1';
  url.port = String(network.port);
  const pool = { schema: 'counters', poolSize: 2, name: 'counters' };
  database = openDatabase({ ...pool, url: url.href, statementMs: STATEMENT_MS });
});

afterEach(async () => {
  await database.close();
  await network.stop();
});

const one = async (): Promise<unknown> => {
  const { rows } = await database.query<{ one: number }>('SELECT 1 AS one');
  return rows;
};

describe('a server that is gone without a word', () => {
  it('is noticed by the answer that does not come, and the next statement goes over a new connection', async () => {
    expect(await one()).toEqual([{ one: 1 }]);
    network.silence();
    const began = performance.now();
    await expect(one()).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - began).toBeGreaterThan(NOTICED_MS - 50);
    expect(await one()).toEqual([{ one: 1 }]);
  });

  it('ends a transaction, which takes no connection with it', async () => {
    const work = database.transaction(async (tx) => {
      await tx.query('SELECT 1');
      network.silence();
      await Promise.all([tx.query('SELECT 2'), tx.query('SELECT 3')]);
    });
    await expect(work).rejects.toMatchObject({ code: 'unavailable' });
    expect(database.pool.totalCount).toBe(0);
    expect(await one()).toEqual([{ one: 1 }]);
  });
});

describe('a statement that takes long', () => {
  const sleep = (seconds: number, before: (tx: pg.PoolClient) => Promise<void> = () => Promise.resolve()) =>
    database.transaction(async (tx) => {
      await before(tx);
      await tx.query('SELECT pg_sleep($1)', [seconds]);
    });

  it('is broken off by the server, and the connection stays', async () => {
    await expect(sleep(5)).rejects.toMatchObject({ code: 'unavailable', cause: { code: QUERY_CANCELED } });
    expect(database.pool.totalCount).toBe(1);
  });

  it('is waited for where its transaction allows it, and only there', async () => {
    await sleep((STATEMENT_MS + 200) / 1_000, (tx) => allowStatements(tx, 0));
    network.silence();
    await expect(sleep(0)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
