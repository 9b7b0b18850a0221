import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { AppError, defineRequest } from '@muster/contracts';
import {
  createLogger,
  createMetrics,
  currentTrace,
  newTrace,
  withTrace,
  type Trace,
} from '@muster/observability';
import { eventually, silentNetwork, startNats, type NatsServer } from '@muster/testing';
import { IsBoolean, IsOptional, IsString } from 'class-validator';
import { partsOf } from './bus.js';
import { connectBus, Handles, NatsStrategy, type Bus } from './index.js';

class Ask {
  @IsString()
  what!: string;

  /** Answered when `release` is called, and not before. */
  @IsOptional()
  @IsBoolean()
  held?: boolean;
}

class Told {
  @IsString()
  text!: string;
}

const ask = defineRequest({
  subject: 'muster.v1.service.test.thing.ask',
  request: Ask,
  reply: Told,
  errors: ['not-found', 'version-mismatch'],
  idempotent: true,
});
const change = defineRequest({ ...ask, subject: 'muster.v1.service.test.thing.change', idempotent: false });
const nobody = defineRequest({ ...ask, subject: 'muster.v1.service.nobody.thing.ask' });
const nobodyOnce = defineRequest({ ...change, subject: 'muster.v1.service.nobody.thing.change' });

const logged: string[] = [];
const logger = createLogger({
  service: 'test',
  destination: { write: (line: string) => void logged.push(line) },
});
const seen: { what: string; trace: Trace | undefined }[] = [];
const wasSeen = (what: string): boolean => seen.some((one) => one.what === what);

/** What is worked on until it is released. */
const held = new Set<() => void>();
const release = (): void => {
  for (const one of held) one();
  held.clear();
};

@Controller()
class Things {
  @Handles(ask)
  async ask(request: Ask): Promise<Told> {
    return this.answer(request);
  }

  @Handles(change)
  async change(request: Ask): Promise<Told> {
    return this.answer(request);
  }

  private async answer({ what, held: isHeld = false }: Ask): Promise<Told> {
    seen.push({ what, trace: currentTrace() });
    logger.info({ what }, 'asked');
    if (isHeld) await new Promise<void>((resolve) => held.add(resolve));
    switch (what) {
      case 'missing':
        throw new AppError('not-found', 'No such thing.');
      case 'busy':
        throw new AppError('unavailable', 'The database is away.', { retryAfterSeconds: 7 });
      case 'undeclared':
        throw new AppError('device-name-taken', 'Taken.');
      case 'bug':
        throw new TypeError('password=hunter2');
      case 'broken':
        return { text: 7 } as unknown as Told; // what a service of another version might answer
      case 'newer':
        return { text: 'newer!', more: { of: 'what this version does not know' } } as Told;
      case 'huge':
        return { text: 'x'.repeat(1_100_000) };
      default:
        return { text: `${what}!` };
    }
  }
}

@Module({ controllers: [Things] })
class Service {}

const serve = async (bus: Bus, concurrency?: number): Promise<INestMicroservice> => {
  const strategy = new NatsStrategy({
    bus,
    service: 'test',
    logger,
    metrics: createMetrics('test'),
    concurrency,
  });
  const app = await NestFactory.createMicroservice(Service, { strategy, logger: false });
  await app.listen();
  return app;
};

const failure = async (request: Promise<unknown>): Promise<AppError> => {
  const error: unknown = await request.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw error;
};

let server: NatsServer;
let serviceBus: Bus;
let client: Bus;
let foreign: NatsConnection;
let app: INestMicroservice;

/** Messages that the client has sent: its requests, and its questions whether somebody is still there. */
const sentByClient = (): number => partsOf(client).link.connection.stats().outMsgs;

beforeAll(async () => {
  server = await startNats();
  serviceBus = await connectBus({ url: server.url, name: 'service', logger });
  client = await connectBus({ url: server.url, name: 'client', logger });
  foreign = await connect({ servers: server.url });
  app = await serve(serviceBus);
});

afterAll(async () => {
  await app.close();
  await Promise.all([serviceBus.close(), client.close(), foreign.close()]);
  await server.stop();
});

describe('a request', () => {
  it('is answered', async () => {
    expect(await client.request(ask, { what: 'hello' })).toEqual({ text: 'hello!' });
  });

  it('gets the error the service threw, with its code and its Retry-After', async () => {
    expect(await failure(client.request(ask, { what: 'missing' }))).toMatchObject({
      code: 'not-found',
      detail: 'No such thing.',
    });
    expect(await failure(client.request(ask, { what: 'busy' }))).toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: 7,
    });
  });

  it('that breaks a rule is refused with every field', async () => {
    const wrong = { what: 7, held: 1, more: true } as unknown as Ask; // what the compiler would not let through
    const error = await failure(client.request(ask, wrong));
    expect(error.code).toBe('invalid-request');
    expect(error.errors?.map(({ path }) => path).sort()).toEqual(['held', 'more', 'what']);
  });

  it('that meets a bug gets `internal`, without the text, and the bug is logged', async () => {
    for (const what of ['bug', 'undeclared', 'huge']) {
      const error = await failure(client.request(ask, { what }));
      expect(error).toMatchObject({ code: 'internal', detail: 'Something failed on our side.' });
    }
    expect(logged.join('')).toContain('answers device-name-taken, which its contract does not name');
  });

  it('whose answer breaks the contract gets `internal`', async () => {
    expect(await failure(client.request(ask, { what: 'broken' }))).toMatchObject({ code: 'internal' });
  });

  it('whose answer has more than this version knows is answered: what serves it may be newer', async () => {
    expect(await client.request(ask, { what: 'newer' })).toMatchObject({ text: 'newer!' });
  });

  it('that nobody serves is `unavailable`: at once when it may not be repeated, at the deadline otherwise', async () => {
    const began = Date.now();
    expect((await failure(client.request(nobodyOnce, { what: '' }))).code).toBe('unavailable');
    expect(Date.now() - began).toBeLessThan(250);
    expect((await failure(client.request(nobody, { what: '' }, { timeoutMs: 400 }))).code).toBe(
      'unavailable',
    );
    expect(Date.now() - began).toBeGreaterThan(200);
  });

  it('that is not answered in time is `deadline-exceeded`', async () => {
    const error = await failure(client.request(ask, { what: 'slow', held: true }, { timeoutMs: 100 }));
    release();
    expect(error.code).toBe('deadline-exceeded');
  });

  it('that is too large for the bus is refused here', async () => {
    const error = await failure(client.request(ask, { what: 'x'.repeat(1_100_000) }));
    expect(error.code).toBe('payload-too-large');
    expect(await client.request(ask, { what: 'still there' })).toEqual({ text: 'still there!' });
  });

  it('carries the trace: same trace id, a span of its own, and the log lines of the other end have it', async () => {
    const trace = newTrace();
    await withTrace(trace, () => client.request(ask, { what: 'traced' }));
    const there = seen.find(({ what }) => what === 'traced')?.trace;
    expect(there?.traceId).toBe(trace.traceId);
    expect(there?.spanId).not.toBe(trace.spanId);
    expect(logged.find((line) => line.includes('"what":"traced"'))).toContain(trace.traceId);
  });
});

describe('a foreign requester', () => {
  const body = async (subject: string, payload: string): Promise<unknown> =>
    JSON.parse((await foreign.request(subject, payload, { timeout: 1_000 })).string());

  it('needs no envelope and no headers', async () => {
    expect(await body(ask.subject, '{"what":"plain"}')).toEqual({ text: 'plain!' });
  });

  it('is told what is wrong with JSON that is none', async () => {
    const message = await foreign.request(ask.subject, '{"what":', { timeout: 1_000 });
    expect(message.headers?.get('Nats-Service-Error-Code')).toBe('400');
    expect(message.headers?.get('Nats-Service-Error')).toBe('invalid-request: The body is not JSON.');
    expect(message.json()).toMatchObject({
      code: 'invalid-request',
      status: 400,
      traceId: expect.any(String),
    });
  });

  it('whose deadline has passed gets no answer, and no work is done', async () => {
    const late = headers();
    late.set('x-deadline', String(Date.now() - 1));
    const request = foreign.request(ask.subject, '{"what":"late"}', { timeout: 200, headers: late });
    await expect(request).rejects.toThrow(/timeout/i);
    expect(seen.map(({ what }) => what)).not.toContain('late');
  });
});

describe('when the service or the server goes away', () => {
  it('a service that restarts is not noticed by an idempotent request', async () => {
    await app.close();
    const asked = client.request(ask, { what: 'patient' }, { timeoutMs: 5_000 });
    app = await serve(serviceBus);
    expect(await asked).toEqual({ text: 'patient!' });
  });

  it('a service that closes answers what it has begun', async () => {
    const asked = client.request(change, { what: 'begun', held: true });
    await eventually(() => wasSeen('begun'), { what: 'the request arrives' });
    const closing = app.close();
    const turnedAway = (): Promise<boolean> =>
      client.request(change, { what: 'too late' }).then(
        () => false,
        (error: unknown) => error instanceof AppError && error.code === 'unavailable',
      );
    await eventually(turnedAway, { what: 'nobody new is served' });
    release();
    await closing;
    expect(await asked).toEqual({ text: 'begun!' });
    app = await serve(serviceBus);
  });

  it('whoever takes a request and is killed is noticed: it is asked again long before its deadline', async () => {
    await app.close();
    const mortal = await connect({ servers: server.url });
    let taken = 0;
    mortal.subscribe(ask.subject, { callback: () => void (taken += 1) });
    await mortal.flush();
    const began = Date.now();
    const asked = client.request(ask, { what: 'survivor' }, { timeoutMs: 30_000 });
    await eventually(() => taken > 0, { what: 'it is taken' });
    await mortal.close();
    await eventually(() => logged.some((line) => line.includes('who had a request is gone')), {
      what: 'it is noticed',
    });
    app = await serve(serviceBus);
    expect(await asked).toEqual({ text: 'survivor!' });
    expect(Date.now() - began).toBeLessThan(10_000);
  });

  it('whoever takes long and is there is not asked twice', async () => {
    const before = sentByClient();
    const asked = client.request(ask, { what: 'unhurried', held: true }, { timeoutMs: 10_000 });
    await eventually(() => sentByClient() >= before + 1 + 2, { what: 'it was looked for twice' });
    release();
    expect(await asked).toEqual({ text: 'unhurried!' });
    expect(seen.filter(({ what }) => what === 'unhurried')).toHaveLength(1);
  });

  it('whoever stops, and so serves nobody new, still gives the answer that was begun', async () => {
    const asked = client.request(ask, { what: 'last', held: true }, { timeoutMs: 10_000 });
    await eventually(() => wasSeen('last'), { what: 'it is taken' });
    const gone = logged.length;
    const closing = app.close();
    await eventually(() => logged.slice(gone).some((line) => line.includes('who had a request is gone')), {
      what: 'nobody serves any more',
    });
    release();
    await closing;
    expect(await asked).toEqual({ text: 'last!' });
    app = await serve(serviceBus);
  });

  it('a repetition is answered as the first was, and not worked on again', async () => {
    const asked = headers();
    asked.set('x-request-id', 'one-and-the-same');
    asked.set('x-deadline', String(Date.now() + 5_000));
    const send = () =>
      foreign.request(change.subject, JSON.stringify({ what: 'repeated', held: true }), {
        timeout: 5_000,
        headers: asked,
      });
    const both = [send(), send()];
    await foreign.flush();
    await eventually(() => wasSeen('repeated'), { what: 'the first is taken' });
    release();
    const together = await Promise.all(both);
    const answers = [...together, await send()].map((message) => message.json());
    expect(answers).toEqual(Array(3).fill({ text: 'repeated!' }));
    expect(seen.filter(({ what }) => what === 'repeated')).toHaveLength(1);
  });

  it('more than it can do at once is refused, not piled up', async () => {
    await app.close();
    app = await serve(serviceBus, 1);
    const codes: string[] = [];
    const asked = Array.from({ length: 8 }, (_, index) =>
      client.request(change, { what: `crowd ${index}`, held: index === 0 }).then(
        () => codes.push('ok'),
        (error: unknown) => codes.push(error instanceof AppError ? error.code : 'other'),
      ),
    );
    await eventually(() => codes.length === 3, { what: 'what is too much is refused' });
    expect(codes).toEqual(Array(3).fill('unavailable'));
    release();
    await Promise.all(asked);
    expect(codes.slice(3)).toEqual(Array(5).fill('ok'));
    await app.close();
    app = await serve(serviceBus);
  });

  it('requests in flight end at once as `unavailable`, and everything works again after its return', async () => {
    const began = Date.now();
    const inFlight = failure(client.request(change, { what: 'hanging', held: true }, { timeoutMs: 20_000 }));
    await eventually(() => wasSeen('hanging'), { what: 'the request arrives' });
    await server.kill9();
    expect((await inFlight).code).toBe('unavailable');
    release();
    expect(Date.now() - began).toBeLessThan(4_000);
    expect((await failure(client.request(change, { what: 'away' }))).code).toBe('unavailable');
    expect(client.isConnected()).toBe(false);

    // Its last try would come too late: it is away all the same, and not slow.
    const late = failure(client.request(ask, { what: 'away' }, { timeoutMs: 200 }));
    await new Promise((resolve) => setImmediate(resolve));
    const busyUntil = Date.now() + 300;
    while (Date.now() < busyUntil);
    expect((await late).code).toBe('unavailable');

    const patient = client.request(ask, { what: 'back' }, { timeoutMs: 10_000 });
    await server.restart();
    expect(await patient).toEqual({ text: 'back!' });
    expect(client.isConnected()).toBe(true);
  });
});

it('a bus waits for a server that is not there yet', async () => {
  const later = await startNats();
  await later.kill9();
  const waiting = connectBus({ url: later.url, name: 'early', logger });
  await later.restart();
  const bus = await waiting;
  expect(bus.isConnected()).toBe(true);
  await bus.close();
  await later.stop();
});

it('a bus that is closed says so to whoever waits for an answer', async () => {
  const bus = await connectBus({ url: server.url, name: 'closing', logger });
  const asked = failure(bus.request(ask, { what: 'unanswered', held: true }, { timeoutMs: 60_000 }));
  await eventually(() => wasSeen('unanswered'), { what: 'it is taken' });
  await bus.close();
  expect(await asked).toMatchObject({ code: 'unavailable', detail: 'This process is stopping.' });
  release();
});

it('a bus that is closed waits for nothing any more: what it would try again fails at once', async () => {
  const gone = await startNats();
  const bus = await connectBus({ url: gone.url, name: 'closing', logger });
  await gone.stop();
  const outcomes = Promise.allSettled([
    bus.request(nobody, { what: 'x' }, { timeoutMs: 60_000 }),
    bus.ensureStream({ name: 'NOT_THERE', subjects: ['not.there'], maxAgeMs: 60_000, maxBytes: 1_024 }),
    bus.publishBatch('not.there', { id: '1', type: 't', source: '/test', time: '', data: {} }),
  ]);
  await bus.close();
  const stopping = { code: 'unavailable', detail: 'This process is stopping.' };
  expect(await outcomes).toMatchObject([
    { reason: stopping },
    { reason: { code: 'unavailable' } },
    { reason: stopping },
  ]);
});

describe('a replica whose machine is gone without a word', () => {
  /** NATS 2.9 takes what it sends for a sign of life: between two tries it must have the time to ask. */
  const APART_MS = 16_000;

  it('is asked nothing any more before long', async () => {
    const installed = await startNats({ accounts: true });
    const network = await silentNetwork(installed.port);
    const credentials = readFileSync(installed.trust?.servicesFile ?? '', 'utf8');
    const open = (url: string, name: string): Promise<Bus> => connectBus({ url, name, logger, credentials });
    const gone = await open(`nats://127.0.0.1:${network.port}`, 'gone');
    const there = await open(installed.url, 'there');
    const asking = await open(installed.url, 'asking');
    const apps = [await serve(gone), await serve(there)];
    const ask20 = () => Promise.all(Array.from({ length: 20 }, () => asking.request(ask, { what: 'hello' })));
    network.silence();
    await expect(ask20()).rejects.toMatchObject({ code: 'deadline-exceeded' });
    const told = await eventually(ask20, {
      what: 'all are answered',
      everyMs: APART_MS,
      deadlineMs: 3 * APART_MS,
    });
    expect(told).toHaveLength(20);
    await Promise.all(apps.map((one) => one.close()));
    await Promise.all([gone, there, asking].map((bus) => bus.close()));
    await network.stop();
    await installed.stop();
  }, 60_000);
});
