import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { MOST_ACTS_READ, readActs, recordAct, streamsWithActs, type ReadActs } from './acts.js';
import { counter, migrateCounters, openCounters } from './counter.fixture.js';
import type { Database, EventMetadata, EventStore } from './index.js';
import { withinJob } from './within-job.js';

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

const anna = { kind: 'user', id: 'anna' } as const;
const add = (tenantId: string, id: string, metadata: EventMetadata = { actor: anna }) =>
  store.execute(counter, { tenantId, id, command: { type: 'Add', amount: 1 }, metadata });
const read = (tenantId: string, more: Partial<ReadActs> = {}) =>
  readActs(database, { tenantId, limit: 50, hasEvents: true, ...more });
const idsOf = async (tenantId: string, more: Partial<ReadActs> = {}): Promise<readonly string[]> =>
  (await read(tenantId, more)).acts.map(({ streamId }) => streamId);

describe('acts', () => {
  it('are what people did, the newest first, and not what devices, campaigns, parts of jobs and consequences are', async () => {
    await add('who', 'first');
    await add('who', 'device', { actor: { kind: 'device', id: 'd' } });
    await add('who', 'campaign', { actor: { kind: 'campaign', id: 'c' } });
    await add('who', 'follows', { actor: anna, follows: 'device.deleted' });
    await withinJob('j1', () => add('who', 'part'));
    await add('who', 'key', { actor: { kind: 'api-key', id: 'k' } });
    await add('other', 'elsewhere');
    expect(await idsOf('who')).toEqual(['key', 'first']);
    expect((await read('who')).acts[1]).toMatchObject({
      ...{ aggregate: 'counter', type: 'CounterRaised', metadata: { actor: anna }, name: null },
    });
  });

  it('of a single thing are all that was done to it, also as a part of something larger', async () => {
    for (const id of ['it', 'another']) {
      await add('one', id);
      await withinJob('j1', () => add('one', id));
      await add('one', id, { actor: { kind: 'campaign', id: 'c' } });
      await add('one', id, { actor: { kind: 'device', id } });
    }
    const { acts } = await read('one', { streams: ['counter-it'] });
    expect(acts.map(({ streamId, metadata: { actor, job } }) => [streamId, actor.kind, job])).toEqual([
      ['it', 'campaign', undefined],
      ['it', 'user', 'j1'],
      ['it', 'user', undefined],
    ]);
  });

  it('that are no events are among them, in their place', async () => {
    await add('both', 'before');
    await recordAct(database, {
      tenantId: 'both',
      aggregate: 'session',
      id: 's1',
      type: 'SessionOpened',
      actor: anna,
    });
    await add('both', 'after');
    expect(await idsOf('both')).toEqual(['after', 's1', 'before']);
    expect(await idsOf('both', { streams: ['session-s1'] })).toEqual(['s1']);
  });

  it('come page by page, each once, also where a filter leaves most of them out', async () => {
    const ids = Array.from({ length: 7 }, (_, index) => `c${index}`);
    for (const id of ids) await add('pages', id);
    const which: Partial<ReadActs> = {
      where: (bind) => `right(a.stream, 1) <> ${bind('3')}`,
      limit: 2,
    };
    const seen: string[] = [];
    for (let before: ReadActs['before']; ;) {
      const { acts, readTo } = await read('pages', { ...which, before });
      seen.push(...acts.map(({ streamId }) => streamId));
      if (readTo === null) break;
      before = readTo;
    }
    expect(seen).toEqual(['c6', 'c5', 'c4', 'c2', 'c1', 'c0']);
  });

  it('are read no further for a page than is bounded, and the next page goes on there', async () => {
    await database.query(
      `INSERT INTO acts (tenant_id, recorded_at, aggregate, stream, type, metadata)
       SELECT 'many', now() - n * interval '1 second', 'session', 'session-' || n, 'SessionOpened', $1
       FROM generate_series(0, $2) AS n`,
      [JSON.stringify({ actor: anna }), MOST_ACTS_READ],
    );
    const last = {
      where: (bind: (value: unknown) => string) => `a.stream = ${bind(`session-${MOST_ACTS_READ}`)}`,
    };
    const { acts, readTo } = await read('many', last);
    expect(acts).toEqual([]);
    expect(readTo).not.toBeNull();
    expect(await idsOf('many', { ...last, before: readTo ?? undefined })).toEqual([String(MOST_ACTS_READ)]);
  });

  it('come in pages of which the last says that it is, without a filter too', async () => {
    for (const id of ['a', 'b', 'c', 'd']) await add('whole', id);
    const pages: (readonly string[])[] = [];
    for (let before: ReadActs['before']; ;) {
      const { acts, readTo } = await read('whole', { limit: 2, before });
      pages.push(acts.map(({ streamId }) => streamId));
      if (readTo === null) break;
      before = readTo;
    }
    expect(pages).toEqual([
      ['d', 'c'],
      ['b', 'a'],
    ]);
  });

  it('tell the streams that begin alike, and take no character for a pattern', async () => {
    for (const id of ['d_1:b', 'd_1:a', 'd_1:a', 'dx1:a', 'd_12:a'])
      await recordAct(database, { tenantId: 'alike', aggregate: 'queue', id, type: 'Asked', actor: anna });
    const streams = await streamsWithActs(database, { tenantId: 'alike', prefix: 'queue-d_1:' });
    expect([...streams].sort()).toEqual(['queue-d_1:a', 'queue-d_1:b']);
    expect(await streamsWithActs(database, { tenantId: 'other', prefix: 'queue-d_1:' })).toEqual([]);
  });

  it('stay when what they were done to is erased', async () => {
    const id = newId();
    await add('erased', id);
    await withinJob('j1', () => add('erased', id));
    await database.query(
      `INSERT INTO relay_cursor (relay, txid, position)
       SELECT 'counters', e.txid, e.position FROM events e ORDER BY e.txid DESC, e.position DESC LIMIT 1
       ON CONFLICT (relay) DO UPDATE SET txid = excluded.txid, position = excluded.position`,
    );
    const before = await read('erased');
    expect(await store.erase(counter, 'erased', id)).toBe(2);
    expect(await read('erased')).toEqual(before);
    expect(before.acts).toHaveLength(1);
  });

  it('are found by their index, whatever devices have sent since', async () => {
    const { rows } = await database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT 1 FROM events WHERE tenant_id = 'who'
         AND metadata -> 'actor' ->> 'kind' IN ('user', 'api-key', 'service-account')
         AND NOT metadata ? 'job' AND NOT metadata ? 'follows'
       ORDER BY recorded_at DESC, position DESC LIMIT 10`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('events_acts');
  });
});
