import { describe, expect, it } from '@jest/globals';
import {
  AppError,
  type AccessEntry,
  type DueDocument,
  type DueDocuments,
  type RecordDispatched,
} from '@muster/contracts';
import { createLogger, createMetrics } from '@muster/observability';
import type { DownlinkMessage } from '../broker/rabbitmq-connection.js';
import { Subscribers } from '../broker/subscribers.js';
import { DeviceDirectory } from '@muster/uplink';
import { ConfigurationPusher, type PushTarget } from './push-configuration.js';
import { PushWhenReachable } from './push-when-reachable.js';

const logger = createLogger({ service: 'test', level: 'silent' });
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

interface Scene {
  readonly inFlight?: number;
  readonly inParts?: boolean;
  /** Outcome of the first dispatch that is recorded. */
  readonly firstRecord?: string;
}

const dueOf = ({ tenantId, deviceId }: DueDocuments['devices'][number]): DueDocument => ({
  tenantId,
  deviceId,
  configId: 'c1',
  config: { a: 1 },
});

const pushing = (
  directory: DeviceDirectory,
  publish: (message: DownlinkMessage) => Promise<'routed' | 'no-route'> = async () => 'routed',
  { inFlight = 200, inParts = false, firstRecord }: Scene = {},
) => {
  const published: DownlinkMessage[] = [];
  const recorded: RecordDispatched['dispatches'] = [];
  const asked: string[][] = [];
  const request = async (_contract: object, body: object) => {
    if ('devices' in body) {
      const { devices } = body as DueDocuments;
      asked.push(devices.map(({ deviceId }) => deviceId));
      const [one] = devices;
      // As when the documents of all would not fit in a message.
      if (inParts && one !== undefined && devices.length > 1) {
        return { items: [dueOf(one)], askAgain: devices.slice(1) };
      }
      return { items: devices.map(dueOf) };
    }
    const { dispatches } = body as RecordDispatched;
    const refused = recorded.length === 0 && firstRecord !== undefined ? [{ code: firstRecord }] : [];
    recorded.push(...dispatches);
    return { outcomes: dispatches.map((_, index) => refused[index] ?? {}) };
  };
  const pusher = new ConfigurationPusher({
    // The two requests it makes, told apart by their fields.
    bus: { request: request as never },
    directory,
    downlink: {
      publish: (message) => {
        published.push(message);
        return publish(message);
      },
    },
    logger,
    metrics: createMetrics('test'),
    inFlight,
  });
  return { pusher, published, recorded, asked };
};

describe('pushing configuration', () => {
  it('sends the whole document to every usable token of a device, once, on the topic without id', async () => {
    const { pusher, published, recorded, asked } = pushing(
      directoryOf(
        entry({}),
        entry({ token: 'tok2', tokenStatus: 'inactive' }),
        entry({ token: 'tok3', tokenStatus: 'revoked' }),
        entry({ token: 'tok4', deviceId: 'd2', interface: 'http' }),
      ),
    );
    const target = (deviceId: string): PushTarget => ({ tenantId: 'default', deviceId });
    await pusher.push([target('d1'), target('d1'), target('d2'), target('unheard-of')]);
    expect(asked).toEqual([['d1']]);
    expect(published.map(({ routingKey }) => routingKey)).toEqual([
      'kp1.v1.cmx.tok1.config.json.status',
      'kp1.v1.cmx.tok2.config.json.status',
    ]);
    expect(published[0]).toMatchObject({ qos: 1, mandatory: true });
    expect(JSON.parse(published[0]?.body ?? '')).toEqual({
      configId: 'c1',
      config: { a: 1 },
      statusCode: 200,
      reasonPhrase: 'ok',
    });
    expect(recorded).toEqual([
      expect.objectContaining({ deviceId: 'd1', configId: 'c1', interface: 'mqtt', subscriber: true }),
    ]);
  });

  it('records that nobody was subscribed', async () => {
    const { pusher, recorded } = pushing(directoryOf(entry({})), async () => 'no-route');
    await pusher.push([{ tenantId: 'default', deviceId: 'd1' }]);
    expect(recorded).toMatchObject([{ subscriber: false }]);
  });

  it('records what went out and fails for the rest, so that it is tried again', async () => {
    const { pusher, recorded } = pushing(
      directoryOf(entry({}), entry({ token: 'tok2', deviceId: 'd2' })),
      async ({ routingKey }) => {
        if (routingKey.includes('tok2')) throw new AppError('unavailable', 'away');
        return 'routed';
      },
    );
    const targets = ['d1', 'd2'].map((deviceId) => ({ tenantId: 'default', deviceId }));
    await expect(pusher.push(targets)).rejects.toMatchObject({ code: 'unavailable' });
    expect(recorded.map(({ deviceId }) => deviceId)).toEqual(['d1']);
  });

  it('has no more than so many unconfirmed', async () => {
    let now = 0;
    let most = 0;
    const entries = Array.from({ length: 50 }, (_, n) => entry({ token: `tok${n}`, deviceId: `d${n}` }));
    const { pusher, published } = pushing(
      directoryOf(...entries),
      async () => {
        most = Math.max(most, (now += 1));
        await new Promise((resolve) => setImmediate(resolve));
        now -= 1;
        return 'routed';
      },
      { inFlight: 7 },
    );
    await pusher.push(entries.map(({ deviceId }) => ({ tenantId: 'default', deviceId })));
    expect(published).toHaveLength(50);
    expect(most).toBe(7);
  });

  it('asks again for those that did not fit in the answer', async () => {
    const devices = ['d1', 'd2', 'd3'];
    const { pusher, asked, recorded } = pushing(
      directoryOf(...devices.map((deviceId) => entry({ token: `token-${deviceId}`, deviceId }))),
      undefined,
      { inParts: true },
    );
    await pusher.push(devices.map((deviceId) => ({ tenantId: 'default', deviceId })));
    expect(asked).toEqual([['d1', 'd2', 'd3'], ['d2', 'd3'], ['d3']]);
    expect(recorded.map(({ deviceId }) => deviceId)).toEqual(devices);
  });

  it('records again what somebody else was faster with', async () => {
    const { pusher, published, recorded } = pushing(directoryOf(entry({})), undefined, {
      firstRecord: 'concurrent-change',
    });
    await pusher.push([{ tenantId: 'default', deviceId: 'd1' }]);
    expect(recorded).toHaveLength(2);
    expect(published).toHaveLength(1);
  });

  it('uses the version a device has just subscribed with, if it is one of its type', async () => {
    const { pusher, published } = pushing(directoryOf(entry({})));
    await pusher.push([{ tenantId: 'default', deviceId: 'd1', appVersion: 'v2' }]);
    await pusher.push([{ tenantId: 'default', deviceId: 'd1', appVersion: 'pump-v1' }]);
    expect(published.map(({ routingKey }) => routingKey)).toEqual([
      'kp1.v2.cmx.tok1.config.json.status',
      'kp1.v1.cmx.tok1.config.json.status',
    ]);
  });
});

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
  const scene = (push?: (targets: readonly PushTarget[]) => Promise<void>) => {
    const pushed: string[] = [];
    const subscribers = new Subscribers();
    const reachable = new PushWhenReachable({
      pusher: {
        push: async (targets) => {
          await push?.(targets);
          pushed.push(...targets.map(({ deviceId, appVersion }) => `${deviceId} ${appVersion}`));
        },
      },
      directory: directoryOf(entry({})),
      subscribers,
      logger,
      settleMs: 20,
    });
    return { pushed, subscribers, reachable };
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
    subscribers.add('c1', { appVersion: 'v1', token: 'tok1' });
    await reachable.handle(consumer());
    expect(pushed).toEqual(['d1 v1']);
  });

  it('is told once when a new session makes a consumer and a binding', async () => {
    const { pushed, subscribers, reachable } = scene();
    subscribers.add('c1', { appVersion: 'v1', token: 'tok1' });
    await Promise.all([reachable.handle(consumer()), reachable.handle(binding('kp1.v1.cmx.tok1.#'))]);
    expect(pushed).toEqual(['d1 v1']);
  });

  it('is offered again when a service was away, and only then done', async () => {
    let tries = 0;
    const { pushed, reachable } = scene(async () => {
      tries += 1;
      if (tries === 1) throw new AppError('unavailable', 'away');
    });
    await reachable.handle(binding('kp1.v1.cmx.tok1.#'));
    expect(tries).toBe(2);
    expect(pushed).toEqual(['d1 v1']);
  });
});
