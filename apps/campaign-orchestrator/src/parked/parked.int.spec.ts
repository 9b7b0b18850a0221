import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { AppError, definePublished, eventStream, newId } from '@muster/contracts';
import {
  dropParked,
  getParked,
  listParked,
  replayMatching,
  replayParked,
  type ParkedDetails,
  type ParkedView,
  type ReplayedSome,
} from '@muster/contracts/parked/requests';
import { openDatabase, type Database } from '@muster/event-store';
import {
  connectBus,
  Consumes,
  NatsStrategy,
  park,
  unpack,
  type Bus,
  type Delivered,
  type Parked,
  type Replay,
} from '@muster/messaging';
import { createLogger, createMetrics, newTrace, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { IsString } from 'class-validator';
import { migrate, start } from '../app.module.js';
import { ParkedMessages } from './parked-messages.js';

const tenantId = 'default';
const anna = { kind: 'user', id: 'anna' } as const;

class Changed {
  @IsString()
  name!: string;
}

const changed = definePublished({
  service: 'origin',
  entity: 'thing',
  verb: 'changed',
  schemaVersion: 1,
  data: Changed,
});
const stream = eventStream('origin');

/** What the consumer handled, and what it cannot, by name. */
const handled: string[] = [];
const faults = new Map<string, Error>();

@Controller()
class Reactor {
  @Consumes({ durable: 'origin-reader', events: [changed], maxDeliver: 2, retryDelaysMs: [20] })
  async follow(events: readonly Delivered<Changed>[]): Promise<void> {
    for (const { data } of events) {
      const fault = faults.get(data.name);
      if (fault !== undefined) throw fault;
      handled.push(data.name);
    }
    return Promise.resolve();
  }
}

@Module({ controllers: [Reactor] })
class Origin {}

/** What a queue of a broker would do with its messages. */
let handleQueued: Replay = () => Promise.resolve({ outcome: 'done' });

let nats: NatsServer;
let server: TestDatabase;
let database: Database;
let app: RunningApp | undefined;
let origin: INestMicroservice;
let bus: Bus;

const startApp = async (): Promise<void> => {
  app = await start({
    MUSTER_DATABASE_URL: server.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'silent',
  });
};
/** Once only, whether or not a test got as far as to start it again. */
const stopApp = async (): Promise<void> => {
  const running = app;
  app = undefined;
  await running?.stop();
};

beforeAll(async () => {
  nats = await startNats();
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  database = openDatabase({ url: server.url, schema: 'campaign_orchestrator', poolSize: 2, name: 'spec' });
  await startApp();
  const logger = createLogger({ service: 'spec', level: 'silent' });
  bus = await connectBus({ url: nats.url, name: 'origin', logger });
  await bus.ensureStream({
    name: stream.name,
    subjects: stream.subjects,
    maxAgeMs: 3_600_000,
    maxBytes: 10_000_000,
  });
  origin = await NestFactory.createMicroservice(Origin, {
    strategy: new NatsStrategy({
      bus,
      service: 'origin',
      logger,
      metrics: createMetrics('origin'),
      replays: { 'origin-queue': (message) => handleQueued(message) },
    }),
    logger: false,
  });
  await origin.listen();
});

afterEach(async () => {
  faults.clear();
  for (const { id } of await list('state==open')) await drop(id);
});

afterAll(async () => {
  await origin.close();
  await bus.close();
  await stopApp();
  await nats.stop();
  await database.close();
  await server.drop();
});

const publish = (name: string, traceparent?: string): Promise<void> =>
  bus.publish(changed, {
    tenantId,
    entityId: 'e1',
    id: newId(),
    time: new Date().toISOString(),
    data: { name },
    ...(traceparent === undefined ? {} : { traceparent }),
  });
const list = async (filter?: string): Promise<ParkedView[]> =>
  (await bus.request(listParked, { tenantId, limit: 500, ...(filter === undefined ? {} : { filter }) }))
    .items;
const get = (parkedId: string): Promise<ParkedDetails> => bus.request(getParked, { tenantId, parkedId });
const replay = (parkedId: string): Promise<ParkedView> =>
  bus.request(replayParked, { tenantId, parkedId, actor: anna }, { timeoutMs: 15_000 });
const drop = (parkedId: string): Promise<object> =>
  bus.request(dropParked, { tenantId, parkedId, actor: anna });
const replayAll = (filter: string, cursor?: string): Promise<ReplayedSome> =>
  bus.request(
    replayMatching,
    { tenantId, actor: anna, selection: { filter, ...(cursor === undefined ? {} : { cursor }) } },
    { timeoutMs: 20_000 },
  );
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

/** Publishes an event that cannot be handled, and waits until it is parked. */
const poison = async (name: string, fault: Error, traceparent?: string): Promise<ParkedView> => {
  faults.set(name, fault);
  const before = new Set((await list()).map(({ id }) => id));
  await publish(name, traceparent);
  return eventually(async () => (await list()).find(({ id }) => !before.has(id)), {
    what: `${name} is parked`,
    deadlineMs: 20_000,
  });
};

const queued = (rest: Partial<Parked> = {}): Parked => ({
  stream: 'rabbitmq',
  consumer: 'origin-queue',
  id: newId(),
  subject: 'kp1.radiator-v1.dcx.my-secret-token.json.1',
  shownSubject: 'kp1/radiator-v1/dcx/my-s…/json/1',
  payload: Buffer.from('{"a":1}'),
  reason: 'TypeError: no such thing',
  ...rest,
});
/** Parks it and returns its id. */
const parkQueued = async (rest: Partial<Parked> = {}): Promise<string> => {
  const before = new Set((await list()).map(({ id }) => id));
  await park(bus, queued(rest));
  const added = (await list()).find(({ id }) => !before.has(id));
  if (added === undefined) throw new Error('nothing was added');
  return added.id;
};

describe('an event that cannot be handled', () => {
  it('is one record with all that is known of it, and is handled when the cause is gone', async () => {
    const trace = newTrace();
    const began = Date.now();
    const { id } = await poison('broken', new TypeError('cannot read this'), trace.traceparent);
    const parked = await get(id);
    expect(parked).toEqual({
      id,
      state: 'open',
      service: 'origin',
      stream: 'EVENTS_ORIGIN',
      consumer: 'origin-reader',
      subject: 'muster.v1.event.origin.default.thing.changed.e1',
      reason: 'TypeError: cannot read this',
      tries: 2,
      bytes: 17,
      firstParkedAt: expect.any(String),
      lastParkedAt: parked.firstParkedAt,
      traceId: trace.traceId,
      headers: expect.objectContaining({ 'ce-type': changed.type, 'x-tenant': tenantId }),
      payload: { encoding: 'json', content: '{"name":"broken"}', truncated: false },
    });
    expect(Date.parse(parked.firstParkedAt)).toBeGreaterThanOrEqual(began - 1_000);

    faults.set('broken', new AppError('device-not-found', 'No such device.'));
    expect(await replay(id)).toMatchObject({
      state: 'open',
      code: 'device-not-found',
      reason: 'device-not-found: No such device.',
      tries: 3,
    });
    faults.clear();
    expect(await replay(id)).toMatchObject({ state: 'replayed', decidedBy: anna, tries: 4 });
    expect(handled.filter((name) => name === 'broken')).toHaveLength(1);
    expect(await replay(id)).toMatchObject({ state: 'replayed', tries: 4 });
    expect(handled.filter((name) => name === 'broken')).toHaveLength(1);
    expect(await code(drop(id))).toBe('parked-message-replayed');
  });

  it('stays as it is when nobody can handle it now', async () => {
    const { id } = await poison('waiting', new TypeError('cannot read this'));
    faults.set('waiting', new AppError('deadline-exceeded', 'No answer.'));
    expect(await code(replay(id))).toBe('unavailable');
    expect(await get(id)).toMatchObject({ state: 'open', reason: 'TypeError: cannot read this', tries: 2 });
    await drop(id);
  });

  it('can be dropped, which is remembered with who did it', async () => {
    const { id } = await poison('useless', new TypeError('cannot read this'));
    await drop(id);
    await drop(id);
    expect(await get(id)).toMatchObject({ state: 'dropped', decidedBy: anna, decidedAt: expect.any(String) });
    expect(await code(replay(id))).toBe('parked-message-dropped');
  });
});

describe('a message of a queue', () => {
  it('that is parked twice is one record, and open again', async () => {
    const id = newId();
    const before = (await list()).length;
    await park(bus, queued({ id }));
    await park(bus, queued({ id, reason: 'unavailable: Nobody there.' }));
    const all = await list();
    expect(all).toHaveLength(before + 1);
    const [{ id: parkedId } = { id: '' }] = all;
    expect(await get(parkedId)).toMatchObject({
      tries: 2,
      reason: 'unavailable: Nobody there.',
      code: 'unavailable',
    });
    await drop(parkedId);
    await park(bus, queued({ id }));
    expect(await get(parkedId)).toMatchObject({ state: 'open', tries: 3 });
    expect(await get(parkedId)).not.toHaveProperty('decidedBy');
    await drop(parkedId);
  });

  it('is handed back as it was, and never shows the token of its device', async () => {
    const payload = Buffer.from([0xff, 0, 1, 2]);
    const id = await parkQueued({ payload, headers: { traceparent: 'x\0y\ud800' } });
    const shown = await get(id);
    expect(shown).toMatchObject({
      subject: 'kp1/radiator-v1/dcx/my-s…/json/1',
      payload: { encoding: 'base64', content: payload.toString('base64') },
    });
    expect(JSON.stringify([shown, await list()])).not.toContain('my-secret-token');
    let got: Parameters<Replay>[0] | undefined;
    handleQueued = (message) => {
      got = message;
      return Promise.resolve({ outcome: 'done' });
    };
    await replay(id);
    expect(got).toMatchObject({
      subject: 'kp1.radiator-v1.dcx.my-secret-token.json.1',
      payload: { packing: 'plain', base64: payload.toString('base64') },
      parkedAt: shown.firstParkedAt,
    });
  });

  it('is kept whole though it is as large as a device may ever send, and cannot be compressed', async () => {
    const payload = randomBytes(524_288);
    const id = await parkQueued({ payload });
    let got: Buffer | undefined;
    handleQueued = (message) => {
      got = message.payload && unpack(message.payload);
      return Promise.resolve({ outcome: 'done' });
    };
    expect(await replay(id)).toMatchObject({ state: 'replayed', bytes: payload.length });
    expect(got?.equals(payload)).toBe(true);
  });

  it('may be as large as the bus takes', async () => {
    const payload = Buffer.from(`{"a":"${'ä 7'.repeat(240_000)}"}`);
    const id = await parkQueued({ payload });
    const { bytes, payload: shown } = await get(id);
    expect([bytes, shown.encoding, shown.truncated]).toEqual([payload.length, 'text', true]);
    handleQueued = () => Promise.resolve({ outcome: 'done' });
    expect(await replay(id)).toMatchObject({ state: 'replayed' });
  });
});

describe('the list', () => {
  it('is paged, newest first, and can be filtered', async () => {
    const consumer = 'origin-queue';
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      ids.push(await parkQueued({ stream: 'paged', consumer, reason: `internal: ${index}` }));
    }
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await bus.request(listParked, {
        tenantId,
        filter: 'stream==paged',
        limit: 2,
        count: true,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(page.total).toBe(5);
      found.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect([...found].sort()).toEqual([...ids].sort());
    const times = await Promise.all(found.map(async (id) => (await get(id)).firstParkedAt));
    expect(times).toEqual([...times].sort().reverse());
    expect(await list('stream==paged;code!=internal')).toEqual([]);
    expect(await list('stream==paged;state==open;service==origin;code==internal;tries<2')).toHaveLength(5);
    expect(await list('stream==paged;firstParkedAt<2020-01-01T00:00:00Z')).toEqual([]);
    expect(await code(list('subject==x'))).toBe('invalid-filter');
    expect(await code(list('state==opened'))).toBe('invalid-filter');
  });

  it('knows nothing of another tenant', async () => {
    const id = await parkQueued();
    const other = { tenantId: 'other', parkedId: id };
    expect(await code(bus.request(getParked, other))).toBe('parked-message-not-found');
    expect(await code(bus.request(dropParked, { ...other, actor: anna }))).toBe('parked-message-not-found');
    await drop(id);
  });
});

describe('replaying all that match', () => {
  it('takes the oldest first, tells which failed, and leaves the others alone', async () => {
    const order: string[] = [];
    handleQueued = ({ payload }) => {
      const name = Buffer.from(payload?.base64 ?? '', 'base64').toString();
      order.push(name);
      return Promise.resolve(
        name === 'bad'
          ? { outcome: 'failed', code: 'internal', detail: 'still broken' }
          : { outcome: 'done' },
      );
    };
    const ids = new Map<string, string>();
    for (const name of ['one', 'bad', 'two']) {
      ids.set(name, await parkQueued({ stream: 'many', payload: Buffer.from(name) }));
    }
    const gone = await parkQueued({ stream: 'many', payload: Buffer.from('dropped') });
    await drop(gone);
    const other = await parkQueued({ stream: 'few' });
    expect(await replayAll('stream==many')).toEqual({
      replayed: 2,
      failures: [{ id: ids.get('bad'), code: 'internal', detail: 'still broken' }],
      nextCursor: null,
    });
    expect(order).toHaveLength(3);
    expect(await get(other)).toMatchObject({ state: 'open', tries: 1 });
    expect(await get(gone)).toMatchObject({ state: 'dropped' });
    // What failed fails again, and nothing else is tried.
    expect(await replayAll('stream==many')).toMatchObject({ replayed: 0, failures: [{ code: 'internal' }] });
    await drop(ids.get('bad') ?? '');
    await drop(other);
  });

  it('goes on where it stopped', async () => {
    handleQueued = () => Promise.resolve({ outcome: 'done' });
    for (let index = 0; index < 101; index += 1) await park(bus, queued({ stream: 'long' }));
    const first = await replayAll('stream==long');
    expect(first).toMatchObject({ replayed: expect.any(Number), failures: [] });
    expect(first.nextCursor).not.toBeNull();
    let sum = first.replayed;
    for (let cursor = first.nextCursor; cursor !== null;) {
      const next = await replayAll('stream==long', cursor);
      sum += next.replayed;
      cursor = next.nextCursor;
    }
    expect(sum).toBe(101);
    expect(await list('stream==long;state==open')).toEqual([]);
  });
});

describe('the service', () => {
  it('keeps what is parked over its restart; while it is away what must be parked waits', async () => {
    const { id } = await poison('kept', new TypeError('cannot read this'));
    await stopApp();
    faults.set('meanwhile', new TypeError('cannot read this either'));
    await publish('meanwhile');
    await publish('fine');
    await eventually(() => handled.includes('fine'), { what: 'the next event', deadlineMs: 20_000 });
    expect(await code(park(bus, queued()))).toBe('unavailable');
    await startApp();
    expect(await get(id)).toMatchObject({ state: 'open', reason: 'TypeError: cannot read this' });
    const other = await eventually(async () => (await list('state==open')).find((one) => one.id !== id), {
      what: 'the other is parked',
      deadlineMs: 20_000,
    });
    expect(other.reason).toBe('TypeError: cannot read this either');
    await drop(id);
    await drop(other.id);
  }, 60_000);

  it('counts what is open', async () => {
    const id = await parkQueued({ stream: 'counted' });
    const text = async (): Promise<string> => (await app?.ops.metrics.text()) ?? '';
    const gauge = /muster_parked_open\{[^}]*stream="counted"[^}]*\} 1/;
    await eventually(async () => gauge.test(await text()), { what: 'the gauge', deadlineMs: 20_000 });
    await drop(id);
    await eventually(async () => !gauge.test(await text()), { what: 'it is gone', deadlineMs: 20_000 });
  }, 60_000);

  it('removes what was decided long ago, and never what is open', async () => {
    const [open, decided] = [await parkQueued(), await parkQueued()];
    await drop(decided);
    await database.query(
      `UPDATE parked_messages SET first_parked_at = now() - interval '1 year', last_parked_at = now() - interval '1 year',
         decided_at = decided_at - interval '31 days' WHERE id = ANY($1)`,
      [[open, decided]],
    );
    await new ParkedMessages(database).forgetDecided(30);
    expect(await code(get(decided))).toBe('parked-message-not-found');
    expect(await get(open)).toMatchObject({ state: 'open' });
    await drop(open);
  });

  it('takes over what older versions put into a stream', async () => {
    const raw = await connect({ servers: nats.url });
    try {
      const manager = await jetstreamManager(raw);
      await manager.streams.add({ name: 'PARKED', subjects: ['muster.v1.parked.>'] });
      const old = headers();
      for (const [name, value] of Object.entries({
        'x-parked-reason': 'TypeError: of an older version',
        'x-parked-subject': 'kp1.radiator-v1.dcx.my-secret-token.json.1',
        'x-parked-stream': 'rabbitmq',
        'x-parked-consumer': 'origin-queue',
      })) {
        old.set(name, value);
      }
      await jetstream(raw).publish('muster.v1.parked.rabbitmq.origin-queue', '{"b":2}', { headers: old });
      const event = headers();
      for (const [name, value] of Object.entries({
        'x-parked-reason': 'device-not-found: No such device.',
        'x-parked-subject': changed.subject(tenantId, 'e1'),
        'x-parked-stream': stream.name,
        'x-parked-sequence': '1',
        'x-parked-consumer': 'origin-reader',
        'x-parked-deliveries': '6',
        'ce-id': newId(),
        'ce-type': changed.type,
        'x-tenant': tenantId,
        traceparent: newTrace().traceparent,
      })) {
        event.set(name, value);
      }
      await jetstream(raw).publish(`muster.v1.parked.${stream.name}.origin-reader`, '{"name":"of old"}', {
        headers: event,
      });
      await stopApp();
      await startApp();
      const found = await eventually(
        async () => {
          const open = await list('state==open');
          return open.length === 2 && open;
        },
        { what: 'both are in the table', deadlineMs: 20_000 },
      );
      await eventually(async () => (await manager.streams.info('PARKED')).state.messages === 0, {
        what: 'the stream is empty',
      });
      const queue = found.find(({ consumer }) => consumer === 'origin-queue');
      expect(queue).toMatchObject({
        reason: 'TypeError: of an older version',
        subject: 'kp1.radiator-v1.dcx.…',
      });
      const reader = found.find(({ consumer }) => consumer === 'origin-reader');
      expect(reader).toMatchObject({ code: 'device-not-found', tries: 6, bytes: 17 });
      handleQueued = () => Promise.resolve({ outcome: 'done' });
      for (const { id } of found) expect(await replay(id)).toMatchObject({ state: 'replayed' });
      expect(handled).toContain('of old');
    } finally {
      await raw.close();
    }
  }, 60_000);
});
