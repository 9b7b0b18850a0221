import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  jetstreamManager,
  type JetStreamManager,
} from '@nats-io/jetstream';
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
  type Publishing,
  type Results,
  unpack,
} from './index.js';
import { replayAt, type RecordParked, type ReplayOutcome } from '@muster/contracts/parked/requests';
import { ParkedTable } from './parked-table.fixture.js';

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
const logged: string[] = [];
const logger = createLogger({
  service: 'test',
  destination: { write: (line: string) => void logged.push(line) },
});
let metrics = createMetrics('test');

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
    patienceMs: 2_000,
  })
  async consume(events: Delivered<Changed>[]): Promise<Results> {
    calls.push(events);
    traces.push(currentTrace()?.traceId);
    return behave(events);
  }
}

@Module({ controllers: [Reactor] })
class Reading {}

/** Waits for nothing long. */
@Controller()
class HastyReactor {
  @Consumes({
    durable: 'hasty',
    events: [ignored],
    from: 'now',
    batch: { size: 1, waitMs: 0 },
    ackWaitMs: 3_000,
    patienceMs: 100,
  })
  async consume(events: Delivered<Changed>[]): Promise<Results> {
    calls.push(events);
    return behave(events);
  }
}

@Module({ controllers: [HastyReactor] })
class Hasty {}

@Module({ controllers: [ParkedTable] })
class Table {}

let server: NatsServer;
let bus: Bus;
let raw: NatsConnection;
let manager: JetStreamManager;
let app: INestMicroservice | undefined;
let table: INestMicroservice;
let ids = 0;

const startApp = async (module: Type = Reading): Promise<void> => {
  const strategy = new NatsStrategy({ bus, service: 'test', logger, metrics });
  app = await NestFactory.createMicroservice(module, { strategy, logger: false });
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
const pending = async (durable = 'reader'): Promise<number> => {
  const { num_pending, num_ack_pending } = await manager.consumers.info(stream.name, `${durable}-bundles`);
  return num_pending + num_ack_pending;
};
const settled = (durable?: string): Promise<true> =>
  eventually(async () => (await pending(durable)) === 0, {
    what: 'everything is settled',
    deadlineMs: 15_000,
  });

const lastParked = (): RecordParked | undefined => ParkedTable.recorded.at(-1);
const parkedCount = (): number => ParkedTable.recorded.length;
const replay = (parked: RecordParked): Promise<ReplayOutcome> => {
  const { tenantId, subject, headers, payload, sequence, consumer } = parked;
  return bus.request(replayAt(consumer), {
    tenantId,
    stream: parked.stream,
    consumer,
    subject,
    headers,
    payload,
    sequence,
    parkedAt: new Date().toISOString(),
  });
};

beforeAll(async () => {
  server = await startNats();
  bus = await connectBus({ url: server.url, name: 'test', logger });
  const strategy = new NatsStrategy({ bus, service: 'table', logger, metrics: createMetrics('table') });
  table = await NestFactory.createMicroservice(Table, { strategy, logger: false });
  await table.listen();
  raw = await connect({ servers: server.url, maxReconnectAttempts: -1 });
  manager = await jetstreamManager(raw);
  await bus.ensureStream({
    name: stream.name,
    subjects: stream.subjects,
    maxAgeMs: 3_600_000,
    maxBytes: 1_000_000,
  });
});

afterEach(async () => {
  behave = () => undefined;
  ParkedTable.away = false;
  await app?.close();
  app = undefined;
  calls = [];
  traces = [];
  metrics = createMetrics('test');
});

afterAll(async () => {
  await table.close();
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

  it('is stored once alone and once in a bundle, however often it is published with the same id', async () => {
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
    expect((await manager.streams.info(stream.name)).state.messages).toBe(before + 2);
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

  it('parks an event that fails every time, with all that is known of it, and goes on', async () => {
    behave = (events) => {
      if (events.some(({ data }) => data.name === 'poison')) throw new TypeError('cannot read this');
    };
    await startApp();
    const before = parkedCount();
    const trace = newTrace();
    const id = await publish('poison', changed, trace.traceparent);
    await publish('after poison');
    await eventually(() => parkedCount() === before + 1, { what: 'it is parked' });
    await settled();
    expect(names()).toContain('after poison');
    const parked = lastParked();
    expect(parked).toMatchObject({
      tenantId: 't1',
      service: 'test',
      stream: stream.name,
      consumer: 'reader',
      subject: 'muster.v1.event.origin.t1.thing.changed.e1',
      shownSubject: 'muster.v1.event.origin.t1.thing.changed.e1',
      reason: 'TypeError: cannot read this',
      tries: 3,
      traceId: trace.traceId,
    });
    expect(parked?.headers).toMatchObject({ 'ce-id': id, 'ce-type': changed.type });
    expect(parked?.payload && unpack(parked.payload).toString()).toBe('{"name":"poison","version":1}');
  });

  it('handles what was parked again when it is told to, and says what came of it', async () => {
    behave = (events) => {
      if (events.some(({ data }) => data.name === 'healed'))
        throw new AppError('device-not-found', 'No such.');
    };
    await startApp();
    const before = parkedCount();
    const id = await publish('healed');
    await eventually(() => parkedCount() === before + 1, { what: 'it is parked' });
    const parked = lastParked();
    if (parked === undefined) throw new Error('nothing is parked');
    expect(parked.code).toBe('device-not-found');
    expect(await replay(parked)).toEqual({ outcome: 'failed', code: 'device-not-found', detail: 'No such.' });
    behave = () => {
      throw new AppError('deadline-exceeded', 'No answer.');
    };
    await expect(replay(parked)).rejects.toMatchObject({ code: 'unavailable' });
    behave = () => undefined;
    calls = [];
    expect(await replay(parked)).toEqual({ outcome: 'done' });
    expect(calls.flat()).toMatchObject([{ id, data: { name: 'healed' }, contract: changed }]);
    expect(parkedCount()).toBe(before + 1);
    await expect(replay({ ...parked, consumer: 'nobody' })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('reads the body of what did not fit from its stream', async () => {
    await startApp();
    await publish('in the stream');
    await eventually(() => names().includes('in the stream'));
    const message = await manager.streams.getMessage(stream.name, { last_by_subj: changed.filter });
    const given = {
      tenantId: 't1',
      id: 'x',
      service: 'test',
      stream: stream.name,
      consumer: 'reader',
      subject: message?.subject ?? '',
      shownSubject: '',
      headers: {},
      bytes: 0,
      reason: '',
      tries: 1,
    };
    calls = [];
    expect(await replay({ ...given, sequence: message?.seq })).toEqual({ outcome: 'done' });
    expect(names()).toEqual(['in the stream']);
    expect(await replay(given)).toMatchObject({ outcome: 'failed', code: 'not-found' });
  });

  it('waits with what must be parked while the table is away, and lets the others by', async () => {
    behave = (events) => {
      if (events.some(({ data }) => data.name === 'nowhere')) throw new TypeError('cannot read this');
    };
    await startApp();
    const before = parkedCount();
    ParkedTable.away = true;
    await publish('nowhere');
    await eventually(() => calls.flat().filter(({ data }) => data.name === 'nowhere').length >= 3, {
      what: 'it is tried often enough',
    });
    await publish('past it');
    await eventually(() => names().includes('past it'), { what: 'what comes behind it' });
    expect(await pending()).toBeGreaterThan(0);
    expect(parkedCount()).toBe(before);
    ParkedTable.away = false;
    await eventually(() => parkedCount() === before + 1, { what: 'it is parked' });
    await settled();
    expect(lastParked()).toMatchObject({ reason: 'TypeError: cannot read this' });
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
    await eventually(() => lastParked()?.reason === 'no such thing');
    await settled();
    expect(names().filter((name) => name === 'again').length).toBeGreaterThanOrEqual(2);
    expect(names().filter((name) => name === 'park me')).toHaveLength(1);
  });

  it('waits in place for what passes, longer than it tries anything else, and counts none of it', async () => {
    const passing = [
      'unavailable',
      'deadline-exceeded',
      'concurrent-change',
      'too-many-requests',
      'storage-full',
    ] as const;
    let tries = 0;
    behave = () => {
      const code = passing[tries];
      tries += 1;
      if (code !== undefined) throw new AppError(code, 'The database is away.');
    };
    await publish('patient');
    const parked = parkedCount();
    await startApp();
    await eventually(() => tries > passing.length, {
      what: 'it is tried until the dependency is back',
      deadlineMs: 20_000,
    });
    await settled();
    expect(calls.flat().every(({ deliveries }) => deliveries === 1)).toBe(true);
    expect(parkedCount()).toBe(parked);
  });

  it('lets others by when a single event waits for what passes, and never parks it', async () => {
    let stuck = true;
    behave = (events) => {
      if (stuck && events.some(({ data }) => data.name === 'stuck')) {
        throw new AppError('deadline-exceeded', 'No answer.');
      }
    };
    const parked = parkedCount();
    await publish('before stuck');
    await publish('stuck');
    await publish('behind stuck');
    await startApp();
    await eventually(() => names().includes('behind stuck') && calls.at(-1)?.length === 1, {
      what: 'the others are told apart from it',
      deadlineMs: 15_000,
    });
    await publish('later than stuck');
    await eventually(() => names().includes('later than stuck'), { deadlineMs: 15_000 });
    await eventually(async () => (await pending()) === 1, { what: 'it alone is left' });
    stuck = false;
    await settled();
    const own = calls.flat().filter(({ data }) => data.name === 'stuck');
    expect(own.length).toBeGreaterThan(3);
    expect(own.every(({ deliveries }) => deliveries === 1)).toBe(true);
    expect(parkedCount()).toBe(parked);
  }, 40_000);

  it('says so when so many wait for what passes that what is behind them waits too, and goes on when it can', async () => {
    const stuck = new Set(Array.from({ length: 9 }, (_none, index) => `stuck ${index}`));
    behave = (events) => {
      if (events.some(({ data }) => stuck.has(data.name))) {
        throw new AppError('deadline-exceeded', 'No answer.');
      }
    };
    const parked = parkedCount();
    const inHand = metrics.gauge('muster_consumer_in_hand_seconds', 'read', ['consumer']);
    const aside = metrics.gauge('muster_consumer_aside', 'read', ['consumer']);
    await startApp(Hasty);
    await eventually(() => manager.consumers.info(stream.name, 'hasty-bundles'), { deadlineMs: 20_000 });
    for (const name of stuck) await publish(name, ignored);
    await publish('behind them', ignored);
    const valueOf = async (gauge: typeof aside) => (await gauge.get()).values[0]?.value ?? 0;
    await eventually(async () => (await valueOf(aside)) === 8, {
      what: 'eight wait aside',
      deadlineMs: 20_000,
    });
    const said = logged.length;
    await eventually(() => logged.slice(said).some((line) => line.includes('a consumer does not get on')), {
      what: 'it says that it does not get on',
    });
    await eventually(async () => (await valueOf(inHand)) > 0, { what: 'it says for how long' });
    expect(names()).not.toContain('behind them');
    // One passes: the ninth has a place, and the way is free.
    stuck.delete('stuck 3');
    await eventually(() => names().includes('behind them'), { what: 'the way is free', deadlineMs: 30_000 });
    expect(stuck.size).toBe(8);
    stuck.clear();
    await eventually(async () => (await valueOf(aside)) + (await valueOf(inHand)) === 0, {
      what: 'all are handled',
      deadlineMs: 30_000,
    });
    expect(parkedCount()).toBe(parked);
  }, 90_000);

  it.each([
    ['not JSON', '{"name":', 'it is no list of events'],
    ['no list', '{"name":"x"}', 'it is no list of events'],
    ['a list of something else', '[null, {"id":"x"}]', 'it is no list of events'],
    [
      'of another shape',
      JSON.stringify([
        {
          id: 'misshapen',
          time: new Date().toISOString(),
          source: '/origin',
          type: changed.type,
          subject: 'e1',
          data: { name: 7 },
        },
      ]),
      /breaks the rules of io\.muster\.thing\.changed\.v1: .*name must be a string, is a number/,
    ],
  ])('parks what is %s without asking the handler', async (_what, body, reason) => {
    await startApp();
    const before = parkedCount();
    raw.publish('muster.v1.bundle.origin.t1.thing', body);
    await publish('behind it');
    await eventually(() => parkedCount() === before + 1);
    await settled();
    expect(names()).toEqual(['behind it']);
    expect(lastParked()?.reason).toMatch(reason);
  });
});

describe('a bundle', () => {
  const eventNamed = (name: string, entityId = 'e1') => ({
    contract: changed,
    event: {
      tenantId: 't1',
      entityId,
      id: `event-${(ids += 1)}`,
      time: new Date().toISOString(),
      data: { name, version: 1 },
    },
  });
  const publishTogether = (...events: readonly Publishing[]): Promise<unknown> =>
    Promise.all(bus.publishAll(events));

  it('holds what is published together, as CloudEvents in batched JSON, behind their own messages', async () => {
    const events = ['one', 'two'].map((name) => eventNamed(name));
    await publishTogether(...events);
    const message = await manager.streams.getMessage(stream.name, {
      last_by_subj: 'muster.v1.bundle.origin.t1.thing',
    });
    expect(message?.json()).toEqual(
      events.map(({ event: { id, time, data } }) => ({
        ...{ specversion: '1.0', id, time, data, source: '/origin', subject: 'e1' },
        ...{ type: 'io.muster.thing.changed.v1', traceparent: expect.stringMatching(/^00-/) },
      })),
    );
    expect(message?.seq).toBe((await manager.streams.info(stream.name)).state.last_seq);
  });

  it('is handled whole, and what fails of it is tried again and parked alone', async () => {
    behave = (events) => {
      if (events.some(({ data }) => data.name === 'bad one')) throw new TypeError('cannot read this');
    };
    const before = parkedCount();
    const events = ['good', 'bad one', 'good too'].map((name) => eventNamed(name));
    await startApp();
    await publishTogether(...events);
    await eventually(() => parkedCount() === before + 1, { what: 'it is parked' });
    await settled();
    // Together, alone, and the bad one in two more deliveries.
    expect(names().filter((name) => name === 'bad one')).toHaveLength(4);
    expect(names().filter((name) => name.startsWith('good'))).toHaveLength(4);
    expect(lastParked()).toMatchObject({
      subject: 'muster.v1.event.origin.t1.thing.changed.e1',
      headers: { 'ce-id': events[1]?.event.id, 'ce-type': changed.type, 'x-tenant': 't1' },
      tries: 3,
    });
    behave = () => undefined;
    const parked = lastParked();
    if (parked === undefined) throw new Error('nothing is parked');
    calls = [];
    const { payload: _left, ...withoutBody } = parked;
    expect(await replay(parked)).toEqual({ outcome: 'done' });
    expect(await replay(withoutBody)).toEqual({ outcome: 'done' });
    expect(names()).toEqual(['bad one', 'bad one']);
  });

  it('brings again what failed of it while another event waits aside', async () => {
    let stuck = true;
    const tries: string[] = [];
    behave = (events) => {
      for (const { data } of events) tries.push(data.name);
      if (stuck && events.some(({ data }) => data.name === 'stuck aside'))
        throw new AppError('deadline-exceeded', 'No answer.');
      if (events.some(({ data, deliveries }) => data.name === 'shaky beside' && deliveries === 1))
        throw new Error('not yet');
    };
    await startApp(Hasty);
    await eventually(() => manager.consumers.info(stream.name, 'hasty-bundles'), { deadlineMs: 20_000 });
    await publishTogether(
      ...['stuck aside', 'shaky beside'].map((name) => ({ ...eventNamed(name), contract: ignored })),
    );
    await eventually(() => tries.filter((name) => name === 'shaky beside').length >= 2, {
      what: 'it is tried again while the other waits',
      deadlineMs: 20_000,
    });
    expect(stuck).toBe(true);
    stuck = false;
    await settled('hasty');
  }, 40_000);

  it('is never more than a handler takes at once', async () => {
    const many = Array.from({ length: 250 }, (_, nth) => eventNamed(`nth ${nth}`, `e${nth}`));
    await publishTogether(...many);
    await startApp();
    await eventually(() => names().length >= 250, { what: 'all are handled' });
    await settled();
    expect(calls.map((call) => call.length)).toEqual([100, 100, 50]);
  });
});

describe('after an update from a version before bundles', () => {
  @Controller()
  class Updated {
    @Consumes({ durable: 'updated', events: [changed], singlesForMs: 0 })
    async consume(events: Delivered<Changed>[]): Promise<Results> {
      calls.push(events);
      return behave(events);
    }
  }

  @Module({ controllers: [Updated] })
  class AfterUpdate {}

  const publishBefore = (name: string) =>
    jetstream(raw).publish(changed.subject('t1', 'e1'), JSON.stringify({ name, version: 1 }), {
      msgID: `before ${name}`,
    });

  it('what that version had not read is read, then the rest from bundles, and its consumer is removed', async () => {
    await publishBefore('read');
    const { seq } = await publishBefore('left');
    await manager.consumers.add(stream.name, {
      ...{ durable_name: 'updated', ack_policy: AckPolicy.Explicit, filter_subject: changed.filter },
      ...{ deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: seq },
    });
    await startApp(AfterUpdate);
    await eventually(() => names().includes('left'), { what: 'what was left' });
    await publishBefore('of a replica that is left');
    await eventually(() => names().includes('of a replica that is left'));
    await publish('in a bundle');
    await eventually(() => names().includes('in a bundle'));
    await eventually(
      async () => {
        const found = (await manager.consumers.list(stream.name).next()).map(({ name }) => name);
        return !found.includes('updated') && found.includes('updated-bundles');
      },
      { what: 'the old consumer is removed', deadlineMs: 20_000 },
    );
    // While the version before may come back, its consumer is read, too.
    expect(new Set(names())).toEqual(new Set(['left', 'of a replica that is left', 'in a bundle']));
    calls = [];
    await publish('once');
    await eventually(() => names().includes('once'));
    await settled('updated');
    expect(names()).toEqual(['once']);
  }, 40_000);
});

describe('a consumer that stops', () => {
  const seen: Delivered<Changed>[] = [];
  let hold: Promise<void> | undefined;

  /** Would wait a minute for what is not given back: whatever comes sooner was. */
  @Controller()
  class Stopping {
    @Consumes({
      durable: 'stopping',
      events: [changed],
      from: 'now',
      ackWaitMs: 60_000,
      batch: { size: 500, waitMs: 0 },
    })
    async consume(events: Delivered<Changed>[]): Promise<void> {
      seen.push(...events);
      await hold;
    }
  }

  @Module({ controllers: [Stopping] })
  class Stoppable {}

  const startStopping = async (): Promise<INestMicroservice> => {
    const strategy = new NatsStrategy({ bus, service: 'test', logger, metrics: createMetrics('test') });
    const stopping = await NestFactory.createMicroservice(Stoppable, { strategy, logger: false });
    await stopping.listen();
    return stopping;
  };
  const deliveredTo = async (): Promise<number> =>
    (await manager.consumers.info(stream.name, 'stopping-bundles')).num_ack_pending;

  it('gives back what it could not begin', async () => {
    let release = (): void => undefined;
    hold = new Promise((resolve) => (release = resolve));
    const creator = await startStopping();
    await eventually(() => manager.consumers.info(stream.name, 'stopping-bundles'), { deadlineMs: 20_000 });
    await creator.close();
    const first = await startStopping();
    await publish('stop 0');
    await eventually(() => seen.length > 0, { what: 'one is begun', deadlineMs: 20_000 });
    for (let index = 1; index < 150; index += 1) await publish(`stop ${index}`);
    await eventually(async () => (await deliveredTo()) > 100, {
      what: 'more are delivered than begun',
      deadlineMs: 20_000,
    });
    const closing = first.close();
    release();
    await closing;
    hold = undefined;
    const begun = new Set(seen.map(({ data }) => data.name));
    const second = await startStopping();
    // A few may have been on their way when it closed, and can only time out.
    await eventually(() => new Set(seen.map(({ data }) => data.name)).size >= 145, {
      what: 'what was given back',
      deadlineMs: 30_000,
    });
    await second.close();
    expect(seen.filter(({ data }) => begun.has(data.name))).toHaveLength(begun.size);
  }, 120_000);
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
      subjects: other.subjects,
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
        await eventually(() => manager.consumers.info(name, 'late-bundles'), {
          what: `the consumer of ${name}`,
          deadlineMs: 20_000,
        });
      }
      await publish('new');
      await publish('new', elsewhere);
      await eventually(() => got.length >= 2, { what: 'both events', deadlineMs: 20_000 });
      expect(got.sort()).toEqual(['elsewhere new', 'origin new']);
    } finally {
      await late.close();
    }
  }, 90_000);
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
    await eventually(() => manager.consumers.info(stream.name, 'reader-bundles'));
    await manager.streams.delete(stream.name);
    await publish('new stream');
    await eventually(() => names().includes('new stream'), { deadlineMs: 20_000 });
  });

  it('a consumer somebody deleted is made again', async () => {
    await startApp();
    await eventually(() => manager.consumers.info(stream.name, 'reader-bundles'));
    // nats-server 2.9 sometimes writes the consumer's state while it deletes its directory, and refuses.
    await eventually(() => manager.consumers.delete(stream.name, 'reader-bundles'));
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
      async () => (await manager.consumers.info(stream.name, 'reader-bundles')).config.ack_wait === 3e9,
    );
    await app?.close();
    await manager.consumers.update(stream.name, 'reader-bundles', { ack_wait: 9e9 });
    await startApp();
    await eventually(
      async () => (await manager.consumers.info(stream.name, 'reader-bundles')).config.ack_wait === 3e9,
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
