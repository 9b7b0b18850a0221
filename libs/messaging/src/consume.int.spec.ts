import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { AppError, definePublished, eventStream } from '@muster/contracts';
import { createLogger, createMetrics, currentTrace, newTrace } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { IsInt, IsString } from 'class-validator';
import {
  connectBus,
  Consumes,
  NatsStrategy,
  type Bus,
  type Delivered,
  type ItemResult,
  type Results,
} from './index.js';

class Changed {
  @IsString()
  name!: string;

  @IsInt()
  version!: number;
}

const service = 'origin';
const changed = definePublished({
  service,
  entity: 'thing',
  verb: 'changed',
  schemaVersion: 1,
  data: Changed,
});
const removed = definePublished({
  service,
  entity: 'thing',
  verb: 'removed',
  schemaVersion: 1,
  data: Changed,
});
const ignored = definePublished({
  service,
  entity: 'thing',
  verb: 'ignored',
  schemaVersion: 1,
  data: Changed,
});
const stream = eventStream(service);
const logger = createLogger({ service: 'test', level: 'silent' });

/** What the handler saw and what it shall do, per test. */
let calls: Delivered<Changed>[][] = [];
let traces: (string | undefined)[] = [];
let behave: (events: Delivered<Changed>[]) => Results | Promise<Results> = () => undefined;

@Controller()
class Reactor {
  @Consumes({
    durable: 'reader',
    events: [changed, removed],
    maxDeliver: 3,
    retryDelaysMs: [20, 40],
    ackWaitMs: 3_000,
  })
  async consume(events: Delivered<Changed>[]): Promise<Results> {
    calls.push(events);
    traces.push(currentTrace()?.traceId);
    return behave(events);
  }
}

@Module({ controllers: [Reactor] })
class Reading {}

let server: NatsServer;
let bus: Bus;
let raw: NatsConnection;
let manager: JetStreamManager;
let app: INestMicroservice | undefined;
let ids = 0;

const startApp = async (): Promise<void> => {
  const strategy = new NatsStrategy({ bus, service: 'test', logger, metrics: createMetrics('test') });
  app = await NestFactory.createMicroservice(Reading, { strategy, logger: false });
  await app.listen();
};

const publish = async (name: string, contract = changed, traceparent?: string): Promise<string> => {
  const id = `event-${(ids += 1)}`;
  const time = new Date().toISOString();
  await bus.publish(contract, {
    tenantId: 't1',
    entityId: 'e1',
    id,
    time,
    data: { name, version: 1 },
    traceparent,
  });
  return id;
};

const names = (): string[] => calls.flat().map(({ data }) => data.name);
const pending = async (): Promise<number> => {
  const { num_pending, num_ack_pending } = await manager.consumers.info(stream.name, 'reader');
  return num_pending + num_ack_pending;
};
const settled = (): Promise<true> =>
  eventually(async () => (await pending()) === 0, { what: 'everything is settled', deadlineMs: 15_000 });

interface Parked {
  readonly reason: string | undefined;
  readonly deliveries: string | undefined;
  readonly subject: string | undefined;
  readonly body: string;
}

const lastParked = async (): Promise<Parked> => {
  const message = await manager.streams.getMessage('PARKED', {
    last_by_subj: `muster.v1.parked.${stream.name}.reader`,
  });
  return {
    reason: message?.header.get('x-parked-reason'),
    deliveries: message?.header.get('x-parked-deliveries'),
    subject: message?.header.get('x-parked-subject'),
    body: message?.string() ?? '',
  };
};
const parkedCount = async (): Promise<number> => (await manager.streams.info('PARKED')).state.messages;

beforeAll(async () => {
  server = await startNats();
  bus = await connectBus({ url: server.url, name: 'test', logger });
  raw = await connect({ servers: server.url, maxReconnectAttempts: -1 });
  manager = await jetstreamManager(raw);
  await bus.ensureStream({
    name: stream.name,
    subjects: [stream.subject],
    maxAgeMs: 3_600_000,
    maxBytes: 1_000_000,
  });
});

afterEach(async () => {
  behave = () => undefined;
  await app?.close();
  app = undefined;
  calls = [];
  traces = [];
});

afterAll(async () => {
  await Promise.all([bus.close(), raw.close()]);
  await server.stop();
});

describe('a published event', () => {
  it('is a CloudEvent in binary mode on the subject of its entity', async () => {
    const id = await publish('cloud');
    const message = await manager.streams.getMessage(stream.name, { last_by_subj: changed.filter });
    expect(message?.subject).toBe('muster.v1.event.origin.t1.thing.changed.e1');
    expect(message?.json()).toEqual({ name: 'cloud', version: 1 });
    expect(
      Object.fromEntries((message?.header.keys() ?? []).map((key) => [key, message?.header.get(key)])),
    ).toMatchObject({
      'ce-specversion': '1.0',
      'ce-id': id,
      'ce-type': 'io.muster.thing.changed.v1',
      'ce-source': '/origin',
      'ce-subject': 'e1',
      'x-tenant': 't1',
      'Nats-Msg-Id': id,
      traceparent: expect.stringMatching(/^00-/),
    });
  });

  it('is stored once however often it is published with the same id', async () => {
    const before = (await manager.streams.info(stream.name)).state.messages;
    const event = {
      tenantId: 't1',
      entityId: 'e1',
      id: 'twice',
      time: new Date().toISOString(),
      data: { name: 'x', version: 1 },
    };
    await bus.publish(changed, event);
    await bus.publish(changed, event);
    expect((await manager.streams.info(stream.name)).state.messages).toBe(before + 1);
  });

  it('that is larger than the bus takes is refused', async () => {
    await expect(publish('x'.repeat(1_100_000))).rejects.toMatchObject({ code: 'payload-too-large' });
  });
});

describe('a consumer', () => {
  it('gets what was published before it existed, and after, and not what it did not ask for', async () => {
    await publish('early');
    await publish('nothing for it', ignored);
    await startApp();
    await publish('late', removed);
    await eventually(() => names().includes('late'), { what: 'the late event' });
    await settled();
    expect(names()).toContain('early');
    expect(names()).not.toContain('nothing for it');
    expect(calls.flat().find(({ data }) => data.name === 'late')).toMatchObject({
      contract: removed,
      tenantId: 't1',
      entityId: 'e1',
      deliveries: 1,
    });
  });

  it('handles many at once', async () => {
    for (let index = 0; index < 250; index += 1) await publish(`many ${index}`);
    await startApp();
    await eventually(() => names().length >= 250, { what: 'all are handled' });
    await settled();
    expect(Math.max(...calls.map((call) => call.length))).toBeLessThanOrEqual(100);
    expect(calls.length).toBeLessThan(50);
    expect(new Set(names()).size).toBe(250);
  });

  it('runs in the trace of the event', async () => {
    const trace = newTrace();
    await startApp();
    await publish('traced', changed, trace.traceparent);
    await eventually(() => names().includes('traced'));
    expect(traces).toEqual([trace.traceId]);
  });

  it('gets an event again that it failed to handle, and its neighbours only until they are told apart', async () => {
    behave = (events) => {
      if (events.some(({ data, deliveries }) => data.name === 'shaky' && deliveries === 1))
        throw new Error('not yet');
    };
    await publish('left');
    await publish('shaky');
    await publish('right');
    await startApp();
    await eventually(() =>
      calls.flat().some(({ data, deliveries }) => data.name === 'shaky' && deliveries === 2),
    );
    await settled();
    expect(calls.flat().some(({ data, deliveries }) => data.name === 'left' && deliveries > 1)).toBe(false);
  });

  it('parks an event that fails every time, with the reason, and goes on', async () => {
    behave = (events) => {
      if (events.some(({ data }) => data.name === 'poison')) throw new TypeError('cannot read this');
    };
    await startApp();
    await publish('poison');
    await publish('after poison');
    await eventually(async () => (await parkedCount()) === 1, { what: 'it is parked' });
    await settled();
    expect(names()).toContain('after poison');
    expect(await lastParked()).toEqual({
      reason: 'TypeError: cannot read this',
      deliveries: '3',
      subject: 'muster.v1.event.origin.t1.thing.changed.e1',
      body: '{"name":"poison","version":1}',
    });
  });

  it('obeys a result per event', async () => {
    behave = (events) =>
      events.map(({ data, deliveries }): ItemResult => {
        if (data.name === 'park me') return { outcome: 'park', reason: 'no such thing' };
        if (data.name === 'again' && deliveries < 2) return { outcome: 'retry', reason: 'soon' };
        return { outcome: 'done' };
      });
    await publish('fine');
    await publish('park me');
    await publish('again');
    await startApp();
    await eventually(async () => (await lastParked()).reason === 'no such thing');
    await settled();
    expect(names().filter((name) => name === 'again').length).toBeGreaterThanOrEqual(2);
    expect(names().filter((name) => name === 'park me')).toHaveLength(1);
  });

  it('waits in place while a dependency is away, and counts none of it', async () => {
    let tries = 0;
    behave = () => {
      tries += 1;
      if (tries <= 4) throw new AppError('unavailable', 'The database is away.');
    };
    await publish('patient');
    await startApp();
    const parked = await parkedCount();
    await eventually(() => tries > 4, {
      what: 'it is tried until the dependency is back',
      deadlineMs: 15_000,
    });
    await settled();
    expect(calls.flat().every(({ deliveries }) => deliveries === 1)).toBe(true);
    expect(await parkedCount()).toBe(parked);
  });

  it.each([
    ['not JSON', '{"name":', 'it is not JSON'],
    [
      'of another shape',
      '{"name":7}',
      /breaks the rules of io\.muster\.thing\.changed\.v1: .*name must be a string/,
    ],
  ])('parks what is %s without asking the handler', async (_what, body, reason) => {
    await startApp();
    const before = await parkedCount();
    raw.publish(changed.subject('t1', 'e1'), body);
    await publish('behind it');
    await eventually(async () => (await parkedCount()) === before + 1);
    await settled();
    expect(names()).toEqual(['behind it']);
    expect((await lastParked()).reason).toMatch(reason);
  });

  it('gives what it could not begin back when it stops', async () => {
    let release = (): void => undefined;
    behave = () => new Promise<void>((resolve) => (release = resolve));
    for (let index = 0; index < 150; index += 1) await publish(`stop ${index}`);
    await startApp();
    await eventually(() => calls.length === 1);
    // What is still on its way when the consumer closes can only time out; that is another promise.
    await eventually(
      async () => (await manager.consumers.info(stream.name, 'reader')).num_ack_pending === 150,
      { deadlineMs: 20_000 },
    );
    const closing = app?.close();
    release();
    await closing;
    app = undefined;
    const begun = names();
    behave = () => undefined;
    await startApp();
    // Well before ack_wait, so it was given back, not timed out; but for the few that were on their way.
    await eventually(() => new Set(names()).size >= 140, { deadlineMs: 2_800, what: 'what was given back' });
    await eventually(() => new Set(names()).size === 150, { deadlineMs: 10_000, what: 'the rest' });
    expect(names().filter((name) => begun.includes(name))).toHaveLength(begun.length);
  });
});

describe('where a consumer begins', () => {
  const elsewhere = definePublished({
    service: 'elsewhere',
    entity: 'thing',
    verb: 'changed',
    schemaVersion: 1,
    data: Changed,
  });
  const got: string[] = [];

  @Controller()
  class Late {
    @Consumes({ durable: 'late', events: [changed, elsewhere], from: 'now' })
    async consume(events: Delivered<Changed>[]): Promise<void> {
      got.push(...events.map(({ contract, data }) => `${contract.service} ${data.name}`));
      return Promise.resolve();
    }
  }

  @Module({ controllers: [Late] })
  class Latecomers {}

  it('is now, when it is told so, in the streams of all services it listens to', async () => {
    const other = eventStream('elsewhere');
    await bus.ensureStream({
      name: other.name,
      subjects: [other.subject],
      maxAgeMs: 3_600_000,
      maxBytes: 1_000_000,
    });
    await publish('old');
    await publish('old', elsewhere);
    const strategy = new NatsStrategy({ bus, service: 'test', logger, metrics: createMetrics('test') });
    const late = await NestFactory.createMicroservice(Latecomers, { strategy, logger: false });
    await late.listen();
    try {
      for (const name of [stream.name, other.name]) {
        await eventually(() => manager.consumers.info(name, 'late'), { what: `the consumer of ${name}` });
      }
      await publish('new');
      await publish('new', elsewhere);
      await eventually(() => got.length >= 2);
      expect(got.sort()).toEqual(['elsewhere new', 'origin new']);
    } finally {
      await late.close();
    }
  });
});

describe('when the server goes away', () => {
  it('kill -9: the consumer goes on, and a publish in between waits', async () => {
    await startApp();
    await publish('before');
    await eventually(() => names().includes('before'));
    await server.kill9();
    const during = publish('during');
    await server.restart();
    await during;
    await publish('after');
    await eventually(() => names().includes('during') && names().includes('after'), { deadlineMs: 15_000 });
    await settled();
  });

  it('a stream and its consumer that are lost are made again', async () => {
    await startApp();
    await eventually(() => manager.consumers.info(stream.name, 'reader'));
    await manager.streams.delete(stream.name);
    await publish('new stream');
    await eventually(() => names().includes('new stream'), { deadlineMs: 20_000 });
  });

  it('a consumer somebody deleted is made again', async () => {
    await startApp();
    await eventually(() => manager.consumers.info(stream.name, 'reader'));
    // nats-server 2.9 sometimes writes the consumer's state while it deletes its directory, and refuses.
    await eventually(() => manager.consumers.delete(stream.name, 'reader'));
    await publish('after deletion');
    await eventually(() => names().includes('after deletion'), { deadlineMs: 20_000 });
  });
});

describe('what is set up', () => {
  it('a stream follows its declaration', async () => {
    const declared = { name: 'DRIFT', subjects: ['drift.a'], maxAgeMs: 60_000, maxBytes: 1_000 };
    await bus.ensureStream(declared);
    await bus.ensureStream(declared);
    await bus.ensureStream({
      ...declared,
      subjects: ['drift.a', 'drift.b'],
      maxBytes: 2_000,
      discard: 'new',
    });
    const { config } = await manager.streams.info('DRIFT');
    expect(config).toMatchObject({ subjects: ['drift.a', 'drift.b'], max_bytes: 2_000, discard: 'new' });
  });

  it('a consumer that drifted is brought back', async () => {
    await startApp();
    await eventually(
      async () => (await manager.consumers.info(stream.name, 'reader')).config.ack_wait === 3e9,
    );
    await app?.close();
    await manager.consumers.update(stream.name, 'reader', { ack_wait: 9e9 });
    await startApp();
    await eventually(
      async () => (await manager.consumers.info(stream.name, 'reader')).config.ack_wait === 3e9,
    );
  });

  it('a full stream makes the publisher wait, then fail as `unavailable`', async () => {
    await bus.ensureStream({
      name: 'FULL',
      subjects: ['full'],
      maxAgeMs: 60_000,
      maxBytes: 2_000,
      discard: 'new',
    });
    const batch = {
      type: 't',
      source: '/s',
      time: new Date().toISOString(),
      data: { text: 'x'.repeat(1_000) },
    };
    await bus.publishBatch('full', { ...batch, id: 'first' });
    await expect(bus.publishBatch('full', { ...batch, id: 'second' })).rejects.toMatchObject({
      code: 'unavailable',
    });
  }, 20_000);
});
