import { describe, expect, it, jest } from '@jest/globals';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { PushTarget } from '@muster/downlink';
import { eventually } from '@muster/testing';
import { DeviceDirectory, type AccessQuestions } from '@muster/uplink';
import { Sessions } from '../broker/sessions.js';
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
const questionsOf = (...entries: AccessEntry[]): Pick<AccessQuestions, 'admit'> => {
  const directory = new DeviceDirectory('mqtt');
  directory.put({
    entries,
    types: [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1', 'v2'], settings: {} }],
    nextCursor: null,
  });
  return { admit: async (token, appVersion) => directory.admit(token, appVersion) };
};

describe('becoming reachable', () => {
  const QUEUE = 'mqtt-subscription-c1qos1';
  const event = (name: string, headers: object, redelivered = false) => ({
    name,
    headers: { ...headers },
    redelivered,
  });
  const binding = (routing_key: string, change: object = {}) =>
    event('binding.created', {
      source_name: 'amq.topic',
      destination_name: QUEUE,
      routing_key,
      ...change,
    });
  const consumer = (queue = QUEUE) => event('consumer.created', { queue, channel: 'ch2' });
  const scene = ({ settleMs = 20, answeredSince = undefined as number | undefined } = {}) => {
    const pushed: string[] = [];
    const commands: string[][] = [];
    const since: (string | undefined)[] = [];
    const subscribers = new Subscribers();
    const sessions = new Sessions();
    const reachable = new PushWhenReachable({
      downlink: {
        becameReachable: async ({ deviceId, appVersion, channels, reachableAt }: PushTarget, isFor) => {
          since.push(reachableAt);
          if (isFor?.('cmx') !== false) pushed.push(`${deviceId} ${appVersion}`);
          if (isFor?.('cex') !== false) commands.push([...(channels ?? [])]);
        },
      },
      questions: questionsOf(entry({})),
      subscribers,
      sessions,
      answers: { follow: () => undefined, answeredSince: () => answeredSince },
      settleMs,
    });
    return { pushed, commands, since, subscribers, sessions, reachable };
  };

  it('comes after the sessions know of it, which are told by another queue', async () => {
    const { reachable, sessions, pushed } = scene({ settleMs: 5_000 });
    const pattern = 'kp1.v2.cmx.tok1.#';
    const wasKnown: boolean[] = [];
    const handled = reachable
      .handle(binding(pattern))
      .then(() => wasKnown.push(sessions.isReached(QUEUE, pattern)));
    reachable.follow(consumer());
    expect(pushed).toEqual([]);
    setImmediate(() => reachable.follow(binding(pattern)));
    await handled;
    expect({ pushed, wasKnown }).toEqual({ pushed: ['d1 v2'], wasKnown: [true] });
  });

  it('is not told of a new session that has ended a moment later, whose device may be in another one', async () => {
    const { reachable, subscribers, since } = scene();
    subscribers.add('c1', 'kp1.v1.cmx.tok1.#');
    reachable.follow(event('queue.created', { name: QUEUE }));
    reachable.follow(consumer());
    const handled = reachable.handle(consumer());
    await new Promise((resolve) => setImmediate(resolve));
    reachable.follow(event('queue.deleted', { name: QUEUE }));
    await handled;
    expect(since).toEqual([]);
  });

  it('does not wait for a session whose client has left since', async () => {
    const { reachable, sessions } = scene({ settleMs: 60_000 });
    const handled = reachable.handle(binding('kp1.v2.cmx.tok1.#'));
    reachable.follow(consumer());
    reachable.follow(event('consumer.deleted', { queue: QUEUE, channel: 'ch2' }));
    await handled;
    expect(sessions.isReached(QUEUE)).toBe(false);
    reachable.stop();
  });

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
    event('binding.created', {}),
    event('something.else', {}),
  ])('is not %j', async (event) => {
    const { pushed, reachable } = scene();
    await reachable.handle(event);
    expect(pushed).toEqual([]);
  });

  it('is a session resumed, known by what its client subscribed to before this process', async () => {
    const { pushed, since, subscribers, reachable } = scene();
    subscribers.add('c1', 'kp1.v1.cmx.tok1.#');
    await reachable.handle(consumer());
    expect([pushed, since]).toEqual([['d1 v1'], [undefined]]);
  });

  it('is since the subscription, by the time of the broker; nobody knows when the event comes again', async () => {
    const { since, reachable } = scene();
    const subscribed = binding('kp1.v1.cmx.tok1.#', { timestamp_in_ms: 1_700_000_000_000 });
    await reachable.handle(subscribed);
    await reachable.handle({ ...subscribed, redelivered: true });
    expect(since).toEqual(['2023-11-14T22:13:20.000Z', undefined]);
  });

  it('is since its device asked, where the answers came with the subscription', async () => {
    const { since, reachable } = scene({ answeredSince: 1_600_000_000_000 });
    await reachable.handle(binding('kp1.v1.cmx.tok1.#', { timestamp_in_ms: 1_700_000_000_000 }));
    expect(since).toEqual(['2020-09-13T12:26:40.000Z']);
  });

  it('is not told again for what the session is subscribed to already, by whatever wildcard', async () => {
    const { pushed, commands, reachable } = scene();
    for (const key of [
      'kp1.v1.cmx.tok1.config.json.status',
      'kp1.v1.*.tok1.#',
      'kp1.v1.cex.tok1.command.a.status',
    ]) {
      reachable.follow(binding(key));
      await reachable.handle(binding(key));
    }
    expect([pushed.length, commands]).toEqual([1, [['kp1.v1.*.tok1.#']]]);
  });

  it('is told once when a new session makes a consumer and a binding, in whatever order', async () => {
    for (const isBindingFirst of [true, false]) {
      const { pushed, subscribers, reachable } = scene();
      subscribers.add('c1', 'kp1.v1.cmx.tok1.#');
      const events = [event('queue.created', { name: QUEUE }), consumer(), binding('kp1.v1.cmx.tok1.#')];
      for (const one of events) reachable.follow(one);
      await Promise.all((isBindingFirst ? events.reverse() : events).map((one) => reachable.handle(one)));
      expect(pushed).toEqual(['d1 v1']);
    }
  });

  const away = (reachable: PushWhenReachable, at: number): void => {
    for (const one of [
      event('queue.created', { name: QUEUE }),
      event('consumer.created', { queue: QUEUE, channel: 'ch1' }),
      binding('kp1.v1.cmx.tok1.#', { timestamp_in_ms: at - 1_000 }),
      event('consumer.deleted', { queue: QUEUE, channel: 'ch1', timestamp_in_ms: at }),
    ]) {
      reachable.follow(one);
    }
  };

  it('is a session resumed, since the moment in which its client had left', async () => {
    const { pushed, since, reachable } = scene();
    away(reachable, 1_700_000_000_000);
    reachable.follow(consumer());
    await reachable.handle(consumer());
    expect([pushed, since]).toEqual([['d1 v1'], ['2023-11-14T22:13:20.000Z']]);
  });

  it('is told by whoever kept something from a session, should another replica have been told of it', async () => {
    const { pushed, sessions, reachable } = scene();
    away(reachable, 1_700_000_000_000);
    expect(sessions.areAway('kp1.v1.cmx.tok1.config.json.status')).toBe(true);
    reachable.follow(consumer());
    await eventually(() => pushed.length > 0);
    expect(pushed).toEqual(['d1 v1']);
    reachable.stop();
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
    jest.useFakeTimers();
    try {
      const events = [reachable.handle(consumer())];
      reachable.stop();
      events.push(reachable.handle(consumer()), reachable.handle(binding('kp1.v1.cmx.tok1.#')));
      let settled = 0;
      for (const one of events) void one.then(() => (settled += 1));
      await jest.advanceTimersByTimeAsync(60_000);
      expect([settled, pushed]).toEqual([0, []]);
    } finally {
      jest.useRealTimers();
    }
  });
});
