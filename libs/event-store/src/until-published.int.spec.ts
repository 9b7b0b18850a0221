import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { definePublished, Done, newId } from '@muster/contracts';
import { createLogger, createMetrics } from '@muster/observability';
import { eventually, testDatabase, type TestDatabase } from '@muster/testing';
import pg from 'pg';
import { add, counter, migrateCounters, openCounters, tenantId } from './counter.fixture.js';
import {
  startRelay,
  streamPage,
  untilPublished,
  type Database,
  type EventStore,
  type Relay,
} from './index.js';

const raised = definePublished({
  service: 'counters',
  entity: 'counter',
  verb: 'raised',
  schemaVersion: 1,
  data: Done,
});

let test: TestDatabase;
let database: Database;
let store: EventStore;
let relay: Relay | undefined;
/** Of the events that the bus has stored. */
let published: string[];
/** What the bus waits for before it stores one. */
let ready: Promise<void>;

beforeEach(async () => {
  test = await testDatabase({ name: 'event-store', migrate: migrateCounters });
  ({ database, store } = openCounters(test.url));
  published = [];
  ready = Promise.resolve();
  relay = undefined;
});

afterEach(async () => {
  await relay?.stop();
  await database.close();
  await test.drop();
});

const publish = (): void => {
  relay = startRelay({
    database,
    service: 'counters',
    bus: {
      publishAll: (events) =>
        events.map(async ({ event }) => {
          await ready;
          published.push(event.entityId);
        }),
    },
    translate: ({ streamId }) => [{ contract: raised, entityId: streamId, data: {} }],
    logger: createLogger({ service: 'counters', level: 'silent' }),
    metrics: createMetrics('counters'),
  });
};
const soon = (ms = 5_000): number => Date.now() + ms;

describe('what was committed is published', () => {
  it('at once where there is nothing', async () => {
    await untilPublished(database, 'counters', soon(100));
  });

  it('when the bus has it, and not before', async () => {
    let open = (): void => undefined;
    ready = new Promise((resolve) => (open = resolve));
    publish();
    const id = newId();
    await store.execute(counter, add(id, 1));
    await expect(untilPublished(database, 'counters', soon(200))).rejects.toMatchObject({
      code: 'unavailable',
    });
    const waiting = untilPublished(database, 'counters', soon());
    open();
    await waiting;
    expect(published).toEqual([id]);
  });

  it('also what waits for a transaction that is older and still open', async () => {
    publish();
    const other = new pg.Client({ connectionString: test.url });
    await other.connect();
    try {
      await other.query('BEGIN; SELECT pg_current_xact_id()');
      const id = newId();
      await store.execute(counter, add(id, 1));
      await expect(untilPublished(database, 'counters', soon(200))).rejects.toMatchObject({
        code: 'unavailable',
      });
      expect(published).toEqual([]);
      await other.query('ROLLBACK');
      await untilPublished(database, 'counters', soon());
      expect(published).toEqual([id]);
    } finally {
      await other.end();
    }
  });

  it('whatever comes afterwards', async () => {
    publish();
    const [first, later] = [newId(), newId()];
    await store.execute(counter, add(first, 1));
    await eventually(() => published.length === 1, { what: 'the first is published' });
    await relay?.stop();
    const waiting = untilPublished(database, 'counters', soon(1_000));
    await waiting;
    await store.execute(counter, add(later, 1));
    await expect(untilPublished(database, 'counters', soon(100))).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

describe('what was published long ago', () => {
  it('is not read again', async () => {
    await database.query(
      `INSERT INTO events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata)
       SELECT 'default', 'counter-' || n, 1, 'counter', 'CounterRaised', 1, '{}', '{}' FROM generate_series(1, 20000) n`,
    );
    await database.query(
      `INSERT INTO relay_cursor (relay, txid, position) SELECT 'counters', txid, position FROM events
       ORDER BY txid DESC, position DESC LIMIT 1`,
    );
    await database.query('ANALYZE events');
    const asked: { query: string; values: unknown[] | undefined }[] = [];
    const listening = new Proxy(database, {
      get: (target, name) =>
        name === 'query'
          ? (query: string, values?: unknown[]) => {
              asked.push({ query, values });
              return target.query(query, values);
            }
          : (Reflect.get(target, name, target) as unknown),
    });
    await untilPublished(listening, 'counters', soon());
    const last = asked.at(-1);
    const { rows } = await database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN ${last?.query ?? ''}`,
      last?.values,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('events_in_order');
    expect(plan).not.toContain('Seq Scan on events');
  });
});

describe('a page of streams', () => {
  it('goes on where the one before ended, over all tenants', async () => {
    const ids = Array.from({ length: 5 }, () => newId()).sort();
    for (const id of ids) await store.execute(counter, add(id, 1));
    await store.execute(counter, { ...add('x', 1), tenantId: 'other' });
    const first = await streamPage(database, counter, undefined, 3);
    expect(first).toEqual(ids.slice(0, 3).map((id) => ({ tenantId, id })));
    expect(await streamPage(database, counter, first.at(-1), 10)).toEqual([
      ...ids.slice(3).map((id) => ({ tenantId, id })),
      { tenantId: 'other', id: 'x' },
    ]);
    expect(await streamPage(database, { name: 'count' }, undefined, 10)).toEqual([]);
  });
});
