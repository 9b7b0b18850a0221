import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type {
  DueDocument,
  DueDocuments,
  RecordDispatched,
} from '@muster/contracts/configuration/documents.requests';
import type { AccessEntry, AccessPage } from '@muster/contracts/device-registry/access.requests';
import { createLogger, createMetrics } from '@muster/observability';
import { eventually } from '@muster/testing';
import { DeviceDirectory } from '@muster/uplink';
import { configurationSource, DocumentPusher, softwareSource } from './document-pusher.js';
import { DevicePushes } from './device-pushes.js';
import { standInWire, type Sent } from './stand-in-wire.fixture.js';
import type { PushTarget } from './wire.js';

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
  directory.put(pageOf(...entries));
  return directory;
};
const pageOf = (...entries: AccessEntry[]): AccessPage => ({
  entries,
  types: [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1', 'v2'], settings: {} }],
  nextCursor: null,
});

interface Scene {
  readonly inFlight?: number;
  readonly perSecond?: number;
  /** What the registry knows and memory does not. */
  readonly learned?: readonly AccessEntry[];
  readonly inParts?: boolean;
  /** How often a dispatch turns out to have carried an older document than is current. */
  readonly superseded?: number;
  /** Outcome of the first dispatch that is recorded. */
  readonly firstRecord?: string;
  readonly sourceOf?: typeof configurationSource;
  /** Of the document, for its topic. */
  readonly name?: string;
  /** As which it is listened for. */
  readonly versions?: readonly string[];
}

const dueOf = ({ tenantId, deviceId }: DueDocuments['devices'][number]): DueDocument => ({
  tenantId,
  deviceId,
  configId: 'c1',
  config: { a: 1 },
});

const pushing = (
  directory: DeviceDirectory,
  send: (sent: Sent) => Promise<boolean> = async () => true,
  {
    inFlight = 200,
    perSecond = 10_000,
    learned = [],
    inParts = false,
    superseded = 0,
    firstRecord,
    sourceOf = configurationSource,
    name,
    versions = [],
  }: Scene = {},
) => {
  let older = superseded;
  const recorded: RecordDispatched['dispatches'] = [];
  const asked: string[][] = [];
  const reasons: unknown[] = [];
  const versionsAsked: (string | undefined)[] = [];
  const request = async (_contract: object, body: object) => {
    if ('devices' in body) {
      const { devices, changed } = body as DueDocuments;
      reasons.push(changed);
      asked.push(devices.map(({ deviceId }) => deviceId));
      const [one] = devices;
      // As when the documents of all would not fit in a message.
      if (inParts && one !== undefined && devices.length > 1) {
        return { items: [dueOf(one)], askAgain: devices.slice(1) };
      }
      versionsAsked.push(...devices.map(({ appVersion }) => appVersion));
      const other = devices.find(({ appVersion }) => versions.includes(appVersion ?? ''));
      if (other !== undefined) return { items: [{ ...dueOf(other), configId: 'c2', appVersion: 'v2' }] };
      return { items: devices.map((one) => ({ ...dueOf(one), ...(name === undefined ? {} : { name }) })) };
    }
    const { dispatches } = body as RecordDispatched;
    const refused = recorded.length === 0 && firstRecord !== undefined ? [{ code: firstRecord }] : [];
    recorded.push(...dispatches);
    older -= 1;
    return {
      outcomes: dispatches.map((_, index) => refused[index] ?? {}),
      ...(older >= 0
        ? { superseded: dispatches.map(({ tenantId, deviceId }) => ({ tenantId, deviceId })) }
        : {}),
    };
  };
  const wire = standInWire(send, 'mqtt', () => versions);
  const pushes = new DevicePushes({
    directory,
    wire,
    questions: { learn: async () => learned.forEach((one) => directory.put(pageOf(one))) },
    metrics: createMetrics('test'),
    inFlight,
    perSecond,
  });
  // The two requests it makes, told apart by their fields.
  const bus = { request: request as never };
  const pusher = new DocumentPusher({ source: sourceOf(bus), pushes, logger });
  return { pusher, published: wire.sent, recorded, asked, reasons, versionsAsked };
};

describe('pushing documents', () => {
  it('looks at a device whose document is being sent when that is on record, and at others at once', async () => {
    let arrive = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const { pusher, asked, recorded } = pushing(
      directoryOf(entry({}), entry({ deviceId: 'd2', token: 'tok2' })),
      async ({ token }) => {
        if (token === 'tok1') await arrived;
        return true;
      },
    );
    const [one, two] = ['d1', 'd2'].map((deviceId) => ({ tenantId: 'default', deviceId }));
    const changed = pusher.push([one as PushTarget], 'changed');
    const reachable = pusher.push([one as PushTarget, two as PushTarget], 'reachable');
    await eventually(() => recorded.length === 1);
    expect(asked).toEqual([['d1'], ['d2']]);
    arrive();
    await Promise.all([changed, reachable]);
    expect(asked).toEqual([['d1'], ['d2'], ['d1']]);
    expect(recorded.map(({ deviceId }) => deviceId)).toEqual(['d2', 'd1', 'd1']);
  });

  it.each([
    ['once more where another push overtook it with a newer document', 1, 2],
    ['but not for ever', 1_000, 5],
  ])('sends the current document %s', async (_what, superseded, times) => {
    const { pusher, published } = pushing(directoryOf(entry({})), undefined, { superseded });
    await pusher.push([{ tenantId: 'default', deviceId: 'd1' }], 'changed');
    expect(published).toHaveLength(times);
  });

  it('sends the whole document to every usable token of a device, once, at the place without id', async () => {
    const { pusher, published, recorded, asked } = pushing(
      directoryOf(
        entry({}),
        entry({ token: 'tok2', tokenStatus: 'inactive' }),
        entry({ token: 'tok3', tokenStatus: 'revoked' }),
        entry({ token: 'tok4', deviceId: 'd2', interface: 'http' }),
      ),
    );
    const target = (deviceId: string): PushTarget => ({ tenantId: 'default', deviceId });
    await pusher.push([target('d1'), target('d1'), target('d2'), target('unheard-of')], 'changed');
    expect(asked).toEqual([['d1']]);
    expect(published.map(({ address }) => address)).toEqual([
      'v1 tok1 cmx config/json',
      'v1 tok2 cmx config/json',
    ]);
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
    const { pusher, recorded } = pushing(directoryOf(entry({})), async () => false);
    await pusher.push([{ tenantId: 'default', deviceId: 'd1' }], 'changed');
    expect(recorded).toMatchObject([{ subscriber: false }]);
  });

  it('records that there is nobody where no token may be used: of one that was just heard of, or comes elsewhere, nothing', async () => {
    const { pusher, published, recorded } = pushing(
      directoryOf(
        entry({ tokenStatus: 'suspended' }),
        entry({ token: 'tok2', tokenStatus: 'revoked' }),
        entry({ token: 'tok3', deviceId: 'd2', interface: 'http', tokenStatus: 'suspended' }),
      ),
    );
    const targets = ['d1', 'd2', 'unheard-of'].map((deviceId) => ({ tenantId: 'default', deviceId }));
    await pusher.push([{ ...targets[0]!, channels: ['tok1 cmx'] }], 'reachable');
    expect(recorded).toEqual([]);
    await pusher.push(targets, 'changed');
    expect(published).toEqual([]);
    expect(recorded).toEqual([
      {
        tenantId: 'default',
        deviceId: 'd1',
        configId: 'c1',
        interface: 'mqtt',
        subscriber: false,
        at: expect.any(String),
      },
    ]);
  });

  it('records what went out and fails for the rest, so that it is tried again', async () => {
    const { pusher, recorded } = pushing(
      directoryOf(entry({}), entry({ token: 'tok2', deviceId: 'd2' })),
      async ({ token }) => {
        if (token === 'tok2') throw new AppError('unavailable', 'away');
        return true;
      },
    );
    const targets = ['d1', 'd2'].map((deviceId) => ({ tenantId: 'default', deviceId }));
    await expect(pusher.push(targets, 'changed')).rejects.toMatchObject({ code: 'unavailable' });
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
        return true;
      },
      { inFlight: 7 },
    );
    await pusher.push(
      entries.map(({ deviceId }) => ({ tenantId: 'default', deviceId })),
      'changed',
    );
    expect(published).toHaveLength(50);
    expect(most).toBe(7);
  });

  it('reaches a device that memory does not know yet', async () => {
    const { pusher, published } = pushing(directoryOf(), undefined, { learned: [entry({})] });
    await pusher.push([{ tenantId: 'default', deviceId: 'd1' }], 'changed');
    expect(published).toHaveLength(1);
  });

  it('waits after a few of a burst, so that telemetry keeps its part of the broker', async () => {
    const entries = Array.from({ length: 60 }, (_, n) => entry({ token: `token-${n}`, deviceId: `d${n}` }));
    const { pusher, published } = pushing(directoryOf(...entries), undefined, { perSecond: 200 });
    const began = performance.now();
    await pusher.push(
      entries.map(({ deviceId }) => ({ tenantId: 'default', deviceId })),
      'changed',
    );
    expect(published).toHaveLength(60);
    // 50 ms' worth at once, the others 5 ms apart.
    expect(performance.now() - began).toBeGreaterThan(200);
  });

  it('asks again for those that did not fit in the answer', async () => {
    const devices = ['d1', 'd2', 'd3'];
    const { pusher, asked, recorded } = pushing(
      directoryOf(...devices.map((deviceId) => entry({ token: `token-${deviceId}`, deviceId }))),
      undefined,
      { inParts: true },
    );
    await pusher.push(
      devices.map((deviceId) => ({ tenantId: 'default', deviceId })),
      'changed',
    );
    expect(asked).toEqual([['d1', 'd2', 'd3'], ['d2', 'd3'], ['d3']]);
    expect(recorded.map(({ deviceId }) => deviceId)).toEqual(devices);
  });

  it('records again what somebody else was faster with', async () => {
    const { pusher, published, recorded } = pushing(directoryOf(entry({})), undefined, {
      firstRecord: 'concurrent-change',
    });
    await pusher.push([{ tenantId: 'default', deviceId: 'd1' }], 'changed');
    expect(recorded).toHaveLength(2);
    expect(published).toHaveLength(1);
  });

  it('uses the version a device has just used, if it is one of its type', async () => {
    const { pusher, published } = pushing(directoryOf(entry({})));
    await pusher.push([{ tenantId: 'default', deviceId: 'd1', appVersion: 'v2' }], 'changed');
    await pusher.push([{ tenantId: 'default', deviceId: 'd1', appVersion: 'pump-v1' }], 'changed');
    expect(published.map(({ address }) => address)).toEqual([
      'v2 tok1 cmx config/json',
      'v1 tok1 cmx config/json',
    ]);
  });

  it('uses the version that a device is listened for as, and records that nobody was there for the one on record', async () => {
    const { pusher, published, recorded, versionsAsked } = pushing(directoryOf(entry({})), undefined, {
      versions: ['v2'],
    });
    await pusher.push([{ tenantId: 'default', deviceId: 'd1' }], 'changed');
    expect(versionsAsked).toEqual(['v2', undefined]);
    expect(published.map(({ address }) => address)).toEqual(['v2 tok1 cmx config/json']);
    expect(recorded).toMatchObject([{ deviceId: 'd1', configId: 'c1', subscriber: false }]);
    const both = pushing(directoryOf(entry({})), undefined, { versions: ['v2', 'v1'] });
    await both.pusher.push([{ tenantId: 'default', deviceId: 'd1' }], 'changed');
    expect([both.versionsAsked, both.recorded.length]).toEqual([[undefined], 1]);
  });

  it('says why it asks, and pushes to nothing but what has become reachable', async () => {
    const { pusher, published, recorded, reasons } = pushing(
      directoryOf(entry({}), entry({ token: 'tok2' }), entry({ token: 'tok3', deviceId: 'd3' })),
    );
    const reachable = (deviceId: string, channel: string) => ({
      tenantId: 'default',
      deviceId,
      appVersion: 'v2',
      channels: [channel],
    });
    await pusher.push([reachable('d1', 'tok2 cmx')], 'reachable');
    expect(reasons).toEqual([false]);
    expect(published.map(({ address }) => address)).toEqual(['v2 tok2 cmx config/json']);
    // Nothing was on the wire, so nothing is on record either.
    await pusher.push([reachable('d3', 'tok3 cex')], 'reachable');
    expect([published.length, recorded.length]).toEqual([1, 1]);
    await pusher.push([{ tenantId: 'default', deviceId: 'd3' }], 'changed');
    expect(reasons).toEqual([false, false, true]);
  });

  it('sends software to places of its own, with the name of the firmware type where there is one', async () => {
    const named = pushing(directoryOf(entry({})), undefined, { sourceOf: softwareSource, name: 'modem' });
    await named.pusher.push([{ tenantId: 'default', deviceId: 'd1' }], 'changed');
    expect(named.published.map(({ address }) => address)).toEqual(['v1 tok1 cmx_ota config/json/modem']);
    expect(named.recorded).toMatchObject([{ deviceId: 'd1', name: 'modem', configId: 'c1' }]);
    const first = pushing(directoryOf(entry({})), undefined, { sourceOf: softwareSource });
    await first.pusher.push([{ tenantId: 'default', deviceId: 'd1' }], 'changed');
    expect(first.published[0]?.address).toBe('v1 tok1 cmx_ota config/json');
  });
});
