import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  eventually,
  killBroker,
  mosquittoPub,
  mosquittoSub,
  startPlatform,
  type MosquittoSubscription,
  type Platform,
} from '@muster/testing';

/** The whole platform and mosquitto's clients: which devices are connected, whatever is killed. */
let platform: Platform;
const subscriptions: MosquittoSubscription[] = [];

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
const publish = ({ token }: Device) =>
  mosquittoPub(['-q', '1', '-t', `kp1/radiator-v1/dcx/${token}/json`, '-m', '{"t":1}']);

interface State {
  readonly connected: boolean | null;
  readonly since: string | null;
  readonly lastSeenAt: string | null;
}
const stateOf = async ({ id }: Device): Promise<State> =>
  (await platform.api('GET', `/devices/${id}/connectivity`)).body as State;
const becomes = (device: Device, connected: boolean, deadlineMs = 10_000) =>
  eventually(
    async () => {
      expect(await stateOf(device)).toMatchObject({ connected });
      return true;
    },
    { what: `connected becomes ${connected}`, deadlineMs },
  );

beforeAll(async () => {
  platform = await startPlatform({ MUSTER_LAST_SEEN_SECONDS: '1', MUSTER_MQTT_LEASE_SECONDS: '3' });
  expect((await platform.api('POST', '/device-types', { name: 'radiator' })).status).toBe(201);
}, 90_000);

afterAll(async () => {
  for (const subscription of subscriptions) await subscription.stop();
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
    const subscription = await subscribe(device);
    await becomes(device, true);
    const { body } = await platform.api('GET', '/devices');
    const { items } = body as { items: { id: string; connectivity: State }[] };
    expect(items.find(({ id }) => id === device.id)?.connectivity).toMatchObject({ connected: true });
    await subscription.stop();
    await becomes(device, false);
    const { since, lastSeenAt } = await stateOf(device);
    expect(Date.parse(since ?? '')).toBeGreaterThanOrEqual(Date.parse(lastSeenAt ?? ''));
  });

  it('of two connections of one device ends with the second', async () => {
    const device = await newDevice('p2');
    const [first, second] = [await subscribe(device), await subscribe(device)];
    await becomes(device, true);
    const { since } = await stateOf(device);
    await first.stop();
    await publish(device);
    await eventually(async () => (await stateOf(device)).lastSeenAt !== since);
    expect(await stateOf(device)).toMatchObject({ connected: true, since });
    await second.stop();
    await becomes(device, false);
  });

  it('remembers when a device was last heard, long after it left', async () => {
    const device = await newDevice('p3');
    const before = Date.now();
    await publish(device);
    await eventually(async () => Date.parse((await stateOf(device)).lastSeenAt ?? '') >= before);
    await becomes(device, false);
  });

  it('is true again after the services were killed: who left meanwhile is gone, who stayed is there', async () => {
    const [leaves, stays] = [await newDevice('p4'), await newDevice('p5')];
    const leaving = await subscribe(leaves);
    await subscribe(stays);
    await becomes(leaves, true);
    await becomes(stays, true);
    await platform.kill9();
    await leaving.stop();
    await platform.restart();
    await becomes(leaves, false);
    await becomes(stays, true);
  }, 60_000);

  it('is true again after the broker was killed, which tells no end of any connection', async () => {
    const [gone, back] = [await newDevice('p6'), await newDevice('p7')];
    // Its client does not come back: killed with the broker, for all anybody knows.
    const lost = await subscribe(gone);
    await subscribe(back);
    await becomes(gone, true);
    await becomes(back, true);
    const { since } = await stateOf(back);
    lost.freeze();
    await killBroker();
    await becomes(gone, false, 60_000);
    await eventually(
      async () => {
        const state = await stateOf(back);
        return state.connected === true && state.since !== since;
      },
      { what: 'the one that came back', deadlineMs: 30_000 },
    );
    lost.thaw();
  }, 120_000);
});
