import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError, definePublished, Done, newId } from '@muster/contracts';
import { createLogger, createMetrics } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { jetstream, jetstreamManager, type JetStreamClient } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { forgetOldAnnouncements } from './announce.js';
import { add, counter, metadata, migrateCounters, openCounters, tenantId } from './counter.fixture.js';
import {
  startRelay,
  type Database,
  type EventPublisher,
  type EventStore,
  type Relay,
  type RelayOptions,
  type UntoldEvent,
} from './index.js';

const raised = definePublished({
  service: 'counters',
  entity: 'counter',
  verb: 'raised',
  schemaVersion: 1,
  data: Done,
});
const STREAM = 'EVENTS_COUNTERS';

let nats: NatsServer;
let connection: NatsConnection;
let js: JetStreamClient;
let test: TestDatabase;
let admin: pg.Client;
let database: Database;
let store: EventStore;
const relays: Relay[] = [];

beforeAll(async () => {
  nats = await startNats();
  connection = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  js = jetstream(connection);
});

afterAll(async () => {
  await connection.close();
  await nats.stop();
});

beforeEach(async () => {
  test = await testDatabase({ name: 'event-store', migrate: migrateCounters });
  admin = new pg.Client({ connectionString: test.url });
  await admin.connect();
  ({ database, store } = openCounters(test.url));
  const manager = await jetstreamManager(connection);
  await manager.streams.delete(STREAM).catch(() => undefined);
  await manager.streams.add({ name: STREAM, subjects: ['muster.v1.event.counters.>'] });
});

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await admin.end();
  await database.close();
  await test.drop();
});

/** Publishes like the bus does, and writes down the ids in the order of the calls. */
const publisher = (
  before: (id: string) => void | Promise<void> = () => undefined,
  after: (id: string, duplicate: boolean) => void | Promise<void> = () => undefined,
): EventPublisher & { readonly ids: string[]; readonly bundled: string[] } => {
  const ids: string[] = [];
  const bundled: string[] = [];
  return {
    ids,
    bundled,
    publishAll: (events, only) =>
      events.map(async ({ contract, event }) => {
        bundled.push(event.id);
        if (only !== undefined) return;
        ids.push(event.id);
        await before(event.id);
        const subject = contract.subject(event.tenantId, event.entityId);
        const ack = await js.publish(subject, JSON.stringify(event.data), {
          msgID: event.id,
          timeout: 1_000,
        });
        await after(event.id, ack.duplicate);
      }),
  };
};

const relay = (bus: EventPublisher, options: Partial<RelayOptions> = {}): Relay => {
  const started = startRelay({
    database,
    service: 'counters',
    bus,
    translate: (event) => [
      { contract: raised, entityId: event.streamId, data: { version: event.version, ...event.data } },
    ],
    logger: createLogger({ service: 'counters', level: 'silent' }),
    metrics: createMetrics('counters'),
    ...options,
  });
  relays.push(started);
  return started;
};

/** What lies in the stream, in its order: `[id of the counter, data]`. */
const stored = async (): Promise<[string, { version: number; by: number }][]> => {
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info(STREAM);
  const messages: [string, { version: number; by: number }][] = [];
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq += 1) {
    const message = await manager.streams.getMessage(STREAM, { seq });
    messages.push([message?.subject.split('.').at(-1) ?? '', message?.json() ?? { version: 0, by: 0 }]);
  }
  return messages;
};
const storedIds = async (): Promise<string[]> => (await stored()).map(([id]) => id);
const arrives = (ids: readonly string[], what: string): Promise<unknown> =>
  eventually(
    async () => {
      expect(await storedIds()).toEqual(ids);
      return true;
    },
    { what, deadlineMs: 20_000 },
  );

const others = [newId(), newId()];

describe('the relay', () => {
  it('publishes every event once, each stream in order, also what was there before it started', async () => {
    const [a, b] = [newId(), newId()];
    await store.execute(counter, add(a, 1));
    await store.execute(counter, add(b, 1));
    const bus = publisher();
    relay(bus);
    await arrives([a, b], 'the events from before');
    await store.execute(counter, add(a, 2));
    await store.execute(counter, add(a, 3));
    await arrives([a, b, a, a], 'the events from after');
    expect((await stored()).filter(([id]) => id === a).map(([, data]) => data)).toEqual([
      { version: 1, by: 1 },
      { version: 2, by: 2 },
      { version: 3, by: 3 },
    ]);
    expect(bus.ids[0]).toBe(`counters:default:counter-${a}:1`);
  });

  it('does not skip an event that is committed after newer ones', async () => {
    const metrics = createMetrics('counters');
    /** The relay measures it at each look at the table. */
    const lag = metrics.gauge('muster_relay_lag_seconds', 'read');
    relay(publisher(), { metrics });
    const [late, newer] = [newId(), newId()];
    let commit: () => void = () => undefined;
    const committing = new Promise<void>((resolve) => {
      commit = resolve;
    });
    const appended = new Promise<void>((resolve, reject) => {
      database
        .transaction(async (tx) => {
          await store.execute(counter, { ...add(late), within: tx });
          resolve();
          await committing;
        })
        .catch(reject);
    });
    await appended;
    await store.execute(counter, add(newer));
    // The newer one has committed, but below it lies one that has not: nothing may pass.
    await eventually(async () => (await waitingRows()) === 1, { what: 'the newer event is visible' });
    const lags = new Set<number | undefined>();
    await eventually(async () => lags.add((await lag.get()).values[0]?.value || undefined).size > 3, {
      what: 'the relay has looked again and again',
    });
    expect(await storedIds()).toEqual([]);
    commit();
    await arrives([late, newer], 'both events, the late one first');
  });

  it.each([
    ['alone', (id: string, tx: pg.PoolClient) => store.execute(counter, { ...add(id), within: tx })],
    [
      'with others, old and new',
      (id: string, tx: pg.PoolClient) =>
        store.executeMany(counter, [add(others[0] ?? ''), add(id), add(newId())], { within: tx }),
    ],
  ])(
    'publishes a stream in order where a transaction that began earlier writes later, %s',
    async (_how, write) => {
      const id = newId();
      for (const other of others) await store.execute(counter, add(other));
      await database.transaction(async (tx) => {
        await store.execute(counter, { ...add(others[1] ?? ''), within: tx }); // gives the transaction its number
        await store.execute(counter, add(id));
        await write(id, tx);
      });
      await store.execute(counter, add(id));
      relay(publisher());
      await eventually(async () => (await storedIds()).filter((stored) => stored === id).length === 3, {
        what: 'all events of the stream',
      });
      const versions = (await stored()).filter(([stored]) => stored === id).map(([, { version }]) => version);
      expect(versions).toEqual([1, 2, 3]);
    },
  );

  it('orders transactions by number, not by text', async () => {
    const insert = (id: string, txid: string) =>
      database.query(
        `INSERT INTO events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata, txid)
         VALUES ('default', 'counter-' || $1, 1, 'counter', 'CounterRaised', 1, '{"by": 1}', $2, $3::text::xid8)`,
        [id, JSON.stringify(metadata), txid],
      );
    await insert('ten', '10');
    await insert('nine', '9');
    relay(publisher());
    await arrives(['nine', 'ten'], 'both events');
  });

  it('goes on after the tables have been restored on another server, whose transactions count from lower', async () => {
    const [told, untold, late, fresh] = [newId(), newId(), newId(), newId()];
    for (const id of [late, told, untold]) await store.execute(counter, add(id));
    // As if on the old server `late` had been committed after `told`, and only `told` had been published.
    const move = (id: string, txid: string) =>
      database.query(`UPDATE events SET txid = $2::text::xid8 WHERE stream = 'counter-' || $1`, [id, txid]);
    await move(told, '900000000000');
    await move(late, '900000000001');
    await move(untold, '900000000002');
    const announced = newId();
    await database.transaction(async (tx) => {
      const event = { type: 'Visited', data: {} };
      await store.announce(tx, [{ tenantId, about: 'visit', id: announced, version: 1, event, metadata }]);
    });
    await database.query(`UPDATE announcements SET txid = '900000000003'::text::xid8`);
    await database.query(
      `INSERT INTO relay_cursor (relay, txid, position)
       SELECT 'counters', txid, position FROM events WHERE stream = 'counter-' || $1`,
      [told],
    );
    relay(publisher());
    await eventually(async () => (await storedIds()).length >= 3, { what: 'what had not been published' });
    await store.execute(counter, add(fresh));
    await eventually(async () => (await storedIds()).includes(fresh), { what: 'a new event' });
    expect(await storedIds()).toEqual([late, untold, announced, fresh]);
  });

  describe('during an update from a version that knows no bundles', () => {
    const countedAt = (id: string): string => `counters:default:counter-${id}:1`;
    const publishedByBefore = async (id: string): Promise<void> => {
      await store.execute(counter, add(id));
      await database.query(
        `INSERT INTO relay_cursor AS c (relay, txid, position)
         SELECT 'counters', txid, position FROM events WHERE stream = 'counter-' || $1
         ON CONFLICT (relay) DO UPDATE SET txid = excluded.txid, position = excluded.position`,
        [id],
      );
    };

    it('leaves what that has published to its own consumers, and begins behind it', async () => {
      const [old, fresh] = [newId(), newId()];
      await publishedByBefore(old);
      await store.execute(counter, add(fresh));
      const bus = publisher();
      relay(bus);
      await eventually(() => bus.ids.length > 0, { what: 'the new event' });
      expect([bus.ids, bus.bundled]).toEqual([[countedAt(fresh)], [countedAt(fresh)]]);
    });

    it('bundles what that publishes while it has the lock again, and publishes none of it once more', async () => {
      const [first, ofBefore, alsoOfBefore, last] = [newId(), newId(), newId(), newId()];
      const bus = publisher();
      const running = relay(bus);
      await store.execute(counter, add(first));
      await eventually(() => bus.ids.length === 1, { what: 'the first event' });
      await running.stop();
      await publishedByBefore(ofBefore);
      await publishedByBefore(alsoOfBefore);
      await store.execute(counter, add(last));
      relay(bus, { batchSize: 1 });
      await eventually(() => bus.ids.length === 2, { what: 'the last event' });
      expect(bus.ids).toEqual([first, last].map(countedAt));
      expect(bus.bundled).toEqual([first, ofBefore, alsoOfBefore, last].map(countedAt));
    });
  });

  it('publishes announcements too, in the order of the commits, and forgets them when their stream has', async () => {
    const [first, second, third] = [newId(), newId(), newId()];
    const tell = (tx: pg.PoolClient, id: string) =>
      store.announce(tx, [
        { tenantId, about: 'visit', id, version: 1, event: { type: 'Visited', data: {} }, metadata },
      ]);
    await store.execute(counter, add(first));
    await database.transaction((tx) => tell(tx, second));
    await store.execute(counter, add(third));
    const undone = database.transaction(async (tx) => {
      await tell(tx, newId());
      throw new AppError('unavailable', 'No.');
    });
    await expect(undone).rejects.toThrow('No.');
    const bus = publisher();
    const running = relay(bus);
    await arrives([first, second, third], 'all three');
    expect(bus.ids).toEqual([
      `counters:default:counter-${first}:1`,
      `counters:default:visit-${second}:1`,
      `counters:default:counter-${third}:1`,
    ]);
    await running.stop();
    // Not while it is unpublished, however old it is.
    await database.transaction((tx) => tell(tx, newId()));
    await database.query(`UPDATE announcements SET recorded_at = now() - interval '2 hours'`);
    expect(await forgetOldAnnouncements(database, 'counters', 3, 10)).toBe(0);
    expect(await forgetOldAnnouncements(database, 'counters', 1, 10)).toBe(1);
    const { rows } = await database.query('SELECT 1 FROM announcements');
    expect(rows).toHaveLength(1);
  });

  it('publishes again with the same ids when it dies before it has moved its cursor', async () => {
    const ids = [newId(), newId()];
    const duplicates: string[] = [];
    let killed = false;
    const bus = publisher(undefined, async (id, duplicate) => {
      if (duplicate) duplicates.push(id);
      if (killed) return;
      killed = true;
      await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
    });
    // At once: the relay reads what others of the server let it, and must have both when it dies.
    await store.executeMany(
      counter,
      ids.map((id) => add(id)),
    );
    relay(bus);
    await eventually(() => duplicates.length === 2, { what: 'both are published again' });
    const last = newId();
    await store.execute(counter, add(last));
    await arrives([...ids, last], 'every event, once');
    expect(bus.ids.slice(0, 2)).toEqual(bus.ids.slice(2, 4));
  });

  it('moves its cursor over the acknowledged prefix only', async () => {
    const ids = [newId(), newId(), newId()];
    let broken = true;
    const bus = publisher((id) => {
      if (broken && id.includes(ids[1] ?? '')) throw new AppError('unavailable', 'No.');
    });
    for (const id of ids) await store.execute(counter, add(id));
    relay(bus);
    await eventually(() => bus.ids.filter((id) => id.includes(ids[1] ?? '')).length >= 2, {
      what: 'a second try',
    });
    expect(bus.ids.filter((id) => id.includes(ids[0] ?? ''))).toHaveLength(1);
    broken = false;
    await eventually(
      async () => {
        expect((await storedIds()).sort()).toEqual([...ids].sort());
        return true;
      },
      { what: 'all three' },
    );
  });

  it('works in one process at a time, and the next takes over', async () => {
    const first = relay(publisher());
    await eventually(() => first.active, { what: 'the first is active' });
    const second = relay(publisher());
    await eventually(
      async () => {
        const { rows } = await admin.query(
          `SELECT FROM pg_stat_activity
           WHERE datname = current_database() AND query LIKE '%pg_try_advisory_lock%' AND state = 'idle'`,
        );
        return rows.length === 1;
      },
      { what: 'the second has tried' },
    );
    expect([first.active, second.active]).toEqual([true, false]);
    await first.stop();
    await eventually(() => second.active, { what: 'the second takes over' });
    const id = newId();
    await store.execute(counter, add(id));
    await arrives([id], 'an event by the second');
  });

  it('is told of what its own process commits by a call, and of what another one does by the database', async () => {
    const bus = publisher();
    const here = relay(bus);
    await eventually(() => here.active);
    const rings: (string | undefined)[] = [];
    admin.on('notification', ({ payload }) => rings.push(payload));
    await admin.query('LISTEN muster_events_counters');

    const own = newId();
    await store.execute(counter, add(own));
    await eventually(() => bus.ids.length === 1);
    await database.query(`NOTIFY muster_events_counters, 'after its own'`);
    await eventually(() => rings.includes('after its own'));
    expect(rings).toEqual(['after its own']);

    const other = openCounters(test.url);
    await other.store.execute(counter, add(newId()));
    await eventually(() => bus.ids.length === 2);
    await eventually(() => rings.length === 2);
    await other.database.close();

    await here.stop();
    await store.execute(counter, add(own));
    await eventually(() => rings.length === 3, { what: 'who is no longer here is told by the database' });
  });

  it('waits for NATS and loses nothing', async () => {
    const first = newId();
    relay(publisher());
    await store.execute(counter, add(first));
    await arrives([first], 'the event from before');
    await nats.kill9();
    const second = newId();
    await store.execute(counter, add(second));
    await nats.restart();
    await eventually(async () => (await storedIds()).at(-1) === second, {
      what: 'the event from while NATS was away',
      deadlineMs: 15_000,
    });
  });

  it('parks what cannot be told and goes on', async () => {
    const [bad, large, good] = [newId(), newId(), newId()];
    for (const id of [bad, large, good]) await store.execute(counter, add(id));
    const bus = publisher((id) => {
      if (id.includes(large)) throw new AppError('payload-too-large', 'Too large.');
    });
    relay(bus, {
      translate: (event) => [
        { contract: raised, entityId: event.streamId === bad ? 'a.b' : event.streamId, data: event.data },
      ],
    });
    await arrives([good], 'the good one');
    const rows = await eventually(
      async () => {
        const parked = await database.query<{ stream: string; reason: string }>(
          'SELECT stream, reason FROM relay_parked',
        );
        expect(parked.rows).toHaveLength(2);
        return parked.rows;
      },
      { what: 'both are parked' },
    );
    expect(rows.map((row) => row.stream).sort()).toEqual([`counter-${bad}`, `counter-${large}`].sort());
    expect(rows.find((row) => row.stream.endsWith(bad))?.reason).toContain('subject');
  });

  it('leaves what only a newer version knows to the replica that has it', async () => {
    const [known, unknown, after] = [newId(), newId(), newId()];
    const older = relay(publisher(), {
      translate: (event) =>
        event.streamId === unknown
          ? undefined
          : [{ contract: raised, entityId: event.streamId, data: event.data }],
    });
    await eventually(() => older.active, { what: 'the older is active' });
    for (const id of [known, unknown, after]) await store.execute(counter, add(id));
    await eventually(async () => (await storedIds()).includes(known), { what: 'what it knows' });
    await eventually(() => !older.active, { what: 'the older has given up the lock', deadlineMs: 20_000 });
    expect(await storedIds()).not.toContain(unknown);
    const newer = relay(publisher());
    // The older one tries from time to time, and may be the faster once or twice.
    await eventually(() => newer.active && !older.active, {
      what: 'the newer has the lock',
      deadlineMs: 30_000,
    });
    // Each once; what came behind it may have been published with what came before it, being of another stream.
    await eventually(async () => (await storedIds()).length === 3, { what: 'the rest', deadlineMs: 20_000 });
    expect((await storedIds()).sort()).toEqual([known, unknown, after].sort());
    expect((await database.query('SELECT FROM relay_parked')).rowCount).toBe(0);
  }, 90_000);

  it('hands over what it parked, later when that cannot be now, and publishes it when told to', async () => {
    const [bad, good] = [newId(), newId()];
    for (const id of [bad, good]) await store.execute(counter, add(id));
    let isBroken = true;
    let isAway = true;
    const handedOver: UntoldEvent[] = [];
    const running = relay(publisher(), {
      translate: (event) => {
        if (isBroken && event.streamId === bad) throw new TypeError('cannot be told');
        return [{ contract: raised, entityId: event.streamId, data: event.data }];
      },
      park: async (event) => {
        if (isAway) throw new AppError('unavailable', 'Nobody there.');
        handedOver.push(event);
        return Promise.resolve();
      },
    });
    await arrives([good], 'the good one');
    await eventually(async () => (await database.query('SELECT FROM relay_parked')).rowCount === 1, {
      what: 'the other one is parked',
    });
    isAway = false;
    await eventually(() => handedOver.length > 0, { what: 'it is handed over', deadlineMs: 20_000 });
    expect(handedOver).toEqual([
      { tenantId, stream: `counter-${bad}`, version: 1, reason: 'cannot be told' },
    ]);
    await eventually(async () => (await database.query('SELECT FROM relay_parked')).rowCount === 0, {
      what: 'it lies there no more',
    });
    const ref = { tenantId, stream: `counter-${bad}`, version: 1 };
    await expect(running.publishParked(ref)).rejects.toThrow('cannot be told');
    isBroken = false;
    await running.publishParked(ref);
    await arrives([good, bad], 'the one that was parked');
    await expect(running.publishParked({ ...ref, version: 2 })).rejects.toMatchObject({ code: 'not-found' });
  }, 60_000);

  it('publishes thousands, in batches, without gaps', async () => {
    const ids = Array.from({ length: 1_200 }, newId);
    await store.executeMany(
      counter,
      ids.map((id) => add(id)),
    );
    const bus = publisher();
    relay(bus, { batchSize: 100 });
    await eventually(() => bus.ids.length === ids.length, { what: 'all of them', deadlineMs: 10_000 });
    expect(new Set(bus.ids).size).toBe(ids.length);
  });
});

const waitingRows = async (): Promise<number> => {
  const { rows } = await database.query<{ count: string }>('SELECT count(*) FROM events');
  return Number(rows[0]?.count);
};
