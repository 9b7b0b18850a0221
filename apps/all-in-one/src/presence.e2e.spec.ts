import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  brokerMqttUrl,
  eventually,
  freePort,
  killBroker,
  mosquittoPub,
  mosquittoSub,
  runMark,
  startPlatform,
  type MosquittoSubscription,
  type Platform,
} from '@muster/testing';

/** The whole platform and mosquitto's clients: which devices are connected, why they are not, whatever is killed. */
const LEASE_SECONDS = 3;
let platform: Platform;
const subscriptions: MosquittoSubscription[] = [];
const fronts: ChildProcess[] = [];

interface Device {
  readonly id: string;
  readonly token: string;
}

const newDevice = async (name: string): Promise<Device> => {
  const { status, body } = await platform.api('POST', '/devices', { name, deviceType: 'radiator' });
  expect(status).toBe(201);
  return body as Device;
};
const subscribe = async ({ token }: Device, ...more: string[]): Promise<MosquittoSubscription> => {
  const topic = `kp1/radiator-v1/cmx/${token}/config/json/status`;
  const subscription = await mosquittoSub(['-q', '1', '-t', topic, ...more]);
  subscriptions.push(subscription);
  return subscription;
};
const publish = ({ token }: Device, ...more: string[]) =>
  mosquittoPub(['-q', '1', '-t', `kp1/radiator-v1/dcx/${token}/json`, '-m', '{"t":1}', ...more]);

interface State {
  readonly connected: boolean | null;
  readonly since: string | null;
  readonly lastSeenAt: string | null;
  readonly connections: readonly { readonly clientId: string; readonly since: string }[];
  readonly lastEnded: { readonly at: string; readonly reason: string; readonly clientId: string } | null;
}
const stateOf = async ({ id }: Device): Promise<State> =>
  (await platform.api('GET', `/devices/${id}/connectivity`)).body as State;
const becomes = (device: Device, expected: object, deadlineMs = 15_000): Promise<State> =>
  eventually(
    async () => {
      const state = await stateOf(device);
      expect(state).toMatchObject(expected);
      return state;
    },
    { what: `it becomes ${JSON.stringify(expected)}`, deadlineMs },
  );
/** However it ended, nothing of the device came after that. */
const wasNotSeenAfterwards = async (device: Device): Promise<void> => {
  const { lastSeenAt, lastEnded } = await stateOf(device);
  expect(Date.parse(lastSeenAt ?? '')).toBeLessThanOrEqual(Date.parse(lastEnded?.at ?? ''));
};

/** Another process of the door, as a second replica is. */
const startFront = async (): Promise<{ readonly process: ChildProcess; readonly at: readonly string[] }> => {
  const port = await freePort();
  const { nats } = platform;
  const front = spawn(
    process.execPath,
    [resolve(import.meta.dirname, '../../../mqtt-front/dist/src/main.js')],
    {
      env: {
        PATH: process.env['PATH'],
        ...runMark(),
        MUSTER_NATS_URL: nats.url,
        ...(nats.trust === undefined ? {} : { MUSTER_NATS_CREDENTIALS_FILE: nats.trust.servicesFile }),
        MUSTER_BROKER_MQTT_URL: brokerMqttUrl(),
        MUSTER_MQTT_PORT: String(port),
        MUSTER_MQTT_LEASE_SECONDS: String(LEASE_SECONDS),
        MUSTER_LOG_LEVEL: 'silent',
      },
      stdio: 'ignore',
    },
  );
  fronts.push(front);
  await eventually(
    async () => {
      const socket = connect(port, '127.0.0.1');
      try {
        await once(socket, 'connect');
        return true;
      } finally {
        socket.destroy();
      }
    },
    { what: 'the second front listens', deadlineMs: 15_000 },
  );
  return { process: front, at: ['-h', '127.0.0.1', '-p', String(port)] };
};

beforeAll(async () => {
  platform = await startPlatform({
    MUSTER_LAST_SEEN_SECONDS: '1',
    MUSTER_MQTT_LEASE_SECONDS: String(LEASE_SECONDS),
  });
  expect((await platform.api('POST', '/device-types', { name: 'radiator' })).status).toBe(201);
}, 90_000);

afterAll(async () => {
  for (const subscription of subscriptions) {
    subscription.thaw();
    await subscription.stop();
  }
  for (const front of fronts) front.kill('SIGKILL');
  await platform.stop();
});

describe('connectivity', () => {
  it('is shown by the API, in the list too, and follows the device', async () => {
    const device = await newDevice('p1');
    expect(await stateOf(device)).toEqual({
      interface: 'mqtt',
      connected: false,
      since: null,
      lastSeenAt: null,
      connections: [],
      lastEnded: null,
    });
    const subscription = await subscribe(device, '-i', 'c1');
    const { since } = await becomes(device, {
      connected: true,
      connections: [
        { clientId: 'c1', deviceId: device.id, transport: 'tcp', protocol: '3.1.1', address: '127.0.0.1' },
      ],
    });
    const { body } = await platform.api('GET', '/devices?filter=connected==true');
    const { items } = body as { items: { id: string; connectivity: State }[] };
    expect(items.find(({ id }) => id === device.id)?.connectivity).toMatchObject({ connected: true, since });
    await subscription.stop();
    await becomes(device, { connected: false, connections: [], lastEnded: { clientId: 'c1' } });
    await wasNotSeenAfterwards(device);
  });

  it('of two connections of one device ends with the second', async () => {
    const device = await newDevice('p2');
    const [first, second] = [await subscribe(device), await subscribe(device)];
    const { since } = await becomes(device, { connections: [{}, {}] });
    await first.stop();
    await becomes(device, { connected: true, since, connections: [{}] });
    await second.stop();
    await becomes(device, { connected: false, connections: [] });
  });

  it('goes on when a client takes its own connection over, and says so', async () => {
    const device = await newDevice('p3');
    await subscribe(device, '-i', 'same');
    const { since } = await becomes(device, { connected: true });
    await publish(device, '-i', 'same');
    await becomes(device, { lastEnded: { clientId: 'same' } });
    // mosquitto_sub comes back, and takes it over in turn or finds it ended.
    await becomes(device, { connected: true });
    const { body } = await platform.api('GET', `/devices/${device.id}/connectivity`);
    expect(Date.parse((body as State).since ?? '')).toBeGreaterThanOrEqual(Date.parse(since ?? ''));
  });

  it('remembers when a device was last heard, long after it left, and no later', async () => {
    const device = await newDevice('p4');
    const before = Date.now();
    await publish(device);
    await becomes(device, { connected: false, lastEnded: { reason: 'disconnected' } });
    await eventually(async () => Date.parse((await stateOf(device)).lastSeenAt ?? '') >= before);
    await wasNotSeenAfterwards(device);
  });

  it('ends as revoked when the device is suspended, and is not seen afterwards', async () => {
    const device = await newDevice('p5');
    await subscribe(device);
    await becomes(device, { connected: true });
    const { status } = await platform.api('PATCH', `/devices/${device.id}`, { status: 'suspended' });
    expect(status).toBe(200);
    await becomes(device, { connected: false, lastEnded: { reason: 'revoked' } }, 5_000);
    await wasNotSeenAfterwards(device);
  });
});

describe('a process of the door', () => {
  it('that is killed has lost its devices after its lease, and nobody else’s', async () => {
    const [lost, both, other] = [await newDevice('k1'), await newDevice('k2'), await newDevice('k3')];
    const front = await startFront();
    const leaving = await subscribe(lost, ...front.at);
    await subscribe(both, ...front.at);
    await subscribe(both);
    await subscribe(other);
    await becomes(lost, { connected: true });
    await becomes(both, { connections: [{}, {}] });
    await becomes(other, { connected: true });
    const killedAt = Date.now();
    front.process.kill('SIGKILL');
    const { since, lastEnded } = await becomes(lost, {
      connected: false,
      lastEnded: { reason: 'door-lost' },
    });
    expect(since).toBe(lastEnded?.at);
    expect(Date.parse(since ?? '') - killedAt).toBeLessThanOrEqual(LEASE_SECONDS * 1_000 + 100);
    await wasNotSeenAfterwards(lost);
    expect(await stateOf(both)).toMatchObject({ connected: true, connections: [{}] });
    expect(await stateOf(other)).toMatchObject({ connected: true, lastEnded: null });
    await leaving.stop();
  }, 60_000);

  it('that is killed has not lost who is back at another one: the late end is of the earlier connection', async () => {
    const device = await newDevice('k4');
    const front = await startFront();
    const there = await subscribe(device, '-i', 'back', ...front.at);
    const { since } = await becomes(device, { connected: true });
    front.process.kill('SIGKILL');
    there.freeze();
    await subscribe(device, '-i', 'back');
    await becomes(device, { connected: true, connections: [{}, {}] });
    const after = await becomes(device, { lastEnded: { reason: 'door-lost', clientId: 'back' } });
    expect(after).toMatchObject({ connected: true, since, connections: [{ clientId: 'back' }] });
    there.thaw();
    await there.stop();
  }, 60_000);

  it('that was frozen for longer than its lease tells anew of whom it still holds', async () => {
    const device = await newDevice('f1');
    const front = await startFront();
    await subscribe(device, ...front.at);
    const before = await becomes(device, { connected: true });
    front.process.kill('SIGSTOP');
    const { since: lapse } = await becomes(device, {
      connected: false,
      lastEnded: { reason: 'door-lost' },
    });
    front.process.kill('SIGCONT');
    const after = await becomes(device, { connected: true, since: lapse });
    expect(after.connections).toEqual(before.connections);
    expect(after.lastSeenAt).toBe(before.lastSeenAt);
    front.process.kill('SIGTERM');
    await becomes(device, { connected: false, lastEnded: { reason: 'stopping' } });
  }, 60_000);

  it('loses a client that comes to another one: the device stays connected', async () => {
    const device = await newDevice('t1');
    const front = await startFront();
    const there = await subscribe(device, '-i', 'moves', ...front.at);
    await becomes(device, { connected: true });
    there.freeze();
    await subscribe(device, '-i', 'moves');
    const state = await becomes(device, { connected: true, lastEnded: { clientId: 'moves' } });
    expect(state.lastEnded?.reason).toBe('taken-over');
    expect(state.connections).toHaveLength(1);
    there.thaw();
    await there.stop();
  }, 60_000);
});

describe('after a kill', () => {
  it('of all services it is true again: who left meanwhile is gone, who stayed is there', async () => {
    const [leaves, stays] = [await newDevice('s1'), await newDevice('s2')];
    const leaving = await subscribe(leaves);
    await subscribe(stays);
    await becomes(leaves, { connected: true });
    await becomes(stays, { connected: true });
    await platform.kill9();
    await leaving.stop();
    await platform.restart();
    await becomes(leaves, { connected: false, lastEnded: { reason: 'door-lost' } });
    await becomes(stays, { connected: true, connections: [{}] });
  }, 60_000);

  it('of the broker it is true again, and says that it was the broker', async () => {
    const [gone, back] = [await newDevice('b1'), await newDevice('b2')];
    const lost = await subscribe(gone);
    await subscribe(back);
    await becomes(gone, { connected: true });
    const { since } = await becomes(back, { connected: true });
    // Its client does not come back.
    lost.freeze();
    await killBroker();
    await becomes(gone, { connected: false, lastEnded: { reason: 'broker' } }, 60_000);
    // A broker that starts on a busy machine takes its time, and the client tries less and less often.
    const state = await becomes(back, { connected: true, lastEnded: { reason: 'broker' } }, 120_000);
    expect(state.since).not.toBe(since);
    lost.thaw();
  }, 240_000);
});
