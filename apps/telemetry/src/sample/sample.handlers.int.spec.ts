import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DiscardPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { eventStream, newId, type JsonValue } from '@muster/contracts';
import { deviceDeleted } from '@muster/contracts/device-registry/published';
import { TELEMETRY_STREAM } from '@muster/contracts/telemetry/published';
import {
  getLatest,
  querySamples,
  storeSamples,
  type QuerySamples,
  type SamplePage,
  type TelemetryMessage,
} from '@muster/contracts/telemetry/requests';
import { openDatabase } from '@muster/event-store';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../app.module.js';
import { beginBatch } from './batch-locks.js';
import { Partitions } from './partitions.js';
import { DAY_MICROS, isoMicros, isoMillis, nowMicros } from './time.js';

const logger = createLogger({ service: 'spec', level: 'fatal' });
const tenantId = 'default';
const MINUTE = 60_000_000;

/** A connection to PostgreSQL that can be cut, which no query of a test can do to its own server. */
const wireTo = async (url: string) => {
  const target = new URL(url);
  const upstreamPort = Number(target.port);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  target.port = String(port);
  return {
    url: target.href,
    mend: () => listen(port),
    cut: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
};

let nats: NatsServer;
let database: TestDatabase;
let wire: Awaited<ReturnType<typeof wireTo>>;
let service: RunningApp;
let bus: Bus;
let sql: pg.Client;
let raw: NatsConnection;

beforeAll(async () => {
  [nats, database] = await Promise.all([startNats(), testDatabase({ name: 'telemetry', migrate })]);
  wire = await wireTo(database.url);
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const registry = eventStream('device-registry');
  await bus.ensureStream({
    name: registry.name,
    subjects: registry.subjects,
    maxAgeMs: 3_600_000,
    maxBytes: 10_000_000,
  });
  service = await start({
    MUSTER_DATABASE_URL: wire.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'fatal',
    MUSTER_TELEMETRY_MAX_KEYS_PER_DEVICE: '30000', // of the widest sample below
  });
  sql = new pg.Client({ connectionString: database.url, options: '-c search_path=telemetry' });
  await sql.connect();
  raw = await connectNats({ servers: nats.url });
});

afterAll(async () => {
  await sql.end();
  await raw.close();
  await service.stop();
  await bus.close();
  await wire.cut();
  await nats.stop();
  await database.drop();
});

let arrivals = 0;
/** Unique, as an adapter makes them. */
const arrival = (ago = 0): number => nowMicros() - ago + (arrivals += 1);

const message = (
  deviceId: string,
  samples: [at: number | null, data: JsonValue][],
  more: Partial<TelemetryMessage> = {},
): TelemetryMessage => ({
  tenantId,
  deviceId,
  appVersion: 'v1',
  receivedAt: arrival(),
  redelivered: false,
  duplicate: false,
  samples: samples.map(([at, data]) => ({ at, data })),
  ...more,
});
const store = async (...messages: TelemetryMessage[]) =>
  (await bus.request(storeSamples, { messages })).outcomes;
const rowsOf = async (deviceId: string) => {
  const { rows } = await sql.query<{
    data: JsonValue;
    redelivered_at: Date | null;
    duplicate_at: Date | null;
    at: string;
  }>(
    `SELECT data, redelivered_at, duplicate_at, (extract(epoch FROM ts) * 1000000)::bigint AS at FROM samples
     WHERE device_id = $1 ORDER BY ts, hash`,
    [deviceId],
  );
  return rows;
};
/** The hash is the service's matter: it is read from a row that the service made. */
const hashOfStored = async (data: JsonValue): Promise<string> => {
  const id = newId();
  await store(message(id, [[null, data]]));
  const { rows } = await sql.query<{ hash: string }>('SELECT hash FROM samples WHERE device_id = $1', [id]);
  return rows[0]!.hash;
};
const query = (deviceId: string, more: Partial<QuerySamples> = {}) =>
  bus.request(querySamples, { tenantId, deviceId, ...more }, { timeoutMs: 20_000 });
const latest = async (deviceId: string, keys?: string[]) =>
  (await bus.request(getLatest, { tenantId, deviceId, ...(keys && { keys }) })).items;
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('storeSamples', () => {
  it('stores samples under their own time or their arrival', async () => {
    const id = newId();
    const own = nowMicros() - MINUTE;
    const sent = message(id, [
      [own, { a: 1 }],
      [null, [1, 'x']],
    ]);
    expect(await store(sent)).toEqual([{}]);
    expect((await rowsOf(id)).map(({ at, data }) => [Number(at), data])).toEqual([
      [own, { a: 1 }],
      [sent.receivedAt, [1, 'x']],
    ]);
  });

  it('stores once what is sent twice, at once or later, in a batch or across batches', async () => {
    const id = newId();
    const sent = message(id, [
      [null, { a: 1 }],
      [nowMicros(), { a: 2 }],
    ]);
    await Promise.all([store(sent, sent), store(sent), store(sent)]);
    await store(sent);
    expect(await rowsOf(id)).toHaveLength(2);
  });

  it('keeps equal readings that were sent on purpose', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1 }]]), message(id, [[null, { a: 1 }]]));
    await store(
      message(id, [
        [null, { a: 1 }],
        [null, { a: 1 }],
      ]),
    );
    expect(await rowsOf(id)).toHaveLength(4);
  });

  it('keeps different samples of the same time', async () => {
    const id = newId();
    const at = nowMicros();
    await store(
      message(id, [
        [at, { a: 1 }],
        [at, { b: 1 }],
      ]),
    );
    expect(await rowsOf(id)).toHaveLength(2);
  });

  it('refuses a message with a time out of range whole, and none of the others', async () => {
    const [bad, good] = [newId(), newId()];
    const outcomes = await store(
      message(bad, [
        [null, { a: 1 }],
        [nowMicros() + 2 * DAY_MICROS, { a: 2 }],
      ]),
      message(good, [[null, { a: 1 }]]),
    );
    expect(outcomes).toEqual([code('sample-time-out-of-range'), {}]);
    expect(outcomes[0]?.detail).toMatch(
      /^the time of sample 1 must be a time from 2000-01-01T00:00:00\.000Z to /,
    );
    expect([await rowsOf(bad), await rowsOf(good)]).toMatchObject([[], [{}]]);
  });

  it('refuses a message with what JSON in PostgreSQL cannot hold, and stores the other 499', async () => {
    const ids = Array.from({ length: 500 }, newId);
    const outcomes = await store(
      ...ids.map((id, n) =>
        message(id, [[null, { text: n === 77 ? 'a\0b' : n === 400 ? '\ud800' : 'fine' }]]),
      ),
    );
    const refused = outcomes.flatMap((outcome, n) => (outcome.code === undefined ? [] : [[n, outcome.code]]));
    expect(refused).toEqual([
      [77, 'invalid-payload'],
      [400, 'invalid-payload'],
    ]);
    const { rows } = await sql.query('SELECT 1 FROM samples WHERE device_id = ANY ($1)', [ids]);
    expect(rows).toHaveLength(498);
  });

  it('takes times in microseconds to the last digit', async () => {
    const id = newId();
    const at = nowMicros() - MINUTE + 123;
    await store(
      message(id, [
        [at, { a: 1 }],
        [at + 1, { a: 1 }],
      ]),
    );
    expect((await rowsOf(id)).map((row) => Number(row.at))).toEqual([at, at + 1]);
  });

  it('puts every day in a partition of its own, and what is older than they are in the default one', async () => {
    const id = newId();
    const [old, recent, ahead] = [
      Date.UTC(2001, 1, 3) * 1_000,
      nowMicros() - 40 * DAY_MICROS,
      nowMicros() + DAY_MICROS - MINUTE,
    ];
    expect(
      await store(
        message(id, [
          [old, { a: 1 }],
          [recent, { a: 2 }],
          [ahead, { a: 3 }],
        ]),
      ),
    ).toEqual([{}]);
    const { rows } = await sql.query<{ name: string }>(
      'SELECT tableoid::regclass::text AS name FROM samples WHERE device_id = $1 ORDER BY ts',
      [id],
    );
    const nameOf = (micros: number) => `samples_${isoMillis(micros).slice(0, 10).replaceAll('-', '')}`;
    expect(rows.map(({ name }) => name)).toEqual(['samples_default', nameOf(recent), nameOf(ahead)]);
  });

  it('refuses a request that is malformed, and one without messages', async () => {
    await expect(store({ nonsense: true } as unknown as TelemetryMessage)).rejects.toEqual(
      code('invalid-request'),
    );
    await expect(store()).rejects.toEqual(code('invalid-request'));
  });

  it('does with concurrent batches of the same devices in any order', async () => {
    const ids = Array.from({ length: 50 }, newId);
    const batch = (reverse: boolean) =>
      store(...(reverse ? ids.toReversed() : ids).map((id) => message(id, [[null, { a: 1 }]])));
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, n) => batch(n % 2 === 0)));
    expect(outcomes.flat().every((outcome) => outcome.code === undefined)).toBe(true);
    const { rows } = await sql.query('SELECT 1 FROM samples WHERE device_id = ANY ($1)', [ids]);
    expect(rows).toHaveLength(500);
  });
});

describe('the same batch from two sides', () => {
  it('in opposite orders is stored once, and neither waits for the other for ever', async () => {
    const ids = Array.from({ length: 3 }, newId).sort();
    const sent = ids.map((id) => message(id, [[null, { a: 1 }]]));
    const middle = sent[1]!;
    const hash = await hashOfStored({ a: 1 });
    // Holds both batches at the sample in the middle, where each would have stored what the other needs next.
    await sql.query('BEGIN');
    await sql.query(
      `INSERT INTO samples (tenant_id, device_id, ts, hash, received_at, data) VALUES ($1, $2, $3, $4, $3, $5)`,
      [tenantId, middle.deviceId, isoMicros(middle.receivedAt), hash, '{"a":1}'],
    );
    const both = Promise.all([store(...sent), store(...sent.toReversed())]);
    both.catch(() => undefined);
    try {
      await eventually(
        async () => {
          const { rows } = await sql.query(
            `SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted`,
          );
          return rows.length >= 2;
        },
        { what: 'both batches wait' },
      );
    } finally {
      await sql.query('ROLLBACK');
    }
    expect(await both).toEqual([
      [{}, {}, {}],
      [{}, {}, {}],
    ]);
    const { rows } = await sql.query('SELECT 1 FROM samples WHERE device_id = ANY ($1)', [ids]);
    expect(rows).toHaveLength(3);
  });
});

// The rules are in repeats.spec.ts; here: that the store knows what they need, whatever happens around it.
describe('redelivered samples without a time of their own', () => {
  const redelivered = (id: string, data: JsonValue, receivedAt = arrival()) =>
    message(id, [[null, data]], { redelivered: true, receivedAt });

  it('are dropped when their original was stored', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1 }]]));
    expect(await store(redelivered(id, { a: 1 }))).toEqual([{}]);
    expect(await rowsOf(id)).toHaveLength(1);
  });

  it('are stored when it was not, once, however often the request is repeated', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 2 }]]));
    const again = redelivered(id, { a: 1 });
    await store(again);
    await store(again);
    expect(await rowsOf(id)).toHaveLength(2);
  });

  it('match one stored sample each, in a batch and across batches', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1 }]]), message(id, [[null, { a: 1 }]]));
    await store(redelivered(id, { a: 1 }));
    expect(await rowsOf(id)).toHaveLength(2);
    await store(redelivered(id, { a: 1 }), redelivered(id, { a: 1 }));
    expect(await rowsOf(id)).toHaveLength(3);
  });

  it('take no second row when a request with them is repeated', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1 }]]), message(id, [[null, { a: 1 }]]));
    const again = redelivered(id, { a: 1 });
    await store(again);
    await store(again);
    expect((await rowsOf(id)).filter((row) => row.redelivered_at !== null)).toHaveLength(1);
  });

  it('never make a reading that is not redelivered disappear', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1 }]]));
    await store(redelivered(id, { a: 1 }), message(id, [[null, { a: 1 }]]), message(id, [[null, { a: 1 }]]));
    expect(await rowsOf(id)).toHaveLength(3);
  });

  it('are not looked for beyond the window', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1 }]], { receivedAt: arrival(6 * MINUTE) }));
    await store(redelivered(id, { a: 1 }));
    expect(await rowsOf(id)).toHaveLength(2);
  });

  it('do not match another device, nor a sample with a time of its own', async () => {
    const [id, other] = [newId(), newId()];
    await store(message(other, [[null, { a: 1 }]]), message(id, [[nowMicros() - 1_000, { a: 1 }]]));
    await store(redelivered(id, { a: 1 }));
    expect(await rowsOf(id)).toHaveLength(2);
  });

  it('with a time of their own are known by it', async () => {
    const id = newId();
    const at = nowMicros() - MINUTE;
    await store(message(id, [[at, { a: 1 }]]));
    await store(message(id, [[at, { a: 1 }]], { redelivered: true }));
    expect(await rowsOf(id)).toHaveLength(1);
  });

  it('are counted', async () => {
    expect(await service.ops.metrics.text()).toMatch(
      /muster_telemetry_samples_total\{[^}]*outcome="redelivered"[^}]*\} [1-9]/,
    );
  });

  it('wait for a batch that has begun and may hold their original, and nobody waits for them', async () => {
    const id = newId();
    const original = message(id, [[null, { a: 1 }]]);
    const own = openDatabase({ url: database.url, schema: 'telemetry', poolSize: 1, name: 'spec' });
    const begun = await own.pool.connect();
    try {
      // As the other adapter's batch does it: the lock, the row, and then it takes its time to commit.
      await begun.query('BEGIN');
      await beginBatch(begun);
      const hash = await hashOfStored({ a: 1 });
      await begun.query(
        `INSERT INTO samples (tenant_id, device_id, ts, hash, received_at, data) VALUES ($1, $2, $3, $4, $3, $5)`,
        [tenantId, id, isoMicros(original.receivedAt), hash, '{"a":1}'],
      );
      let answered = false;
      const repeated = store(redelivered(id, { a: 1 })).finally(() => (answered = true));
      await eventually(
        async () => {
          const { rows } = await sql.query('SELECT 1 FROM pg_locks WHERE locktype = $1 AND NOT granted', [
            'advisory',
          ]);
          return rows.length === 1;
        },
        { what: 'the redelivered batch waits' },
      );
      const others = Array.from({ length: 50 }, () => message(newId(), [[null, { a: 1 }]]));
      expect(await store(...others)).toEqual(others.map(() => ({})));
      expect(answered).toBe(false);
      await begun.query('COMMIT');
      expect(await repeated).toEqual([{}]);
    } finally {
      begun.release();
      await own.close();
    }
    expect(await rowsOf(id)).toHaveLength(1);
  });

  it('and their originals in flight together are stored once', async () => {
    const ids = Array.from({ length: 30 }, newId);
    const originals = ids.map((id) => message(id, [[null, { a: 1 }]]));
    await store(...originals.slice(0, 10));
    // The originals are sent first, as they were received first; the rest is up to the two connections.
    const first = store(...originals.slice(10));
    const second = store(...ids.slice(0, 10).map((id) => redelivered(id, { a: 1 })));
    await Promise.all([first, second]);
    const { rows } = await sql.query('SELECT 1 FROM samples WHERE device_id = ANY ($1)', [ids]);
    expect(rows).toHaveLength(30);
  });
});

describe("the client's duplicates without a time of their own", () => {
  const marked = (id: string, data: JsonValue, marks: Partial<TelemetryMessage>) =>
    message(id, [[null, data]], marks);

  it('are dropped when both copies come out of the queue together after a restart of the broker', async () => {
    const id = newId();
    const first = marked(id, { a: 1 }, { redelivered: true });
    const second = marked(id, { a: 1 }, { duplicate: true });
    expect(await store(first, second)).toEqual([{}, {}]);
    expect((await rowsOf(id)).map(({ at }) => Number(at))).toEqual([first.receivedAt]);
    // The whole once more, and the part of it whose answer an adapter may have missed.
    await store(first, second);
    await store(second);
    expect(await rowsOf(id)).toHaveLength(1);
  });

  it('are dropped beside a redelivery of the same row, one of each, across batches', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1 }]]));
    await store(marked(id, { a: 1 }, { redelivered: true }));
    await store(marked(id, { a: 1 }, { duplicate: true }));
    expect(await rowsOf(id)).toMatchObject([
      { redelivered_at: expect.any(Date), duplicate_at: expect.any(Date) },
    ]);
    await store(marked(id, { a: 1 }, { duplicate: true }));
    expect(await rowsOf(id)).toHaveLength(2);
  });

  it('are two readings when nothing else was stored, in a batch and across batches', async () => {
    const id = newId();
    const two = [marked(id, { a: 1 }, { duplicate: true }), marked(id, { a: 1 }, { duplicate: true })];
    await store(...two);
    await store(...two);
    expect(await rowsOf(id)).toHaveLength(2);
    await store(marked(id, { a: 1 }, { duplicate: true }));
    expect(await rowsOf(id)).toHaveLength(3);
  });

  it('of a message with equal readings are recognised one by one', async () => {
    const id = newId();
    const samples: [null, JsonValue][] = [
      [null, { a: 1 }],
      [null, { a: 1 }],
    ];
    await store(message(id, samples), message(id, samples, { duplicate: true }));
    expect(await rowsOf(id)).toHaveLength(2);
  });

  it('go into the latest values under the time of their original, and are counted', async () => {
    const id = newId();
    const original = message(id, [[null, { a: 1 }]]);
    await store(original, message(id, [[null, { a: 2 }]]), marked(id, { a: 1 }, { duplicate: true }));
    expect(await latest(id, ['a'])).toMatchObject([{ value: 2 }]);
    expect(await service.ops.metrics.text()).toMatch(
      /muster_telemetry_samples_total\{[^}]*outcome="duplicate"[^}]*\} [1-9]/,
    );
  });

  it('are recognised in a reading that another message of their batch made come in a half of its own', async () => {
    await sql.query(`ALTER TABLE samples ADD CONSTRAINT no_poison CHECK (NOT data ? 'poison') NOT VALID`);
    try {
      const id = newId();
      const outcomes = await store(
        marked(id, { a: 1 }, { redelivered: true }),
        message(newId(), [[null, { poison: 1 }]]),
        marked(id, { a: 1 }, { duplicate: true }),
      );
      expect(outcomes).toEqual([{}, code('invalid-payload'), {}]);
      expect(await rowsOf(id)).toHaveLength(1);
    } finally {
      await sql.query('ALTER TABLE samples DROP CONSTRAINT no_poison');
    }
  });

  it('in many batches at once take each slot once', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1 }]]), message(id, [[null, { a: 1 }]]));
    await Promise.all(
      Array.from({ length: 8 }, () =>
        store(marked(id, { a: 1 }, { duplicate: true }), marked(id, { a: 1 }, { redelivered: true })),
      ),
    );
    // 2 readings with 4 slots, and 16 marked ones; a duplicate may also take the slot of a redelivery that was stored.
    const rows = await rowsOf(id);
    const taken = rows.flatMap((row) => [row.redelivered_at, row.duplicate_at]).filter((at) => at !== null);
    expect(new Set(taken.map((at) => at.getTime())).size).toBeGreaterThan(0);
    expect(rows.length).toBeGreaterThanOrEqual(2 + 6);
    expect(rows.filter((row) => row.redelivered_at === null && row.duplicate_at === null)).toHaveLength(0);
  });
});

describe('a row that only PostgreSQL refuses', () => {
  it('is told apart from the rest of its batch', async () => {
    await sql.query(`ALTER TABLE samples ADD CONSTRAINT no_poison CHECK (NOT data ? 'poison') NOT VALID`);
    try {
      const ids = Array.from({ length: 9 }, newId);
      const outcomes = await store(
        ...ids.map((id, n) => message(id, [[null, n === 4 || n === 8 ? { poison: 1 } : { a: 1 }]])),
      );
      expect(outcomes.map((outcome) => outcome.code === 'invalid-payload')).toEqual(
        ids.map((_id, n) => n === 4 || n === 8),
      );
      const { rows } = await sql.query('SELECT 1 FROM samples WHERE device_id = ANY ($1)', [ids]);
      expect(rows).toHaveLength(7);
    } finally {
      await sql.query('ALTER TABLE samples DROP CONSTRAINT no_poison');
    }
  });
});

describe('getLatest', () => {
  it('has the newest value of every key by the time of its sample', async () => {
    const id = newId();
    const at = Math.floor(nowMicros() / 1_000) * 1_000;
    await store(message(id, [[at - 2_000, { a: 1, b: 1, c: { deep: [null] } }]]));
    await store(
      message(id, [
        [at, { a: 2 }],
        [at - 1_000, { a: 'older', b: 2 }],
      ]),
    );
    await store(message(id, [[at - 5_000, { a: 'much older', d: false, c: 'older' }]]));
    expect(await latest(id)).toEqual([
      { key: 'a', value: 2, ts: isoMillis(at) },
      { key: 'b', value: 2, ts: isoMillis(at - 1_000) },
      { key: 'c', value: { deep: [null] }, ts: isoMillis(at - 2_000) },
      { key: 'd', value: false, ts: isoMillis(at - 5_000) },
    ]);
    expect((await latest(id, ['d', 'none'])).map(({ key }) => key)).toEqual(['d']);
  });

  it('takes everything at once when all of it is newer, and a later equal time', async () => {
    const id = newId();
    const at = nowMicros() - MINUTE;
    await store(message(id, [[at, { a: 1, b: null }]]));
    await store(message(id, [[at + 1_000, { a: 2 }]]));
    await store(message(id, [[at + 1_000, { a: 3 }]]));
    expect((await latest(id)).map(({ key, value }) => [key, value])).toEqual([
      ['a', 3],
      ['b', null],
    ]);
  });

  it('is empty for a device that sent nothing, or nothing with keys', async () => {
    const id = newId();
    await store(
      message(id, [
        [null, 5],
        [null, [1]],
        [null, 'x'],
      ]),
    );
    expect(await latest(id)).toEqual([]);
    expect(await latest(newId())).toEqual([]);
  });

  it('comes in pages as long as is asked for, and counts', async () => {
    const id = newId();
    await store(message(id, [[null, { a: 1, b: 2, c: 3 }]]));
    const first = await bus.request(getLatest, { tenantId, deviceId: id, limit: 2, count: true });
    expect(first).toMatchObject({ items: [{ key: 'a' }, { key: 'b' }], total: 3 });
    const more = { limit: 2, count: true, cursor: first.nextCursor! };
    expect(await bus.request(getLatest, { tenantId, deviceId: id, ...more })).toMatchObject({
      items: [{ key: 'c' }],
      nextCursor: null,
      total: 3,
    });
  });

  it('comes in pages where it would not fit in a message', async () => {
    const id = newId();
    // Three bytes a letter: what counts are bytes, not characters.
    const long = '\u20ac'.repeat(50_000);
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']) {
      await store(message(id, [[null, { [key]: long }]]));
    }
    const first = await bus.request(getLatest, { tenantId, deviceId: id });
    expect(first.items.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
    const second = await bus.request(getLatest, { tenantId, deviceId: id, cursor: first.nextCursor! });
    expect(second.items.map(({ key }) => key)).toEqual(['e', 'f', 'g', 'h']);
    const third = await bus.request(getLatest, { tenantId, deviceId: id, cursor: second.nextCursor! });
    expect(third).toMatchObject({ items: [{ key: 'i' }], nextCursor: null });
    await expect(bus.request(getLatest, { tenantId, deviceId: id, cursor: 'x' })).rejects.toEqual(
      code('invalid-request'),
    );
  });

  it('is empty for a device that was deleted, as often as that is told, and as before for the others', async () => {
    const [gone, other] = [newId(), newId()];
    await store(message(gone, [[null, { a: 1 }]]), message(other, [[null, { a: 1 }]]));
    const time = new Date().toISOString();
    const actor = { kind: 'user' as const, id: 'somebody' };
    for (const deviceId of [newId(), gone, gone]) {
      await bus.publish(deviceDeleted, {
        ...{ tenantId, entityId: deviceId, id: newId(), time },
        data: { deviceId, version: 2, at: time, actor },
      });
    }
    await eventually(async () => (await latest(gone)).length === 0, { what: 'its latest values are gone' });
    expect(await latest(other)).toHaveLength(1);
    expect(await rowsOf(gone)).toHaveLength(1);
  });

  it('agrees with the samples after batches in any order at once', async () => {
    const id = newId();
    const base = nowMicros() - MINUTE;
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        store(message(id, [[base + ((n * 7) % 20) * 1_000, { a: (n * 7) % 20 }]])),
      ),
    );
    expect((await latest(id))[0]?.value).toBe(19);
  });
});

describe('samples of one time', () => {
  const values = [3, 1, 5, 2, 4];
  const pointsOf = async (id: string, more: Partial<QuerySamples> = {}): Promise<JsonValue[]> =>
    (await query(id, more)).series.flatMap(({ points }) => points.map(([, value]) => value));
  /** Page by page, each of one sample. */
  const paged = async (id: string, order: 'asc' | 'desc'): Promise<JsonValue[]> => {
    const found: JsonValue[] = [];
    let cursor: string | null = null;
    do {
      const page: SamplePage = await query(id, { order, limit: 1, ...(cursor !== null && { cursor }) });
      found.push(...page.series.flatMap(({ points }) => points.map(([, value]) => value)));
      cursor = page.nextCursor;
    } while (cursor !== null);
    return found;
  };
  const latestOf = async (id: string) => (await latest(id))[0]?.value;

  it.each([
    [
      'of the device, in one message',
      (id: string, at: number) => [
        message(
          id,
          values.map((a) => [at, { a }]),
        ),
      ],
    ],
    [
      'of the device, in a message each',
      (id: string, at: number) => values.map((a) => message(id, [[at, { a }]])),
    ],
    [
      'of arrival, in one message',
      (id: string) => [
        message(
          id,
          values.map((a) => [null, { a }]),
        ),
      ],
    ],
  ])('%s, read back as they came, and the last one is the latest', async (_what, messagesOf) => {
    const id = newId();
    await store(...messagesOf(id, nowMicros() - MINUTE));
    expect(await pointsOf(id)).toEqual(values);
    expect(await pointsOf(id, { order: 'desc' })).toEqual(values.toReversed());
    expect(await paged(id, 'asc')).toEqual(values);
    expect(await paged(id, 'desc')).toEqual(values.toReversed());
    expect(await latestOf(id)).toBe(4);
  });

  it('that were there already change neither the order nor what is the latest', async () => {
    const id = newId();
    const at = nowMicros() - MINUTE;
    const [first, second] = [message(id, [[at, { a: 1 }]]), message(id, [[at, { a: 2 }]])];
    await store(first);
    await store(second);
    await store({ ...first, receivedAt: arrival(), redelivered: true });
    expect([await pointsOf(id), await latestOf(id)]).toEqual([[1, 2], 2]);
    // Beside a new one of the same time, in one batch.
    await store(message(id, [[at, { a: 3 }]]), { ...first, receivedAt: arrival() }, second);
    expect([await pointsOf(id), await latestOf(id)]).toEqual([[1, 2, 3], 3]);
  });
});

describe('querySamples', () => {
  const filled = async () => {
    const id = newId();
    const base = Math.floor((nowMicros() - 60 * MINUTE) / 1_000) * 1_000;
    const samples = Array.from({ length: 25 }, (_, n): [number, JsonValue] => [
      base + n * 1_000,
      { a: n, ...(n % 5 === 0 ? { b: { deep: n } } : {}) },
    ]);
    await store(message(id, samples));
    return { id, base };
  };

  it('gives a series per key, in time order, as stored', async () => {
    const { id, base } = await filled();
    const { series, nextCursor } = await query(id);
    expect(nextCursor).toBeNull();
    expect(series.map(({ key, points }) => [key, points.length])).toEqual([
      ['a', 25],
      ['b', 5],
    ]);
    expect(series[1]?.points[1]).toEqual([isoMillis(base + 5_000), { deep: 5 }]);
  });

  it.each(['asc', 'desc'] as const)('pages %s without losing or repeating a sample', async (order) => {
    const { id } = await filled();
    // Three samples of one time: the cursor must tell them apart.
    const at = nowMicros() - MINUTE;
    await store(
      message(id, [
        [at, { a: 'x' }],
        [at, { a: 'y' }],
        [at, { a: 'z' }],
      ]),
    );
    const all = (await query(id, { keys: ['a'], order })).series[0]!.points;
    expect(all).toHaveLength(28);
    for (const limit of [1, 3, 27, 28]) {
      const found = [];
      let cursor: string | undefined;
      do {
        const page = await query(id, { keys: ['a'], order, limit, ...(cursor && { cursor }) });
        found.push(...(page.series[0]?.points ?? []));
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(found).toEqual(all);
    }
    const times = all.map(([time]) => time);
    expect(times).toEqual(order === 'asc' ? times.toSorted() : times.toSorted().reverse());
  });

  it('takes from inclusive and to exclusive, and 24 hours when nothing is said', async () => {
    const { id, base } = await filled();
    await store(message(id, [[base - 30 * 60 * MINUTE, { a: 'older than a day' }]]));
    const range = { from: isoMillis(base + 2_000), to: isoMillis(base + 5_000) };
    expect((await query(id, { ...range, keys: ['a'] })).series[0]?.points.map(([, value]) => value)).toEqual([
      2, 3, 4,
    ]);
    expect((await query(id, { keys: ['a'] })).series[0]?.points).toHaveLength(25);
    const old = await query(id, { keys: ['a'], to: isoMillis(base - 10 * 60 * MINUTE) });
    expect(old.series[0]?.points.map(([, value]) => value)).toEqual(['older than a day']);
  });

  it('ends a page before it becomes too large for a message', async () => {
    const id = newId();
    const big = 'x'.repeat(100_000);
    const base = nowMicros() - MINUTE;
    for (let n = 0; n < 12; n += 1) await store(message(id, [[base + n * 1_000, { a: big }]]));
    const first = await query(id);
    expect(first.nextCursor).not.toBeNull();
    const second = await query(id, { cursor: first.nextCursor! });
    expect(first.series[0]!.points.length + second.series[0]!.points.length).toBe(12);
  });

  it('ends a page within a sample of many small values, and goes on there', async () => {
    const id = newId();
    const at = nowMicros() - MINUTE;
    const wide = Object.fromEntries(Array.from({ length: 30_000 }, (_, n) => [`k${n}`, n]));
    await store(
      message(id, [
        [at, wide],
        [at + 1_000, { k1: 'after' }],
      ]),
    );
    for (const order of ['asc', 'desc'] as const) {
      const found = new Map<string, number>();
      let cursor: string | undefined;
      do {
        const page = await query(id, { order, ...(cursor && { cursor }) });
        for (const { key, points } of page.series) found.set(key, (found.get(key) ?? 0) + points.length);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect([found.size, found.get('k1'), found.get('k29999')]).toEqual([30_000, 2, 1]);
    }
  });

  it.each(['asc', 'desc'] as const)(
    'counts what it answers: no page %s is short before the last',
    async (order) => {
      const { id } = await filled();
      for (const [keys, limit, sizes] of [
        [['b'], 2, [2, 2, 1]],
        [['b', 'never sent'], 5, [5]],
        [['a', 'b'], 20, [20, 5]],
        [['never sent'], 1, [0]],
      ] as const) {
        const found: number[] = [];
        let cursor: string | undefined;
        do {
          const page = await query(id, { keys: [...keys], order, limit, ...(cursor && { cursor }) });
          found.push(Math.max(0, ...page.series.map(({ points }) => points.length)));
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
        expect(found).toEqual(sizes);
      }
    },
  );

  it('reads 100,000 samples for a page and no more, and goes on after them', async () => {
    const id = newId();
    await sql.query(
      `INSERT INTO samples (tenant_id, device_id, ts, hash, received_at, data)
       SELECT $1, $2, now() - n * interval '10 milliseconds', n, now(),
              CASE WHEN n IN (50000, 100001, 200000) THEN '{"rare":1}' ELSE '{"a":1}' END::jsonb
       FROM generate_series(1, 200001) n`,
      [tenantId, id],
    );
    const pages = [];
    let cursor: string | undefined;
    do {
      const page = await query(id, { keys: ['rare'], order: 'desc', ...(cursor && { cursor }) });
      pages.push(page.series[0]?.points.length ?? 0);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(pages).toEqual([1, 2, 0]);
  }, 30_000);

  it('refuses a cursor or a time it cannot read', async () => {
    const id = newId();
    await expect(query(id, { cursor: 'nonsense' })).rejects.toEqual(code('invalid-request'));
    await expect(query(id, { from: '2026-W01' })).rejects.toEqual(code('invalid-request'));
  });
});

describe('retention', () => {
  const partitionsWith = async (days: number, work: (partitions: Partitions) => Promise<void>) => {
    const own = openDatabase({ url: database.url, schema: 'telemetry', poolSize: 4, name: 'spec' });
    try {
      await work(new Partitions(own, days, logger));
    } finally {
      await own.close();
    }
  };
  const partitions = async () => {
    const { rows } = await sql.query<{ name: string }>(
      `SELECT relname AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
       WHERE inhparent = 'samples'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };
  const nameOf = (micros: number) => `samples_${isoMillis(micros).slice(0, 10).replaceAll('-', '')}`;

  it('has made today and the next two days', async () => {
    const now = nowMicros();
    await eventually(
      async () => {
        expect(await partitions()).toEqual(
          expect.arrayContaining([0, 1, 2].map((days) => nameOf(now + days * DAY_MICROS))),
        );
        return true;
      },
      { what: 'partitions are made ahead' },
    );
  });

  it('drops the days that are too old and old strays, with several processes at it', async () => {
    const id = newId();
    const now = nowMicros();
    const stray = message(id, [[Date.UTC(2001, 0, 1) * 1_000, { stray: true }]], {
      receivedAt: now - 20 * DAY_MICROS,
    });
    const young = message(id, [[Date.UTC(2001, 0, 2) * 1_000, { young: true }]]);
    await store(
      message(id, [
        [now - 12 * DAY_MICROS, { a: 1 }],
        [now - 9 * DAY_MICROS, { a: 2 }],
      ]),
      stray,
      young,
    );
    await partitionsWith(10, async (own) => {
      await Promise.all([own.maintain(), own.maintain(), own.maintain()]);
    });
    expect(await partitions()).not.toContain(nameOf(now - 12 * DAY_MICROS));
    expect((await rowsOf(id)).map(({ data }) => data)).toEqual([{ young: true }, { a: 2 }]);
  });

  it('still takes samples of a day that was dropped', async () => {
    const id = newId();
    expect(await store(message(id, [[nowMicros() - 12 * DAY_MICROS, { a: 1 }]]))).toEqual([{}]);
    expect(await rowsOf(id)).toHaveLength(1);
  });

  it('leaves a day alone whose samples are in the default partition', async () => {
    const id = newId();
    const at = nowMicros() - 200 * DAY_MICROS;
    await store(message(id, [[at, { a: 1 }]]));
    await partitionsWith(300, async (own) => {
      await own.ensureFor([at]);
      await own.ensureFor([at]);
    });
    expect(await partitions()).not.toContain(nameOf(at));
    expect(await rowsOf(id)).toHaveLength(1);
  });

  it('makes a day once when several processes need it at once', async () => {
    const at = nowMicros() - 77 * DAY_MICROS;
    await partitionsWith(90, async (one) => {
      await partitionsWith(90, async (other) => {
        await Promise.all([one.ensureFor([at]), other.ensureFor([at])]);
      });
    });
    expect(await partitions()).toContain(nameOf(at));
  });
});

describe('publishing', () => {
  it('tells what was stored, by application version, and the original time of what was dropped', async () => {
    const id = newId();
    const original = message(id, [[null, { a: 1 }]], { appVersion: 'v7' });
    await store(original);
    await store(message(id, [[null, { a: 1 }]], { appVersion: 'v7', redelivered: true }));
    const batches = await published('muster.v1.telemetry.default.v7');
    expect(batches).toHaveLength(1); // the same content under the same time: the same message id
    expect(batches[0]).toEqual({
      samples: [{ deviceId: id, ts: isoMicros(original.receivedAt), data: { a: 1 } }],
    });
  });

  it('does not tell what was refused', async () => {
    await store(
      message(newId(), [[0, { a: 1 }]], { appVersion: 'v8' }),
      message(newId(), [[null, { a: 1 }]], { appVersion: 'v8' }),
    );
    const batches = await published('muster.v1.telemetry.default.v8');
    expect(batches).toMatchObject([{ samples: [{}] }]);
  });

  it('answers unavailable for what is stored but cannot be published, and stores it once when it comes again', async () => {
    const id = newId();
    const sent = message(id, [[null, { a: 1 }]]);
    const manager = await jetstreamManager(raw);
    // Another stream has the subject and takes nothing; the service cannot make its own again beside it.
    await manager.streams.delete('TELEMETRY');
    await manager.streams.add({
      name: 'FULL',
      subjects: [...TELEMETRY_STREAM.subjects],
      max_msgs: 1,
      discard: DiscardPolicy.New,
    });
    try {
      await store(message(newId(), [[null, { a: 1 }]]));
      const { outcomes } = await bus.request(storeSamples, { messages: [sent] }, { timeoutMs: 20_000 });
      expect(outcomes).toEqual([code('unavailable')]);
    } finally {
      await manager.streams.delete('FULL');
    }
    await eventually(async () => (await store(sent))[0]?.code === undefined, { what: 'it is published' });
    expect(await rowsOf(id)).toHaveLength(1);
  });

  /** All messages of a subject, through the API of JetStream itself. */
  const published = async (subject: string): Promise<unknown[]> => {
    const manager = await jetstreamManager(raw);
    const info = await manager.streams.info('TELEMETRY', { subjects_filter: subject });
    const count = info.state.subjects?.[subject] ?? 0;
    const consumer = await jetstream(raw).consumers.get('TELEMETRY', { filter_subjects: subject });
    const messages: unknown[] = [];
    for (let n = 0; n < count; n += 1) {
      const next = await consumer.next({ expires: 2_000 });
      if (next !== null) messages.push(next.json());
    }
    return messages;
  };
});

describe('when a dependency is away', () => {
  it('requests are answered unavailable without the database, and done again when it is back', async () => {
    const id = newId();
    await wire.cut();
    await expect(store(message(id, [[null, { a: 1 }]]))).rejects.toEqual(code('unavailable'));
    await expect(latest(id)).rejects.toEqual(code('unavailable'));
    await expect(query(id)).rejects.toEqual(code('unavailable'));
    expect((await service.ops.health.ready()).failing.map((check) => check.name)).toEqual(['database']);
    await wire.mend();
    await eventually(() => store(message(id, [[null, { a: 1 }]])), { what: 'the service stores again' });
    expect(await rowsOf(id)).toHaveLength(1);
  });

  it('works on after NATS comes back', async () => {
    const id = newId();
    const sent = message(id, [[null, { a: 1 }]]);
    await nats.kill9();
    await nats.restart();
    await eventually(
      async () => {
        const [outcome] = await store(sent);
        return outcome?.code === undefined;
      },
      { what: 'the service stores again', deadlineMs: 20_000 },
    );
    expect(await rowsOf(id)).toHaveLength(1);
  });
});
