import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, newId } from '@muster/contracts';
import { eventually, testDatabase, type TestDatabase } from '@muster/testing';
import pg from 'pg';
import {
  add,
  counter,
  metadata,
  migrateCounters,
  names,
  openCounters,
  tenantId,
  type Counter,
  type CounterCommand,
  type CounterEvent,
} from './counter.fixture.js';
import {
  createEventStore,
  idempotently,
  openDatabase,
  rebuildProjections,
  type Aggregate,
  type Database,
  type EventStore,
} from './index.js';

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

const terminateConnections = async (url: string, applicationName: string): Promise<void> => {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = $1 AND datname = current_database()`,
    [applicationName],
  );
  await admin.end();
};

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
const name = (id: string, text: string) =>
  ({ tenantId, id, metadata, command: { type: 'Name', name: text } }) as const;

describe('execute', () => {
  it('appends what was decided and returns the state after it', async () => {
    const id = newId();
    expect(await store.execute(counter, add(id, 2))).toMatchObject({ state: { sum: 2 }, version: 1 });
    const second = await store.execute(counter, add(id, 3));
    expect(second).toMatchObject({ state: { sum: 5 }, version: 2 });
    expect(second.events).toEqual([
      {
        type: 'CounterRaised',
        data: { by: 3 },
        schemaVersion: 1,
        tenantId,
        aggregate: 'counter',
        stream: `counter-${id}`,
        streamId: id,
        version: 2,
        metadata,
        position: expect.any(Number),
        recordedAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
      },
    ]);
    expect(await store.load(counter, tenantId, id)).toEqual({ state: { sum: 5 }, version: 2 });
    expect(await store.readStream(tenantId, counter, id, { fromVersion: 2 })).toEqual(second.events);
  });

  it('appends nothing when the command is already satisfied', async () => {
    const id = newId();
    const raise = { tenantId, id, metadata, command: { type: 'RaiseTo', sum: 4 } } as const;
    await store.execute(counter, raise);
    expect(await store.execute(counter, raise)).toEqual({ state: { sum: 4 }, version: 1, events: [] });
  });

  it('keeps tenants apart', async () => {
    const id = newId();
    await store.execute(counter, add(id));
    expect(await store.load(counter, 'other', id)).toEqual({ state: { sum: 0 }, version: 0 });
  });

  it('refuses an expectedVersion that is not the stored one', async () => {
    const id = newId();
    await store.execute(counter, add(id));
    expect(await code(store.execute(counter, { ...add(id), expectedVersion: 2 }))).toBe('version-mismatch');
    await store.execute(counter, { ...add(id), expectedVersion: 1 });
  });

  it('loses nothing and duplicates nothing when many callers change one stream', async () => {
    const id = newId();
    await store.execute(counter, add(id));
    const callers = Array.from({ length: 39 }, () => store.execute(counter, add(id)));
    await Promise.all(callers);
    expect(await store.load(counter, tenantId, id)).toEqual({ state: { sum: 40 }, version: 40 });
    const events = await store.readStream(tenantId, counter, id);
    expect(events.map((event) => event.version)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  it('gives up after three tries with concurrent-change', async () => {
    let tries = 0;
    const unlucky = createEventStore(database, {
      projections: [
        {
          name: 'unlucky',
          handles: ['CounterRaised'],
          project: async (tx) => {
            tries += 1;
            await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$`);
          },
          reset: () => Promise.resolve(),
        },
      ],
    });
    const id = newId();
    expect(await code(unlucky.execute(counter, add(id)))).toBe('concurrent-change');
    expect(tries).toBe(3);
    expect((await store.load(counter, tenantId, id)).version).toBe(0);
  });

  it('undoes the events when a projection refuses', async () => {
    const [first, second] = [newId(), newId()];
    await store.execute(counter, name(first, 'solo'));
    expect(await code(store.execute(counter, name(second, 'solo')))).toBe('device-name-taken');
    expect((await store.load(counter, tenantId, second)).version).toBe(0);
  });

  it('takes part in the transaction of the caller', async () => {
    const id = newId();
    const failed = database.transaction(async (tx) => {
      await store.execute(counter, { ...add(id), within: tx });
      await store.execute(counter, { ...add(id), within: tx });
      throw new AppError('not-allowed', 'Changed my mind.');
    });
    expect(await code(failed)).toBe('not-allowed');
    expect((await store.load(counter, tenantId, id)).version).toBe(0);
  });

  it('answers invalid-request to text that PostgreSQL cannot hold', async () => {
    expect(await code(store.execute(counter, name(newId(), 'a\u0000b')))).toBe('invalid-request');
    expect(await code(store.execute(counter, name(newId(), 'a\ud800')))).toBe('invalid-request');
  });

  it('folds the state again when evolve has become another', async () => {
    const id = newId();
    await store.execute(counter, add(id, 2));
    await store.execute(counter, add(id, 3));
    const doubling: Aggregate<Counter, CounterCommand, CounterEvent> = {
      ...counter,
      stateVersion: 2,
      evolve: (state, event) =>
        event.type === 'CounterRaised' ? { sum: state.sum + 2 * event.data.by } : state,
    };
    expect(await store.load(doubling, tenantId, id)).toEqual({ state: { sum: 10 }, version: 2 });
    expect(await store.execute(doubling, add(id))).toMatchObject({ state: { sum: 12 }, version: 3 });
  });

  it('hands older events through upcast', async () => {
    const id = newId();
    await store.execute(counter, add(id, 2));
    const renamed: Aggregate<Counter, CounterCommand, CounterEvent> = {
      ...counter,
      stateVersion: 3,
      upcast: (stored) => ({ type: 'CounterNamed', data: { name: `was ${stored.type}` } }),
    };
    expect((await store.load(renamed, tenantId, id)).state.name).toBe('was CounterRaised');
    expect((await store.readStream(tenantId, renamed, id))[0]?.type).toBe('CounterNamed');
  });
});

describe('readStream', () => {
  it('reads a range, backwards, a number, and types of events', async () => {
    const id = newId();
    for (const amount of [1, 2, 3]) await store.execute(counter, add(id, amount));
    await store.execute(counter, name(id, newId()));
    const versions = async (options: Parameters<EventStore['readStream']>[3]) =>
      (await store.readStream(tenantId, counter, id, options)).map((event) => event.version);
    expect(await versions({ fromVersion: 2, toVersion: 3 })).toEqual([2, 3]);
    expect(await versions({ backwards: true, limit: 2 })).toEqual([4, 3]);
    expect(await versions({ types: ['CounterNamed'] })).toEqual([4]);
    expect(await store.readStream(tenantId, counter, 'nobody')).toEqual([]);
  });
});

describe('executeMany', () => {
  it('gives every item its own outcome, in the order of the items', async () => {
    const [a, b, c] = [newId(), newId(), newId()];
    await store.execute(counter, add(b, 10));
    const outcomes = await store.executeMany(counter, [
      add(c, 1),
      add(b, -1),
      add(a, 2),
      add(c, 5),
      { tenantId, id: b, metadata, command: { type: 'RaiseTo', sum: 3 } },
    ]);
    expect(outcomes).toMatchObject([
      { state: { sum: 1 }, version: 1, events: [{ version: 1, data: { by: 1 } }] },
      { error: { code: 'invalid-request' } },
      { state: { sum: 2 }, version: 1 },
      { state: { sum: 6 }, version: 2, events: [{ version: 2, data: { by: 5 } }] },
      { state: { sum: 10 }, version: 1, events: [] },
    ]);
    expect(await store.loadMany(counter, [{ tenantId, id: c }])).toEqual([{ state: { sum: 6 }, version: 2 }]);
    expect((await store.readStream(tenantId, counter, c)).map((event) => event.version)).toEqual([1, 2]);
  });

  it('does the others when a projection refuses one', async () => {
    const taken = newId();
    await store.execute(counter, name(newId(), taken));
    const ids = Array.from({ length: 9 }, newId);
    const outcomes = await store.executeMany(
      counter,
      ids.map((id, index) => name(id, index === 5 ? taken : `n-${id}`)),
    );
    expect(outcomes.map((outcome) => outcome.error?.code)).toEqual(
      ids.map((_id, index) => (index === 5 ? 'device-name-taken' : undefined)),
    );
  });

  it('does nothing for nobody', async () => {
    expect(await store.executeMany(counter, [])).toEqual([]);
  });

  it('loses no change when bulks over the same streams overlap', async () => {
    const ids = Array.from({ length: 600 }, newId);
    const known = ids.slice(0, 400);
    await store.executeMany(
      counter,
      known.map((id) => add(id)),
    );
    const shuffled = () => [...ids].sort(() => Math.random() - 0.5);
    let done = known.length;
    const bulk = async () => {
      const outcomes = await store.executeMany(
        counter,
        shuffled().map((id) => add(id)),
      );
      for (const outcome of outcomes) {
        if (outcome.error === undefined) done += 1;
        else expect(outcome.error.code).toBe('concurrent-change');
      }
    };
    await Promise.all(Array.from({ length: 8 }, bulk));
    const states = await store.loadMany(
      counter,
      ids.map((id) => ({ tenantId, id })),
    );
    expect(states.reduce((sum, { state }) => sum + state.sum, 0)).toBe(done);
    expect(done).toBeGreaterThan(600);
  });
});

describe('executeMany within a transaction', () => {
  const sums = async (ids: readonly string[]) =>
    (
      await store.loadMany(
        counter,
        ids.map((id) => ({ tenantId, id })),
      )
    ).map(({ state }) => state.sum);

  it('is done and undone with the transaction', async () => {
    const [a, b] = [newId(), newId()];
    await store.execute(counter, add(a, 10));
    const bulk = (tx: pg.PoolClient) =>
      store.executeMany(counter, [add(a), add(b, 2), add(a)], { within: tx });
    const undone = database.transaction(async (tx) => {
      await bulk(tx);
      expect(await store.load(counter, tenantId, a, { within: tx })).toMatchObject({ version: 3 });
      expect(await store.loadMany(counter, [{ tenantId, id: b }], { within: tx })).toEqual([
        { state: { sum: 2 }, version: 1 },
      ]);
      throw new AppError('not-allowed', 'Changed my mind.');
    });
    expect(await code(undone)).toBe('not-allowed');
    expect(await sums([a, b])).toEqual([10, 0]);
    expect(await database.transaction(bulk)).toMatchObject([
      { state: { sum: 11 }, version: 2 },
      { state: { sum: 2 }, version: 1 },
      { state: { sum: 12 }, version: 3 },
    ]);
    expect(await sums([a, b])).toEqual([12, 2]);
  });

  it('gives an item its own error, of the decision or of a projection, and does the others', async () => {
    const taken = newId();
    await store.execute(counter, name(newId(), taken));
    const ids = Array.from({ length: 9 }, newId);
    const outcomes = await database.transaction(async (tx) => {
      const done = await store.executeMany(
        counter,
        ids.map((id, index) => (index === 2 ? add(id, -1) : name(id, index === 5 ? taken : `n-${id}`))),
        { within: tx },
      );
      // The transaction is still good for the caller's own work.
      await store.executeMany(counter, [add(ids[0] ?? '')], { within: tx });
      return done;
    });
    const codes: Record<number, string> = { 2: 'invalid-request', 5: 'device-name-taken' };
    expect(outcomes.map((outcome) => outcome.error?.code)).toEqual(ids.map((_id, index) => codes[index]));
    const versions = await store.loadMany(
      counter,
      ids.map((id) => ({ tenantId, id })),
    );
    expect(versions.map(({ version }) => version)).toEqual([2, 1, 0, 1, 1, 0, 1, 1, 1]);
  });

  it('lets nobody else change the streams until the transaction ends', async () => {
    const id = newId();
    await store.execute(counter, add(id));
    let other: Promise<unknown> = Promise.resolve();
    await database.transaction(async (tx) => {
      await store.executeMany(counter, [add(id), add(newId())], { within: tx });
      other = store.execute(counter, add(id));
      await eventually(async () => (await waiting()) > 0, { what: 'the other one waits' });
      await store.executeMany(counter, [add(id)], { within: tx });
    });
    await other;
    expect(await sums([id])).toEqual([4]);
  });

  it('waits and does not deadlock when transactions and bulks over the same streams, old and new, overlap', async () => {
    const ids = Array.from({ length: 300 }, newId);
    await store.executeMany(
      counter,
      ids.slice(0, 150).map((id) => add(id)),
    );
    const deadlocks = await deadlocksSeen();
    const shuffled = () => [...ids].sort(() => Math.random() - 0.5).map((id) => add(id));
    let done = 150;
    const count = (outcomes: readonly { readonly error?: AppError | undefined }[]) => {
      done += outcomes.filter(({ error }) => error === undefined).length;
    };
    const within = () => database.transaction((tx) => store.executeMany(counter, shuffled(), { within: tx }));
    const alone = () => store.executeMany(counter, shuffled());
    const all = await Promise.all([within(), alone(), within(), within(), alone(), within(), within()]);
    all.forEach(count);
    expect((await sums(ids)).reduce((sum, one) => sum + one, 0)).toBe(done);
    expect(done).toBeGreaterThanOrEqual(150 + 5 * 300);
    expect(await deadlocksSeen()).toBe(deadlocks);
  });

  it('loads again when somebody else has begun a stream meanwhile', async () => {
    const id = newId();
    const first = database.transaction(async (tx) => {
      await store.executeMany(counter, [add(id, 5)], { within: tx });
      const second = database.transaction((own) => store.executeMany(counter, [add(id, 7)], { within: own }));
      // The second one has loaded version 0 when it waits: the first one's stream is not to be seen yet.
      await eventually(async () => (await waiting()) > 0, { what: 'the second one waits' });
      return { second };
    });
    const outcome = await (await first).second;
    expect(outcome).toMatchObject([{ state: { sum: 12 }, version: 2 }]);
  });

  it('rings for the relay when the transaction is committed, and not before', async () => {
    const listener = await database.dedicated();
    let rings = 0;
    listener.on('notification', () => (rings += 1));
    await listener.query(`LISTEN muster_events_counters`);
    const ring = (fail: boolean) =>
      database.transaction(async (tx) => {
        await store.executeMany(counter, [add(newId())], { within: tx });
        await listener.query('SELECT 1');
        expect(rings).toBe(0);
        if (fail) throw new AppError('not-allowed', 'Changed my mind.');
      });
    expect(await code(ring(true))).toBe('not-allowed');
    await ring(false);
    await eventually(() => rings === 1, { what: 'the bell' });
    await listener.end();
  });

  it('leaves the transaction as it was when it gives up', async () => {
    const failing = createEventStore(database, {
      projections: [
        {
          name: 'unlucky',
          handles: ['CounterRaised'],
          project: async (tx) => {
            await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$`);
          },
          reset: () => Promise.resolve(),
        },
      ],
    });
    const [a, b] = [newId(), newId()];
    await database.transaction(async (tx) => {
      await store.executeMany(counter, [add(a)], { within: tx });
      expect(await code(failing.executeMany(counter, [add(a), add(b)], { within: tx }))).toBe(
        'concurrent-change',
      );
    });
    expect(await sums([a, b])).toEqual([1, 0]);
  });

  it('does nothing for nobody', async () => {
    expect(await database.transaction((tx) => store.executeMany(counter, [], { within: tx }))).toEqual([]);
  });

  const waiting = async (): Promise<number> => {
    const { rows } = await database.query<{ count: string }>(
      'SELECT count(*) FROM pg_locks WHERE NOT granted',
    );
    return Number(rows[0]?.count);
  };
  const deadlocksSeen = async (): Promise<number> => {
    await database.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await database.query<{ deadlocks: string }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    return Number(rows[0]?.deadlocks);
  };
});

describe('idempotently', () => {
  const request = (key: string | undefined, body: object, run: () => Promise<object>) =>
    idempotently(database, { tenantId, key, body, run });

  it('runs once per key and gives the stored reply again', async () => {
    const key = newId();
    let runs = 0;
    const run = () => Promise.resolve({ run: (runs += 1) });
    expect(await request(key, { a: 1, b: 2 }, run)).toEqual({ run: 1 });
    expect(await request(key, { b: 2, a: 1 }, run)).toEqual({ run: 1 });
    expect(await code(request(key, { a: 2 }, run))).toBe('idempotency-key-reused');
    expect(await idempotently(database, { tenantId: 'other', key, body: {}, run })).toEqual({ run: 2 });
  });

  it('runs once when two callers come at the same time', async () => {
    const key = newId();
    const id = newId();
    const both = [1, 2].map(() =>
      idempotently(database, {
        tenantId,
        key,
        body: {},
        run: async (tx) => ({ version: (await store.execute(counter, { ...add(id), within: tx })).version }),
      }),
    );
    expect(await Promise.all(both)).toEqual([{ version: 1 }, { version: 1 }]);
  });

  it('prepares only what is not answered already', async () => {
    const key = newId();
    let refused = false;
    const prepare = () =>
      refused ? Promise.reject(new AppError('not-allowed', 'Not any more.')) : Promise.resolve('asked');
    const run = (_tx: unknown, prepared: string) => Promise.resolve({ prepared });
    const ask = (of: { readonly key?: string; readonly body?: object }) =>
      idempotently(database, { tenantId, key: of.key, body: of.body ?? {}, prepare, run });
    expect(await ask({ key })).toEqual({ prepared: 'asked' });
    expect(await ask({})).toEqual({ prepared: 'asked' });
    refused = true;
    expect(await ask({ key })).toEqual({ prepared: 'asked' });
    expect(await code(ask({ key, body: { other: true } }))).toBe('idempotency-key-reused');
    expect(await code(ask({ key: newId() }))).toBe('not-allowed');
    expect(await code(ask({}))).toBe('not-allowed');
  });

  it('keeps nothing by which a short secret in the body could be guessed quickly', async () => {
    const key = newId();
    const ask = (password: string) =>
      idempotently(database, {
        tenantId,
        key,
        body: { password },
        run: () => Promise.resolve({ password }),
        kept: () => ({ password: '' }),
      });
    expect(await ask('1234')).toEqual({ password: '1234' });
    expect(await ask('1234')).toEqual({ password: '' });
    expect(await code(ask('1235'))).toBe('idempotency-key-reused');
    const { rows } = await database.query<{ body_hash: Buffer }>(
      'SELECT body_hash FROM idempotency WHERE key = $1',
      [key],
    );
    const quick = createHash('sha256').update('{"password":"1234"}').digest('hex');
    expect(rows[0]?.body_hash.toString('hex')).toMatch(/^[0-9a-f]{64}$/);
    expect(rows[0]?.body_hash.toString('hex')).not.toBe(quick);
  });

  it('frees the key when the work fails, and after 24 hours', async () => {
    const key = newId();
    const fail = () => Promise.reject(new AppError('not-allowed', 'No.'));
    expect(await code(request(key, {}, fail))).toBe('not-allowed');
    expect(await request(key, { other: true }, () => Promise.resolve({ ok: 1 }))).toEqual({ ok: 1 });
    await database.query(`UPDATE idempotency SET created_at = now() - interval '25 hours' WHERE key = $1`, [
      key,
    ]);
    expect(await request(key, {}, () => Promise.resolve({ ok: 2 }))).toEqual({ ok: 2 });
  });
});

describe('rebuildProjections', () => {
  it('makes the same rows again', async () => {
    const [a, b] = [newId(), newId()];
    await store.execute(counter, name(a, 'passed on'));
    await store.execute(counter, name(a, 'new'));
    await store.execute(counter, name(b, 'passed on'));
    const rows = async () => (await database.query('SELECT id, name FROM names ORDER BY id')).rows;
    const before = await rows();
    await database.query(`UPDATE names SET name = 'spoilt' WHERE id = $1`, [a]);
    expect(await rebuildProjections(database, [names], [counter])).toBeGreaterThan(2);
    expect(await rows()).toEqual(before);
  });
});

describe('a database that goes away', () => {
  it('answers unavailable to work in progress and works again without help', async () => {
    const cut = database.transaction(async (tx) => {
      await tx.query('SELECT 1');
      await terminateConnections(test.url, 'counters');
      await tx.query('SELECT 1');
    });
    expect(await code(cut)).toBe('unavailable');
    const id = newId();
    await eventually(() => store.execute(counter, add(id)), { what: 'the pool has recovered' });
  });

  it('answers unavailable when nobody listens', async () => {
    const nobody = openDatabase({
      url: 'postgres://x@127.0.0.1:1/x',
      schema: 'counters',
      poolSize: 1,
      name: 'x',
    });
    expect(await code(nobody.ping())).toBe('unavailable');
    expect(await code(nobody.transaction(() => Promise.resolve()))).toBe('unavailable');
    await nobody.close();
  });

  it('refuses to commit what a swallowed error has spoilt', async () => {
    const spoilt = database.transaction(async (tx) => {
      await tx.query('SELECT 1 / 0').catch(() => undefined);
    });
    expect(await code(spoilt)).toContain('swallowed');
  });
});
