import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { replayAt } from '@muster/contracts/parked/requests';
import type { RunningApp } from '@muster/observability';
import {
  amqpUrl,
  atBroker,
  brokerMqttUrl,
  eventually,
  mosquittoSub,
  startNats,
  type MosquittoSubscription,
  type NatsServer,
} from '@muster/testing';
import { startStandIns, World, type StandIn, type StandIns } from '@muster/uplink/stand-in-services';
import { connect, type Channel, type ChannelModel } from 'amqplib';
import mqtt from 'mqtt';
import { start } from './app.module.js';

/** So few that what waits for a frozen service fills the window of its queue several times over. */
const PREFETCH = 20;
const MESSAGES = 60;

/** Real RabbitMQ, real NATS; the services behind are stand-ins that can be frozen: they take requests and answer none. */
let nats: NatsServer;
let services: StandIns;
let adapter: RunningApp;
let broker: ChannelModel;
let channel: Channel;
let client: mqtt.MqttClient;
const world = new World();
const subscriptions: MosquittoSubscription[] = [];
let devices = 0;

const missing = (): never => {
  throw new Error('nothing is parked');
};

const newDevice = (): { id: string; token: string } => {
  devices += 1;
  const id = `domain-${process.pid}-${devices}`;
  const { token } = world.device(id);
  return { id, token };
};
const publish = (topic: string, body: unknown) =>
  client.publishAsync(topic, JSON.stringify(body), { qos: 1 });
const startAdapter = async (): Promise<void> => {
  adapter = await start({
    MUSTER_NATS_URL: nats.url,
    MUSTER_AMQP_URL: amqpUrl(),
    MUSTER_MQTT_ADAPTER_PREFETCH: String(PREFETCH),
    MUSTER_UPLINK_SET_ASIDE_AFTER_SECONDS: '1',
    MUSTER_UPLINK_SET_LATE_ASIDE_AFTER_SECONDS: '1',
    MUSTER_LOG_LEVEL: process.env['MUSTER_LOG_LEVEL'] ?? 'silent',
  });
  await eventually(async () => (await adapter.ops.health.ready()).failing.length === 0, {
    what: 'the adapter is ready',
    deadlineMs: 15_000,
  });
};
const subscribe = async (topic: string): Promise<MosquittoSubscription> => {
  const subscription = await mosquittoSub([...atBroker(), '-v', '-q', '1', '-t', topic]);
  subscriptions.push(subscription);
  return subscription;
};

const numberIn = (data: unknown): number =>
  typeof data === 'object' && data !== null && 'n' in data ? Number(data.n) : Number.NaN;

/** What a device says to each service, and what the service has of a device then. */
const kinds: Record<
  StandIn,
  { path: (n: number) => string; body: (n: number) => object; had: (id: string) => number[] }
> = {
  telemetry: {
    path: (n) => `dcx/{token}/json/${n}`,
    body: (n) => ({ n }),
    had: (id) =>
      world.stored.filter(({ deviceId }) => deviceId === id).map(({ samples }) => numberIn(samples[0]?.data)),
  },
  configuration: {
    path: (n) => `cmx/{token}/applied/json/${n}`,
    body: (n) => ({ configId: String(n) }),
    had: (id) =>
      world.applied.filter(({ deviceId }) => deviceId === id).map(({ configId }) => Number(configId)),
  },
  'device-registry': {
    path: (n) => `epmx/{token}/update/keys/${n}`,
    body: (n) => ({ n }),
    had: (id) =>
      world.metadata.filter(({ deviceId }) => deviceId === id).map(({ values }) => Number(values?.['n'])),
  },
  commands: {
    path: (n) => `cex/{token}/result/reboot/${n}`,
    body: (n) => ({ id: n, statusCode: 200 }),
    had: (id) => world.results.filter((one) => one.deviceId === id).map((one) => one.id),
  },
  firmware: {
    path: (n) => `cmx_ota/{token}/applied/json/${n}`,
    body: (n) => ({ configId: String(n) }),
    had: (id) =>
      world.software.filter(({ deviceId }) => deviceId === id).map(({ configId }) => Number(configId)),
  },
};
const kindNames = Object.keys(kinds) as StandIn[]; // it says so where it is made
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
const say = (to: StandIn, { token }: { token: string }, n: number) =>
  publish(`kp1/radiator-v1/${kinds[to].path(n).replace('{token}', token)}`, kinds[to].body(n));

beforeAll(async () => {
  nats = await startNats();
  services = await startStandIns(nats.url, world, { writes: true });
  broker = await connect(amqpUrl());
  channel = await broker.createChannel();
  await startAdapter();
  client = await mqtt.connectAsync(brokerMqttUrl(), { clientId: `domains-${process.pid}` });
}, 60_000);

afterEach(() => {
  world.thawAll();
  world.telemetryFault = undefined;
  world.metadataFault = undefined;
  world.parkFault = undefined;
  world.parked.splice(0);
});

afterAll(async () => {
  for (const subscription of subscriptions) await subscription.stop();
  await client.endAsync(true);
  await adapter.stop();
  await broker.close();
  await services.stop();
  await nats.stop();
});

describe('a service that is frozen', () => {
  it.each(kindNames)(
    '(%s) delays its own messages alone, keeps their order, and loses none',
    async (frozen) => {
      const waiting = newDevice();
      const served = newDevice();
      // Known before: nobody is to be asked about them.
      for (const one of [waiting, served]) {
        await say('telemetry', one, 0);
        await eventually(() => kinds.telemetry.had(one.id).length === 1);
      }
      world.freeze(frozen);
      for (const n of numbers(MESSAGES)) await say(frozen, waiting, n);
      for (const other of kindNames.filter((one) => one !== frozen)) {
        for (const n of numbers(MESSAGES)) await say(other, served, n);
        await eventually(() => kinds[other].had(served.id).filter((n) => n > 0).length === MESSAGES, {
          what: `${other} has all its messages`,
        });
      }
      expect(kinds[frozen].had(waiting.id).filter((n) => n > 0)).toEqual([]);
      world.thaw(frozen);
      await eventually(() => new Set(kinds[frozen].had(waiting.id)).size >= MESSAGES, {
        what: 'what waited is there',
        deadlineMs: 30_000,
      });
      // A request that was given up while it was frozen is answered late, so some come twice; what counts is the order.
      expect([...new Set(kinds[frozen].had(waiting.id))].filter((n) => n > 0)).toEqual(numbers(MESSAGES));
      expect(world.parked).toEqual([]);
    },
    90_000,
  );
});

describe('tokens that only device-registry knows, while it is frozen', () => {
  it('hold up no device that is known, and are answered when it is back', async () => {
    const known = newDevice();
    await say('telemetry', known, 0);
    await eventually(() => kinds.telemetry.had(known.id).length === 1);
    world.freeze('device-registry');
    // By AMQP: the broker would not let a device publish whose token nobody can tell of.
    const fresh = newDevice();
    for (const n of numbers(MESSAGES)) {
      channel.publish('amq.topic', `kp1.radiator-v1.dcx.${fresh.token}.json`, Buffer.from(`{"n":${n}}`), {
        deliveryMode: 2,
        headers: { 'x-mqtt-publish-qos': 1 },
      });
    }
    for (const n of numbers(MESSAGES)) await say('telemetry', known, n);
    await eventually(() => kinds.telemetry.had(known.id).length === MESSAGES + 1, {
      what: 'the known device is served',
      deadlineMs: 15_000,
    });
    expect(kinds.telemetry.had(fresh.id)).toEqual([]);
    world.thaw('device-registry');
    await eventually(() => kinds.telemetry.had(fresh.id).length === MESSAGES, {
      what: 'the new device is served',
      deadlineMs: 15_000,
    });
  }, 60_000);
});

describe('a write that its service fails on', () => {
  it('is set aside and told, although nothing else comes', async () => {
    const { token } = newDevice();
    world.metadataFault = new AppError('internal', 'a bug');
    const answers = await subscribe(`kp1/radiator-v1/epmx/${token}/#`);
    await publish(`kp1/radiator-v1/epmx/${token}/update/keys/1`, { poison: true });
    await answers.line((line) => line.includes('/update/keys/1/error {"statusCode":500'));
    expect(world.parked).toMatchObject([
      { consumer: 'muster-uplink-registry', code: 'internal', reason: 'internal: a bug' },
    ]);
    expect((await adapter.ops.health.ready()).failing).toEqual([]);

    // Whoever replays it is told what it fails on, as nothing else succeeds that would show it.
    const [{ payload, ...parked } = missing()] = world.parked;
    const { tenantId, stream, consumer, subject, headers } = parked;
    const again = { tenantId, stream, consumer, subject, headers, ...(payload && { payload }) };
    const parkedAt = new Date().toISOString();
    expect(
      await services.bus.request(replayAt(consumer), { ...again, parkedAt }, { timeoutMs: 15_000 }),
    ).toEqual({ outcome: 'failed', code: 'internal', detail: 'a bug' });
    expect((await adapter.ops.health.ready()).failing).toEqual([]);
  });
});

describe('a message that cannot be finished for long', () => {
  it('because it cannot be parked stops nobody, and is parked when it can be', async () => {
    const [bad, good] = [newDevice(), newDevice()];
    world.parkFault = new AppError('unavailable', 'away');
    world.telemetryFault = (messages) => {
      if (messages.some(({ deviceId }) => deviceId === bad.id)) throw new AppError('internal', 'a bug');
    };
    await say('telemetry', bad, 1);
    for (const n of numbers(MESSAGES)) await say('telemetry', good, n);
    await eventually(() => kinds.telemetry.had(good.id).length === MESSAGES, {
      what: 'the other device is served',
      deadlineMs: 20_000,
    });
    world.telemetryFault = undefined;
    world.parkFault = undefined;
    await eventually(() => world.parked.length === 1, { what: 'it is parked', deadlineMs: 20_000 });
  }, 60_000);

  it('because its service does not answer for it stops nobody, and is parked with its reason', async () => {
    const [bad, good] = [newDevice(), newDevice()];
    for (const one of [bad, good]) await say('telemetry', one, 0);
    await eventually(() => [bad, good].every(({ id }) => kinds.telemetry.had(id).length === 1));
    world.freeze(bad.id);
    const answers = await subscribe(`kp1/radiator-v1/dcx/${bad.token}/#`);
    await say('telemetry', bad, 1);
    let n = 0;
    await eventually(
      async () => {
        n += 1;
        await say('telemetry', good, n);
        return world.parked.length > 0;
      },
      { what: 'it is parked', deadlineMs: 100_000 },
    );
    expect(world.parked).toMatchObject([
      {
        consumer: 'muster-uplink',
        code: 'deadline-exceeded',
        reason: expect.stringMatching(/while its service answered others\.$/),
        subject: expect.stringContaining(bad.token),
      },
    ]);
    await answers.line((line) => line.includes('/error {"statusCode":500'));
    expect(n).toBeGreaterThan(2 * PREFETCH);
    await eventually(() => kinds.telemetry.had(good.id).length === n + 1, { deadlineMs: 15_000 });
    world.thaw(bad.id);
  }, 120_000);
});

describe('the queue that earlier versions had for everything', () => {
  /** As an earlier version would have got it, whatever is bound now. */
  const putInOldQueue = (path: string, body: object): void => {
    channel.publish('domains-old', `kp1.radiator-v1.${path}`, Buffer.from(JSON.stringify(body)), {
      deliveryMode: 2,
      headers: { 'x-mqtt-publish-qos': 1 },
    });
  };

  it('is emptied after an upgrade, in order, while one of the services is frozen, and the old bindings are gone', async () => {
    const device = newDevice();
    await say('telemetry', device, 0);
    await eventually(() => kinds.telemetry.had(device.id).length === 1);
    await adapter.stop();
    await channel.assertExchange('domains-old', 'fanout', { autoDelete: true, durable: false });
    await channel.bindQueue('muster.uplink', 'domains-old', '');
    await channel.bindQueue('muster.uplink', 'amq.topic', 'kp1.*.cmx.*.applied.json');
    for (const n of numbers(MESSAGES)) {
      putInOldQueue(`cex.${device.token}.result.reboot`, { id: n, statusCode: 200 });
      putInOldQueue(`cmx.${device.token}.applied.json`, { configId: String(n) });
      putInOldQueue(`dcx.${device.token}.json`, { n });
    }
    world.freeze('commands');
    await startAdapter();
    await eventually(() => kinds.telemetry.had(device.id).length === MESSAGES + 1, { deadlineMs: 15_000 });
    await eventually(() => kinds.configuration.had(device.id).length === MESSAGES, { deadlineMs: 15_000 });
    expect(kinds.configuration.had(device.id)).toEqual(numbers(MESSAGES));
    expect(kinds.commands.had(device.id)).toEqual([]);
    world.thaw('commands');
    await eventually(() => new Set(kinds.commands.had(device.id)).size === MESSAGES, { deadlineMs: 15_000 });
    await channel.unbindQueue('muster.uplink', 'domains-old', '');

    // Were the old binding there, a second copy would come by the old queue, before the sample behind it.
    await publish(`kp1/radiator-v1/cmx/${device.token}/applied/json`, { configId: '1000' });
    await say('telemetry', device, 1_001);
    await eventually(() => kinds.telemetry.had(device.id).includes(1_001));
    await publish(`kp1/radiator-v1/cmx/${device.token}/applied/json`, { configId: '1002' });
    await eventually(() => kinds.configuration.had(device.id).includes(1_002));
    expect(kinds.configuration.had(device.id).filter((n) => n === 1_000)).toHaveLength(1);
  }, 90_000);
});
