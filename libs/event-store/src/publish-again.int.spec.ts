import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { definePublished, Done, newId } from '@muster/contracts';
import { createLogger, createMetrics } from '@muster/observability';
import { eventually, testDatabase, type TestDatabase } from '@muster/testing';
import { add, counter, migrateCounters, openCounters } from './counter.fixture.js';
import { publishAgain, startRelay, type Database, type EventStore, type Relay } from './index.js';

const raised = definePublished({
  service: 'counters',
  entity: 'counter',
  verb: 'raised',
  schemaVersion: 1,
  data: Done,
});
const SERVICE = 'counters';

let test: TestDatabase;
let database: Database;
let store: EventStore;
let relay: Relay | undefined;
let published: string[];
let hold: Promise<unknown>;

beforeAll(async () => {
  test = await testDatabase({ name: 'event-store', migrate: migrateCounters });
  ({ database, store } = openCounters(test.url));
});

beforeEach(async () => {
  published = [];
  hold = Promise.resolve();
  await database.query('TRUNCATE events, streams, relay_cursor');
});

afterEach(async () => {
  await relay?.stop();
  relay = undefined;
});

afterAll(async () => {
  await database.close();
  await test.drop();
});

const start = (): Relay =>
  startRelay({
    database,
    service: SERVICE,
    bus: {
      publishAll: (events) =>
        events.map(async ({ event }) => {
          published.push(event.entityId);
          await hold;
        }),
    },
    translate: (event) => [{ contract: raised, entityId: event.streamId, data: {} }],
    logger: createLogger({ service: SERVICE, level: 'silent' }),
    metrics: createMetrics(SERVICE),
    batchSize: 2,
  });
const longAgo = new Date(0);
const arrives = (ids: readonly string[], what: string) =>
  eventually(
    () => {
      expect(published).toEqual(ids);
      return true;
    },
    { what },
  );
const raise = async (count: number): Promise<string[]> => {
  const ids = Array.from({ length: count }, newId);
  for (const id of ids) await store.execute(counter, add(id));
  return ids;
};

describe('publishAgain', () => {
  it('has a running relay publish everything again, and go on with what comes', async () => {
    relay = start();
    const ids = await raise(5);
    await arrives(ids, 'the first time');
    expect(await publishAgain(database, SERVICE, longAgo)).toBe(5);
    await arrives([...ids, ...ids], 'the second time');
    const more = await raise(1);
    await arrives([...ids, ...ids, ...more], 'a new one');
  });

  it('goes back no further than it is told', async () => {
    relay = start();
    const ids = await raise(4);
    await arrives(ids, 'the first time');
    await database.query(`UPDATE events SET recorded_at = now() - interval '2 days' WHERE stream = ANY($1)`, [
      ids.slice(0, 2).map((id) => `counter-${id}`),
    ]);
    expect(await publishAgain(database, SERVICE, new Date(Date.now() - 86_400_000))).toBe(2);
    await arrives([...ids, ...ids.slice(2)], 'the last two again');
    expect(await publishAgain(database, SERVICE, new Date(Date.now() + 60_000))).toBe(0);
  });

  it('is not undone by a relay that is just moving its cursor', async () => {
    const ids = await raise(3);
    relay = start();
    await arrives(ids, 'the first time');
    let release: () => void = () => undefined;
    hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    const more = await raise(1);
    await arrives([...ids, ...more], 'the next one is on its way');
    expect(await publishAgain(database, SERVICE, longAgo)).toBe(3);
    release();
    await arrives([...ids, ...more, ...ids, ...more], 'all of them again');
  });

  it('needs no relay: the next one that starts begins there', async () => {
    const ids = await raise(3);
    expect(await publishAgain(database, SERVICE, longAgo)).toBe(0);
    relay = start();
    await arrives(ids, 'the first time');
    await relay.stop();
    expect(await publishAgain(database, SERVICE, longAgo)).toBe(3);
    relay = start();
    await arrives([...ids, ...ids], 'the second time');
  });
});
