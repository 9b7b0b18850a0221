import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, newId } from '@muster/contracts';
import { eventually, testDatabase, type TestDatabase } from '@muster/testing';
import type pg from 'pg';
import { add, counter, migrateCounters, openCounters, tenantId } from './counter.fixture.js';
import type { Database, EventStore } from './index.js';

let test: TestDatabase;
let database: Database;
let store: EventStore;

beforeAll(async () => {
  test = await testDatabase({ name: 'event-store', migrate: migrateCounters });
  ({ database, store } = openCounters(test.url));
});

afterAll(async () => {
  await database.close();
  await test.drop();
});

/** As the relay does it when it has published all there is. */
const publishAll = () =>
  database.query(
    `INSERT INTO relay_cursor (relay, txid, position)
     SELECT 'counters', e.txid, e.position FROM events e ORDER BY e.txid DESC, e.position DESC LIMIT 1
     ON CONFLICT (relay) DO UPDATE SET txid = excluded.txid, position = excluded.position`,
  );
const rowsOf = async (id: string): Promise<number> => {
  const { rows } = await database.query<{ count: string }>(
    `SELECT (SELECT count(*) FROM events WHERE stream = $1) + (SELECT count(*) FROM streams WHERE stream = $1)
          + (SELECT count(*) FROM relay_parked WHERE stream = $1) AS count`,
    [`counter-${id}`],
  );
  return Number(rows[0]?.count);
};
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

describe('erase', () => {
  it('removes the events, the state and what was parked of one entity, and of no other', async () => {
    const [id, other] = [newId(), newId()];
    for (const one of [id, id, other]) await store.execute(counter, add(one));
    await store.execute(counter, { ...add(id), tenantId: 'other' });
    await database.query(
      `INSERT INTO relay_parked (tenant_id, stream, version, reason) VALUES ('default', 'counter-' || $1, 1, 'No.')`,
      [id],
    );
    await publishAll();
    expect(await rowsOf(id)).toBe(6);
    expect(await store.erase(counter, tenantId, id)).toBe(2);
    expect(await rowsOf(id)).toBe(2);
    expect(await store.load(counter, tenantId, id)).toEqual({ state: { sum: 0 }, version: 0 });
    expect((await store.load(counter, 'other', id)).version).toBe(1);
    expect((await store.load(counter, tenantId, other)).version).toBe(1);
    expect(await store.erase(counter, tenantId, id)).toBe(0);
  });

  it('refuses while an event is not published, and waits a moment for that', async () => {
    const id = newId();
    await store.execute(counter, add(id));
    expect(await code(store.erase(counter, tenantId, id))).toBe('unavailable');
    expect(await rowsOf(id)).toBe(2);
    const erasing = store.erase(counter, tenantId, id);
    await publishAll();
    expect(await erasing).toBe(1);
  });

  it('is undone with the transaction of the caller, and does not wait in it', async () => {
    const [published, fresh] = [newId(), newId()];
    await store.execute(counter, add(published));
    await publishAll();
    await store.execute(counter, add(fresh));
    const began = performance.now();
    const within = (id: string, then?: AppError) =>
      database.transaction(async (tx) => {
        await store.erase(counter, tenantId, id, { within: tx });
        if (then !== undefined) throw then;
      });
    expect(await code(within(fresh))).toBe('unavailable');
    expect(performance.now() - began).toBeLessThan(900);
    expect(await code(within(published, new AppError('not-allowed', 'Changed my mind.')))).toBe(
      'not-allowed',
    );
    expect(await rowsOf(published)).toBe(2);
    await within(published);
    expect(await rowsOf(published)).toBe(0);
  });

  it('lets a change that is under way begin a new stream, never one with a gap', async () => {
    const id = newId();
    await store.execute(counter, add(id, 5));
    await publishAll();
    let change: Promise<unknown> = Promise.resolve();
    await database.transaction(async (tx: pg.PoolClient) => {
      await store.erase(counter, tenantId, id, { within: tx });
      change = store.execute(counter, add(id, 2));
      await eventually(
        async () => {
          const { rowCount } = await database.query('SELECT 1 FROM pg_locks WHERE NOT granted');
          return rowCount === 1;
        },
        { what: 'the change waits' },
      );
    });
    expect(await change).toMatchObject({ state: { sum: 2 }, version: 1 });
  });
});
