import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { add, counter, metadata, migrateCounters, openCounters, tenantId } from './counter.fixture.js';
import { refoldStates, type Database, type EventStore } from './index.js';

let test: TestDatabase;
let database: Database;
let store: EventStore;

beforeAll(async () => {
  test = await testDatabase({ name: 'event-store', migrate: migrateCounters });
  ({ database, store } = openCounters(test.url));
});

beforeEach(() => database.query('TRUNCATE events, streams, names'));

afterAll(async () => {
  await database.close();
  await test.drop();
});

const states = async (): Promise<object[]> =>
  (await database.query<object>('SELECT * FROM streams ORDER BY tenant_id, stream')).rows;

/** Streams of one to four events each, of two tenants, and one longer than what is read at once. */
const fill = async (): Promise<string[]> => {
  const ids = Array.from({ length: 30 }, newId);
  for (const tenant of [tenantId, 'other']) {
    for (let nth = 0; nth < 4; nth += 1) {
      const some = ids.filter((_id, index) => index % 4 >= nth);
      await store.executeMany(
        counter,
        some.map((id) => ({ ...add(id, nth + 1), tenantId: tenant })),
      );
    }
  }
  const long = ids[0] ?? '';
  await store.executeMany(
    counter,
    Array.from({ length: 2_500 }, () => add(long)),
  );
  await store.execute(counter, { tenantId, id: long, metadata, command: { type: 'Name', name: long } });
  return ids;
};
const nothingElse = { altered: 0, missing: 0, orphaned: 0 };

describe('refoldStates', () => {
  it('finds nothing to do where the states are what the events make', async () => {
    await fill();
    const before = await states();
    expect(await refoldStates(database, counter, { batchSize: 7 })).toEqual({ streams: 60, ...nothingElse });
    expect(await states()).toEqual(before);
  });

  it('makes states again that are missing, wrong, outdated or left over', async () => {
    const ids = await fill();
    const before = await states();
    const stream = (index: number) => `counter-${ids[index] ?? ''}`;
    await database.query('DELETE FROM streams WHERE stream = ANY($1)', [[stream(0), stream(1)]]);
    await database.query(
      `UPDATE streams SET state = '{"sum": -1}' WHERE tenant_id = 'other' AND stream = $1`,
      [stream(2)],
    );
    await database.query(`UPDATE streams SET version = 99 WHERE tenant_id = 'other' AND stream = $1`, [
      stream(3),
    ]);
    await database.query(`UPDATE streams SET state_version = 9 WHERE tenant_id = 'other' AND stream = $1`, [
      stream(4),
    ]);
    await database.query(
      `INSERT INTO streams VALUES ('default', 'counter-ghost', 1, 1, '{}'), ('zz', 'counter-ghost', 1, 1, '{}')`,
    );
    expect(await refoldStates(database, counter, { batchSize: 7 })).toEqual({
      streams: 62,
      altered: 3,
      missing: 4,
      orphaned: 2,
    });
    expect(await states()).toEqual(before);
    expect(await refoldStates(database, counter)).toEqual({ streams: 60, ...nothingElse });
  });

  it('leaves alone the streams of an aggregate whose name begins with the same word', async () => {
    const longer = { ...counter, name: 'counter-group' };
    const [a, b] = [newId(), newId()];
    await store.execute(counter, add(a));
    await store.execute(longer, add(b));
    await database.query(`UPDATE streams SET state = '{"sum": 7}'`);
    expect(await refoldStates(database, counter)).toEqual({ streams: 1, ...nothingElse, altered: 1 });
    expect((await store.load(counter, tenantId, a)).state).toEqual({ sum: 1 });
    expect((await store.load(longer, tenantId, b)).state).toEqual({ sum: 7 });
  });

  it('loses nothing that is written meanwhile, and holds nobody up for long', async () => {
    const ids = await fill();
    let done = false;
    let longestMs = 0;
    let written = 0;
    const writer = async (first: number): Promise<void> => {
      for (let nth = first; !done; nth += 1) {
        const began = performance.now();
        await store.execute(counter, add(ids[nth % ids.length] ?? ''));
        longestMs = Math.max(longestMs, performance.now() - began);
        written += 1;
        if (nth % 5 === 0)
          await store.executeMany(counter, [add(newId()), ...ids.slice(0, 9).map((id) => add(id))]);
      }
    };
    const writers = [0, 7, 19].map(writer);
    await database.query(`UPDATE streams SET state_version = 9 WHERE tenant_id = 'other'`);
    for (let round = 0; round < 5; round += 1) {
      const { streams, ...different } = await refoldStates(database, counter, { batchSize: 10 });
      expect(streams).toBeGreaterThanOrEqual(60);
      expect(different).toEqual({ ...nothingElse, altered: round === 0 ? 30 : 0 });
    }
    done = true;
    await Promise.all(writers);
    expect(written).toBeGreaterThan(0);
    expect(longestMs).toBeLessThan(2_000);
    const after = await states();
    expect(await refoldStates(database, counter)).toMatchObject(nothingElse);
    expect(await states()).toEqual(after);
  });
});
