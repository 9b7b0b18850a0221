import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrateCounters } from './counter.fixture.js';
import { allowStatements, openDatabase, type Database } from './index.js';

const QUERY_CANCELED = '57014';
const STATEMENT_MS = 500;
/** As STATEMENT_MS, and what an answer is given more. */
const NOTICED_MS = 5_500;

let postgres: TestDatabase;
/** Between the database and its server: goes silent without a word, as a host does that lost its power. */
let network: Server;
let silenced: Socket[];
let passing: Set<Socket>;
let database: Database;

beforeAll(async () => {
  postgres = await testDatabase({ name: 'counters', migrate: migrateCounters });
});

afterAll(() => postgres.drop());

beforeEach(async () => {
  silenced = [];
  passing = new Set();
  const { hostname, port } = new URL(postgres.url);
  network = createServer((client) => {
    const server = createConnection({ host: hostname, port: Number(port) });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      passing.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => network.listen(0, '127.0.0.1', resolve));
  const url = new URL(postgres.url);
  url.hostname = '127.0.0.1';
  url.port = String((network.address() as AddressInfo).port);
  database = openDatabase({
    url: url.href,
    schema: 'counters',
    poolSize: 2,
    name: 'counters',
    statementMs: STATEMENT_MS,
  });
});

afterEach(async () => {
  for (const socket of [...passing, ...silenced]) socket.destroy();
  await database.close();
  await new Promise((resolve) => network.close(resolve));
});

/** Of all connections there are; later ones pass. */
const silence = (): void => {
  for (const socket of passing) {
    socket.unpipe();
    socket.pause();
    silenced.push(socket);
  }
  passing.clear();
};

const one = async (): Promise<unknown> => {
  const { rows } = await database.query<{ one: number }>('SELECT 1 AS one');
  return rows;
};

describe('a server that is gone without a word', () => {
  it('is noticed by the answer that does not come, and the next statement goes over a new connection', async () => {
    expect(await one()).toEqual([{ one: 1 }]);
    silence();
    const began = performance.now();
    await expect(one()).rejects.toMatchObject({ code: 'unavailable' });
    expect(performance.now() - began).toBeGreaterThan(NOTICED_MS - 50);
    expect(await one()).toEqual([{ one: 1 }]);
  });

  it('ends a transaction, which takes no connection with it', async () => {
    const work = database.transaction(async (tx) => {
      await tx.query('SELECT 1');
      silence();
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
    silence();
    await expect(sleep(0)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
