import { describe, expect, it } from '@jest/globals';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { PushTarget } from '@muster/downlink';
import { DeviceDirectory } from '@muster/uplink';
import { Subscribers } from '../broker/subscribers.js';
import { PushWhenReachable } from './push-when-reachable.js';

const entry = (change: Partial<AccessEntry>): AccessEntry => ({
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'mqtt',
  credentialKinds: ['token'],
  secretHashes: [],
  ...change,
});
const directoryOf = (...entries: AccessEntry[]): DeviceDirectory => {
  const directory = new DeviceDirectory('mqtt');
  directory.put({
    entries,
    types: [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1', 'v2'], settings: {} }],
    nextCursor: null,
  });
  return directory;
};

describe('becoming reachable', () => {
  const binding = (routing_key: string, change: object = {}) => ({
    name: 'binding.created',
    headers: {
      source_name: 'amq.topic',
      destination_name: 'mqtt-subscription-c1qos1',
      routing_key,
      ...change,
    },
  });
  const consumer = (queue = 'mqtt-subscription-c1qos1') => ({ name: 'consumer.created', headers: { queue } });
  const scene = () => {
    const pushed: string[] = [];
    const commands: string[][] = [];
    const subscribers = new Subscribers();
    const reachable = new PushWhenReachable({
      downlink: {
        becameReachable: async ({ deviceId, appVersion, channels }: PushTarget, isFor) => {
          if (isFor?.('cmx') !== false) pushed.push(`${deviceId} ${appVersion}`);
          if (isFor?.('cex') !== false) commands.push([...(channels ?? [])]);
        },
      },
      directory: directoryOf(entry({})),
      subscribers,
      settleMs: 20,
    });
    return { pushed, commands, subscribers, reachable };
  };

  it.each([
    'kp1.v2.cmx.tok1.config.json.status',
    'kp1.v2.cmx.tok1.#',
    'kp1.v2.*.tok1.#',
    'kp1.v2.cmx.tok1.config.json.*',
  ])('is a subscription that covers the push: %s', async (key) => {
    const { pushed, reachable } = scene();
    await reachable.handle(binding(key));
    expect(pushed).toEqual(['d1 v2']);
  });

  it.each([
    binding('kp1.v1.dcx.tok1.json.*.status'),
    binding('kp1.v1.cmx.unknown.#'),
    binding('kp1.v1.cmx.tok1.#', { destination_name: 'muster.uplink' }),
    binding('kp1.v1.cmx.tok1.#', { source_name: 'amq.direct' }),
    binding('#'),
    consumer('muster.uplink'),
    consumer(),
    { name: 'binding.created', headers: {} },
    { name: 'something.else', headers: {} },
  ])('is not %j', async (event) => {
    const { pushed, reachable } = scene();
    await reachable.handle(event);
    expect(pushed).toEqual([]);
  });

  it('is a session resumed, known by what its client subscribed to before', async () => {
    const { pushed, subscribers, reachable } = scene();
    subscribers.add('c1', 'kp1.v1.cmx.tok1.#');
    await reachable.handle(consumer());
    expect(pushed).toEqual(['d1 v1']);
  });

  it('is told once when a new session makes a consumer and a binding', async () => {
    const { pushed, subscribers, reachable } = scene();
    subscribers.add('c1', 'kp1.v1.cmx.tok1.#');
    await Promise.all([reachable.handle(consumer()), reachable.handle(binding('kp1.v1.cmx.tok1.#'))]);
    expect(pushed).toEqual(['d1 v1']);
  });

  it('with a session of before and a new subscription is served for both', async () => {
    const { pushed, commands, subscribers, reachable } = scene();
    subscribers.add('c1', 'kp1.v1.cmx.tok1.#');
    const resumed = reachable.handle(consumer());
    await reachable.handle(binding('kp1.v1.cex.tok1.#'));
    await resumed;
    expect([pushed, commands]).toEqual([['d1 v1'], [['kp1.v1.cex.tok1.#']]]);
  });

  it('is told for the extensions whose topics are covered, with what was subscribed to', async () => {
    const { pushed, commands, reachable } = scene();
    await reachable.handle(binding('kp1.v1.*.tok1.#'));
    expect([pushed, commands]).toEqual([['d1 v1'], [['kp1.v1.*.tok1.#']]]);
    await reachable.handle(binding('kp1.v1.cex.tok1.command.a.status'));
    expect([pushed, commands.at(-1)]).toEqual([['d1 v1'], ['kp1.v1.cex.tok1.command.a.status']]);
  });

  it('is left to the broker, for another replica, when this one stops', async () => {
    const { pushed, subscribers, reachable } = scene();
    subscribers.add('c1', 'kp1.v1.cmx.tok1.#');
    const events = [reachable.handle(consumer())];
    reachable.stop();
    events.push(reachable.handle(consumer()), reachable.handle(binding('kp1.v1.cmx.tok1.#')));
    const settled = await Promise.race([...events, new Promise((end) => setTimeout(end, 60, 'nothing'))]);
    expect([settled, pushed]).toEqual(['nothing', []]);
  });
});
