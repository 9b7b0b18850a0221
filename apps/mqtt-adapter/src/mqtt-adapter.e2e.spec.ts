import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { replayAt } from '@muster/contracts/parked/requests';
import { connectBus, pack, unpack } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import {
  amqpUrl,
  atBroker,
  brokerMqttUrl,
  eventually,
  freePort,
  mosquittoPub,
  mosquittoSub,
  startNats,
  type MosquittoSubscription,
  type NatsServer,
} from '@muster/testing';
import { stamped } from '@muster/uplink';
import { startStandIns, World, type StandIns } from '@muster/uplink/stand-in-services';
import { connect, type ChannelModel } from 'amqplib';
import mqtt from 'mqtt';
import { start } from './app.module.js';
import { BROKER_EVENTS_QUEUE } from './broker/topology.js';

/** Real RabbitMQ, real NATS, real MQTT clients; the three services behind are stand-ins that can be made to fail. */
let nats: NatsServer;
let services: StandIns;
let adapter: RunningApp;
let broker: ChannelModel;
const world = new World();
const subscriptions: MosquittoSubscription[] = [];
let devices = 0;

const newDevice = (): { id: string; token: string } => {
  devices += 1;
  const id = `dev-${process.pid}-${devices}`;
  const { token } = world.device(id);
  return { id, token };
};
const isReady = async (): Promise<true> => {
  const { failing } = await adapter.ops.health.ready();
  if (failing.length > 0) throw new Error(JSON.stringify(failing));
  return true;
};
const startAdapter = async (env: Readonly<Record<string, string>> = {}): Promise<void> => {
  adapter = await start({
    MUSTER_NATS_URL: nats.url,
    MUSTER_AMQP_URL: amqpUrl(),
    MUSTER_LOG_LEVEL: process.env['MUSTER_LOG_LEVEL'] ?? 'silent',
    ...env,
  });
  await eventually(isReady, { what: 'the adapter is ready', deadlineMs: 15_000 });
};
const subscribe = async (topic: string, qos = '1'): Promise<MosquittoSubscription> => {
  const subscription = await mosquittoSub([...atBroker(), '-v', '-q', qos, '-t', topic]);
  subscriptions.push(subscription);
  return subscription;
};
const publish = (topic: string, body: string, ...more: string[]) =>
  mosquittoPub([...atBroker(), '-q', '1', '-t', topic, '-m', body, ...more]);
const json = (line: string): unknown => JSON.parse(line.slice(line.indexOf(' ') + 1));

beforeAll(async () => {
  nats = await startNats();
  services = await startStandIns(nats.url, world);
  broker = await connect(amqpUrl());
  await startAdapter();
  // Left by whoever used this broker before.
  const channel = await broker.createChannel();
  await eventually(async () => (await channel.checkQueue('muster.uplink')).messageCount === 0);
  world.stored.length = 0;
  await channel.close();
}, 60_000);

afterAll(async () => {
  for (const subscription of subscriptions) await subscription.stop();
  await adapter.stop();
  await broker.close();
  await services.stop();
  await nats.stop();
});

describe('telemetry', () => {
  it('is stored, and answered with zero bytes after that, when an id asks for it', async () => {
    const { id, token } = newDevice();
    const answers = await subscribe(`kp1/radiator-v1/dcx/${token}/json/+/+`);
    await publish(`kp1/radiator-v1/dcx/${token}/json/007`, '{"temperature":21}');
    await answers.line((line) => line === `kp1/radiator-v1/dcx/${token}/json/007/status (null)`);
    expect(world.stored.find(({ deviceId }) => deviceId === id)).toMatchObject({
      appVersion: 'radiator-v1',
      redelivered: false,
      samples: [{ at: null, data: { temperature: 21 } }],
    });
  });

  it('that is wrong is told so, with and without an id, and the rest goes on', async () => {
    const { id, token } = newDevice();
    const answers = await subscribe(`kp1/radiator-v1/dcx/${token}/#`);
    await publish(`kp1/radiator-v1/dcx/${token}/json`, '{"temperature":');
    expect(json(await answers.line((line) => line.includes('/json/error ')))).toEqual({
      statusCode: 400,
      reasonPhrase: expect.stringMatching(/^payload must be JSON/),
    });
    await publish(`kp1/radiator-v1/dcx/${token}/json/5`, '{"ts":"yesterday"}');
    expect(json(await answers.line((line) => line.includes('/json/5/error ')))).toMatchObject({
      statusCode: 400,
    });
    // From standard input: no argument is that long.
    await mosquittoPub([...atBroker(), '-q', '1', '-t', `kp1/radiator-v1/dcx/${token}/json/6`, '-s'], {
      stdin: JSON.stringify({ text: 'x'.repeat(300_000) }),
    });
    expect(json(await answers.line((line) => line.includes('/json/6/error ')))).toEqual({
      statusCode: 413,
      reasonPhrase: 'payload must have at most 262144 bytes',
    });
    await publish(`kp1/radiator-v1/dcx/${token}/json`, '[{"t":1},{"t":2}]');
    await eventually(() => world.stored.find(({ deviceId }) => deviceId === id)?.samples.length === 2);
  });

  it('waits in the broker while the service is away, and is all stored when it is back', async () => {
    const { id, token } = newDevice();
    world.telemetryFault = () => {
      throw new AppError('unavailable', 'away');
    };
    const client = await mqtt.connectAsync(brokerMqttUrl(), { clientId: `away-${process.pid}` });
    await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        client.publishAsync(`kp1/radiator-v1/dcx/${token}/json`, JSON.stringify({ n }), { qos: 1 }),
      ),
    );
    await eventually(
      async () => (await adapter.ops.health.ready()).failing.some(({ name }) => name === 'services'),
      {
        what: 'health says so',
      },
    );
    expect(world.stored.filter(({ deviceId }) => deviceId === id)).toEqual([]);
    world.telemetryFault = undefined;
    await eventually(() => world.stored.filter(({ deviceId }) => deviceId === id).length === 200, {
      what: 'all are stored',
      deadlineMs: 10_000,
    });
    // In the order of the device, with rising arrival times.
    const mine = world.stored.filter(({ deviceId }) => deviceId === id);
    expect(mine.map(({ samples }) => samples[0]?.data)).toEqual(
      Array.from({ length: 200 }, (_, n) => ({ n })),
    );
    const times = mine.map(({ receivedAt }) => receivedAt);
    expect([...new Set(times)].sort((a, b) => a - b)).toEqual(times);
    await eventually(isReady);
    await client.endAsync();
  });

  it('survives the loss of its connections: what was not stored comes again, marked', async () => {
    const { id, token } = newDevice();
    world.telemetryFault = () => {
      throw new AppError('unavailable', 'away');
    };
    await publish(`kp1/radiator-v1/dcx/${token}/json/9`, '{"n":1}');
    const answers = await subscribe(`kp1/radiator-v1/dcx/${token}/json/+/status`);
    await eventually(async () =>
      (await adapter.ops.health.ready()).failing.some(({ name }) => name === 'services'),
    );
    await adapter.stop();
    world.telemetryFault = undefined;
    await startAdapter();
    await answers.line((line) => line.includes('/json/9/status'));
    expect(world.stored.filter(({ deviceId }) => deviceId === id)).toEqual([
      expect.objectContaining({ redelivered: true }),
    ]);
  });

  it("tells the client's duplicate from the broker's redelivery, where the broker tells", async () => {
    const { id, token } = newDevice();
    const client = await mqtt.connectAsync(brokerMqttUrl(), { clientId: `twice-${process.pid}` });
    const topic = `kp1/radiator-v1/dcx/${token}/json`;
    await client.publishAsync(topic, '{"n":1}', { qos: 1 });
    await client.publishAsync(topic, '{"n":1}', { qos: 1, dup: true });
    await client.endAsync();
    const stored = () => world.stored.filter(({ deviceId }) => deviceId === id);
    await eventually(() => stored().length === 2);
    const brokerTells = broker.connection.serverProperties.version.startsWith('3.');
    expect(stored().map(({ redelivered, duplicate }) => [redelivered, duplicate])).toEqual([
      [false, false],
      [false, brokerTells],
    ]);
  });

  it('of 3,000 at once that were acknowledged is all stored, in order, while quiet devices are served', async () => {
    const { id, token } = newDevice();
    const quiet = Array.from({ length: 10 }, newDevice);
    const client = await mqtt.connectAsync(brokerMqttUrl(), { clientId: `outage-${process.pid}` });
    const begin = Date.now() - 3_000_000;
    const burst = Promise.all(
      Array.from({ length: 3_000 }, (_, n) =>
        client.publishAsync(
          `kp1/radiator-v1/dcx/${token}/json`,
          JSON.stringify({ ts: new Date(begin + n * 1_000).toISOString(), n }),
          { qos: 1 },
        ),
      ),
    );
    await Promise.all(quiet.map((one) => publish(`kp1/radiator-v1/dcx/${one.token}/json`, '{"quiet":true}')));
    await burst;
    const stored = () => world.stored.filter(({ deviceId }) => deviceId === id);
    await eventually(() => stored().length === 3_000, { what: 'all are stored', deadlineMs: 20_000 });
    expect(stored().map(({ samples }) => samples[0]?.data)).toEqual(
      Array.from({ length: 3_000 }, (_, n) => expect.objectContaining({ n })),
    );
    await eventually(() => quiet.every((one) => world.stored.some(({ deviceId }) => deviceId === one.id)));
    await client.endAsync();
  });

  it('that waited in the broker while there was no adapter is not held against its device', async () => {
    const { id, token } = newDevice();
    const client = await mqtt.connectAsync(brokerMqttUrl(), { clientId: `waiting-${process.pid}` });
    const topic = `kp1/radiator-v1/dcx/${token}/json`;
    await client.publishAsync(topic, '{"n":0}', { qos: 1 });
    await eventually(() => world.stored.some(({ deviceId }) => deviceId === id));
    await adapter.stop();
    await Promise.all(Array.from({ length: 1_500 }, () => client.publishAsync(topic, '{"n":1}', { qos: 1 })));
    await startAdapter();
    await eventually(() => world.stored.filter(({ deviceId }) => deviceId === id).length === 1_501, {
      what: 'all are stored',
      deadlineMs: 15_000,
    });
    await client.endAsync();
  });

  it('that the service cannot digest is parked once with all of it, holds up nobody, and can be replayed', async () => {
    const { id, token } = newDevice();
    const other = newDevice();
    world.telemetryFault = (messages) => {
      if (messages.some(({ deviceId }) => deviceId === id)) throw new Error('a bug');
    };
    const answers = await subscribe(`kp1/radiator-v1/dcx/${token}/#`);
    await publish(`kp1/radiator-v1/dcx/${token}/json/1`, '{"poison":true}');
    for (let n = 0; n < 3; n += 1) {
      await publish(`kp1/radiator-v1/dcx/${other.token}/json`, `{"n":${n}}`);
      await eventually(() => world.stored.filter(({ deviceId }) => deviceId === other.id).length === n + 1, {
        what: 'others are stored',
      });
    }
    expect(json(await answers.line((line) => line.includes('/json/1/error ')))).toEqual({
      statusCode: 500,
      reasonPhrase: 'internal error',
    });
    expect(world.parked).toHaveLength(1);
    const [parked] = world.parked;
    if (parked === undefined) throw new Error('nothing is parked');
    expect(parked).toMatchObject({
      tenantId: 'default',
      service: 'mqtt-adapter',
      stream: 'rabbitmq',
      consumer: 'muster-uplink',
      subject: `kp1.radiator-v1.dcx.${token}.json.1`,
      shownSubject: `kp1/radiator-v1/dcx/${token.slice(0, 4)}…/json/1`,
    });
    expect(parked.payload && unpack(parked.payload).toString()).toBe('{"poison":true}');
    await publish(`kp1/radiator-v1/dcx/${token}/json/1`, '{"poison":true}');
    // Given up sooner than after a minute only where others succeed.
    await eventually(
      async () => {
        await publish(`kp1/radiator-v1/dcx/${other.token}/json`, '{"n":4}');
        return world.parked.length === 2;
      },
      { what: 'it is parked again', deadlineMs: 20_000 },
    );
    expect(world.parked[1]?.id).toBe(parked.id);

    world.telemetryFault = undefined;
    const logger = createLogger({ service: 'spec', level: 'silent' });
    const bus = await connectBus({ url: nats.url, name: 'spec', logger });
    try {
      const { tenantId, stream, consumer, subject, headers, payload } = parked;
      const parkedAt = new Date().toISOString();
      const message = { tenantId, stream, consumer, subject, headers, payload, parkedAt };
      const replay = (change: Partial<typeof message> = {}) =>
        bus.request(replayAt(consumer), { ...message, ...change }, { timeoutMs: 15_000 });
      expect(await replay()).toEqual({ outcome: 'done' });
      expect(world.stored.find(({ deviceId }) => deviceId === id)).toMatchObject({
        redelivered: true,
        samples: [{ data: { poison: true } }],
      });
      expect(await replay({ payload: pack(Buffer.from('{"not')) })).toMatchObject({
        outcome: 'failed',
        code: 'invalid-payload',
        detail: expect.stringMatching(/^payload must be JSON/),
      });
    } finally {
      await bus.close();
    }
  }, 60_000);
});

describe('two equal readings that the door took at two times', () => {
  it('are parked as two, and each is stored under its own time when it is replayed', async () => {
    const { id, token } = newDevice();
    const other = newDevice();
    world.parked.splice(0);
    world.telemetryFault = (messages) => {
      if (messages.some(({ deviceId }) => deviceId === id)) throw new Error('a bug');
    };
    const times = [Date.now() * 1_000 - 2_000_000, Date.now() * 1_000 - 1_000_000];
    const client = await mqtt.connectAsync(brokerMqttUrl(), { clientId: `equal-${process.pid}` });
    const topic = `kp1/radiator-v1/dcx/${token}/json`;
    for (const at of times) await client.publishAsync(topic, stamped('{"n":1}', at), { qos: 1 });
    await eventually(
      async () => {
        // Given up sooner than after a minute only where others succeed.
        await client.publishAsync(`kp1/radiator-v1/dcx/${other.token}/json`, '{"n":2}', { qos: 1 });
        return new Set(world.parked.map((one) => one.id)).size === times.length;
      },
      { what: 'both are parked', deadlineMs: 20_000 },
    );
    await client.endAsync();
    world.telemetryFault = undefined;
    const bus = await connectBus({
      url: nats.url,
      name: 'spec',
      logger: createLogger({ service: 'spec', level: 'silent' }),
    });
    for (const { tenantId, stream, consumer, subject, headers, payload } of world.parked) {
      const message = { tenantId, stream, consumer, subject, headers, payload };
      const parkedAt = new Date().toISOString();
      await bus.request(replayAt(consumer), { ...message, parkedAt }, { timeoutMs: 15_000 });
    }
    await bus.close();
    const stored = world.stored.filter(({ deviceId }) => deviceId === id);
    expect(stored.map(({ receivedAt, redelivered }) => [receivedAt, redelivered]).sort()).toEqual(
      times.map((at) => [at, false]),
    );
  }, 60_000);
});

const document = { configId: 'c1', config: { interval: 5 } };

describe('configuration', () => {
  it('is answered with and without an id, and says when it is unchanged', async () => {
    const { id, token } = newDevice();
    const answers = await subscribe(`kp1/radiator-v1/cmx/${token}/config/json/#`);
    await publish(`kp1/radiator-v1/cmx/${token}/config/json/42`, '');
    expect(json(await answers.line((line) => line.includes('/42/status')))).toEqual({
      id: 42,
      configId: '',
      config: null,
      statusCode: 200,
      reasonPhrase: 'ok',
    });
    world.documents.set(id, document);
    await publish(`kp1/radiator-v1/cmx/${token}/config/json`, '{"observe":true}');
    expect(json(await answers.line((line) => line.includes('/config/json/status')))).toMatchObject(document);
    await publish(`kp1/radiator-v1/cmx/${token}/config/json/43`, '{"configId":"c1"}');
    expect(json(await answers.line((line) => line.includes('/43/status')))).toEqual({
      id: 43,
      statusCode: 304,
      reasonPhrase: 'Not changed',
    });
  });

  it('is told to be unavailable when it is', async () => {
    const { token } = newDevice();
    world.configurationFault = new AppError('unavailable', 'The database is away.');
    const answers = await subscribe(`kp1/radiator-v1/cmx/${token}/config/json/#`);
    await publish(`kp1/radiator-v1/cmx/${token}/config/json/1`, '{}');
    expect(json(await answers.line((line) => line.includes('/1/error')))).toMatchObject({ statusCode: 503 });
    world.configurationFault = undefined;
  });

  it('applied is reported and confirmed', async () => {
    const { id, token } = newDevice();
    const answers = await subscribe(`kp1/radiator-v1/cmx/${token}/applied/json/#`);
    await publish(
      `kp1/radiator-v1/cmx/${token}/applied/json/3`,
      '{"configId":"c1","statusCode":418,"reasonPhrase":"no"}',
    );
    await answers.line((line) => line.includes('/3/status'));
    expect(world.applied.find(({ deviceId }) => deviceId === id)).toMatchObject({
      configId: 'c1',
      statusCode: 418,
      reasonPhrase: 'no',
      interface: 'mqtt',
    });
  });

  it('that changes is pushed to who is subscribed, and its absence is noticed', async () => {
    const [here, away] = [newDevice(), newDevice()];
    const pushes = await subscribe(`kp1/radiator-v1/cmx/${here.token}/config/json/status`);
    for (const { id } of [here, away]) {
      world.documents.set(id, document);
      // Learned by event: nobody has used these tokens yet.
      await services.tokenChanged(id);
    }
    await eventually(async () => {
      await services.configurationChanged(here.id);
      await services.configurationChanged(away.id);
      return world.dispatched.some(({ deviceId }) => deviceId === away.id);
    });
    expect(json(await pushes.line((line) => line.includes('config/json/status')))).toEqual({
      ...document,
      statusCode: 200,
      reasonPhrase: 'ok',
    });
    const subscribers = (id: string) =>
      new Set(world.dispatched.filter(({ deviceId }) => deviceId === id).map(({ subscriber }) => subscriber));
    await eventually(() => subscribers(here.id).has(true));
    expect(subscribers(away.id)).toEqual(new Set([false]));
  });

  it.each(['0', '1'])(
    'is offered once to a device as soon as it subscribes, by whatever wildcard, with QoS %s',
    async (qos) => {
      const { id, token } = newDevice();
      world.documents.set(id, document);
      const subscription = await subscribe(`kp1/radiator-v1/+/${token}/#`, qos);
      expect(
        json(await subscription.line((line) => line.includes('config/json/status'), 1_500)),
      ).toMatchObject(document);
      await sleep(500);
      expect(subscription.lines()).toHaveLength(1);
    },
  );

  it('is offered to a client that comes back to its session, without having asked or subscribed', async () => {
    const { id, token } = newDevice();
    const clientId = `resumes-${process.pid}`;
    const first = await mqtt.connectAsync(brokerMqttUrl(), { clientId, clean: false });
    await first.subscribeAsync(`kp1/radiator-v1/cmx/${token}/#`, { qos: 1 });
    await first.endAsync();
    world.documents.set(id, document);
    const second = mqtt.connect(brokerMqttUrl(), { clientId, clean: false, resubscribe: false });
    const arrived: string[] = [];
    second.on('message', (topic) => arrived.push(topic));
    await eventually(() => arrived.includes(`kp1/radiator-v1/cmx/${token}/config/json/status`), {
      what: 'the document arrives',
    });
    await second.endAsync();
    // Its session would stay in the broker.
    await (await mqtt.connectAsync(brokerMqttUrl(), { clientId, clean: true })).endAsync();
  });
});

describe('access', () => {
  it('of a device that was created a moment ago works at the first try', async () => {
    const { id, token } = newDevice();
    expect((await publish(`kp1/radiator-v1/dcx/${token}/json`, '{"first":true}')).code).toBe(0);
    await eventually(() => world.stored.some(({ deviceId }) => deviceId === id));
  });

  it('tells device-registry what a device says of itself', async () => {
    const { id, token } = newDevice();
    await publish(`kp1/radiator-v2/dcx/${token}/json`, '{}');
    await eventually(() =>
      world.sightings.some((one) => one.deviceId === id && one.appVersion === 'radiator-v2'),
    );
  });
});

describe('a cluster of RabbitMQ', () => {
  it('is worked with when one of its nodes is away', async () => {
    const away = new URL(amqpUrl());
    away.port = String(await freePort());
    await adapter.stop();
    await startAdapter({ MUSTER_AMQP_URL: `${away.href.replace(/\/$/, '')},${amqpUrl()}` });
    const { id, token } = newDevice();
    await publish(`kp1/radiator-v1/dcx/${token}/json`, '{"temperature":21}');
    await eventually(() => world.stored.some(({ deviceId }) => deviceId === id));
  });

  it('may be without the node that has the queue of its events: devices are served and get what is due to them', async () => {
    const channel = await broker.createChannel();
    await adapter.stop();
    await channel.deleteQueue(BROKER_EVENTS_QUEUE);
    // Another one of its name: neither can be had.
    await channel.assertQueue(BROKER_EVENTS_QUEUE, { durable: true, arguments: { 'x-max-length': 1 } });
    await startAdapter();
    const [before, after] = [newDevice(), newDevice()];
    for (const { id } of [before, after]) world.documents.set(id, document);
    const subscription = await subscribe(`kp1/radiator-v1/+/${before.token}/#`);
    expect(json(await subscription.line((line) => line.includes('config/json/status')))).toMatchObject(
      document,
    );
    await publish(`kp1/radiator-v1/dcx/${before.token}/json`, '{"temperature":21}');
    await eventually(() => world.stored.some(({ deviceId }) => deviceId === before.id));

    await channel.deleteQueue(BROKER_EVENTS_QUEUE);
    await eventually(() => hasConsumer(BROKER_EVENTS_QUEUE), { what: 'the queue is back' });
    const late = await subscribe(`kp1/radiator-v1/+/${after.token}/#`);
    expect(json(await late.line((line) => line.includes('config/json/status')))).toMatchObject(document);
    await sleep(500);
    expect(late.lines()).toHaveLength(1);
    await channel.close();
  });
});

/** Of a channel of its own: one that asks for what is not there is closed. */
const hasConsumer = async (queue: string): Promise<boolean> => {
  const channel = await broker.createChannel();
  channel.on('error', () => undefined);
  try {
    return (await channel.checkQueue(queue)).consumerCount > 0;
  } catch {
    return false;
  } finally {
    await channel.close().catch(() => undefined);
  }
};
