import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { parseTopic, RESOURCES, type ResourceName } from '@muster/kp1';
import { createLogger, createMetrics } from '@muster/observability';
import { BoundedLog } from './bounded-log.js';
import { deviceRequests, type DeviceRequest, type RequestParts } from './device-requests.js';
import type { Route } from './routed-message.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const entry: AccessEntry = {
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id-tok1',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'http',
  credentialKinds: ['secret'],
  secretHashes: [],
};

const scene = (change: Partial<RequestParts> & { route?: Route } = {}) => {
  const metrics = createMetrics('test');
  const route = change.route ?? (async () => 'body');
  const answer = deviceRequests({
    routes: Object.fromEntries(RESOURCES.map(({ name }) => [name, route])) as Record<ResourceName, Route>, // of all names
    sightings: { note: () => undefined },
    lastSeen: { note: () => undefined },
    limits: { check: () => ({ verdict: 'pass' }) },
    refusals: new BoundedLog(logger),
    metrics,
    maxPayloadBytes: 100,
    ...change,
  });
  const topic = parseTopic('kp1/v1/dcx/tok1/json');
  if (topic === undefined) throw new Error('not a topic');
  const request: DeviceRequest = {
    device: { admitted: true, entry, settings: {} },
    topic,
    payload: Buffer.from('{}'),
    arrivedAt: 1_795_868_948_000_000,
    redelivered: false,
    duplicate: false,
    isWanted: () => true,
    whenAway: 'refuse',
  };
  return { metrics, ask: (more: Partial<DeviceRequest> = {}) => answer({ ...request, ...more }) };
};

describe('when the device was heard', () => {
  it('is when its message came, whatever it waited for and whatever became of it', async () => {
    const heard: number[] = [];
    const lastSeen = { note: (_entry: object, at: number) => heard.push(at) };
    const { ask } = scene({ lastSeen, route: () => Promise.reject(new AppError('invalid-payload', 'no')) });
    const arrivedAt = 1_795_868_948_000_000;
    await ask({ arrivedAt });
    await ask({ arrivedAt, waitedMs: 1_500 });
    await ask({ arrivedAt, waitedMs: Infinity });
    expect(heard).toEqual([1_795_868_948_000, 1_795_868_946_500, -Infinity]);
  });
});

describe('a request over a limit', () => {
  const over: RequestParts['limits'] = {
    check: () => ({ verdict: 'over', limit: 'tenant', reason: 'too many' }),
  };
  it('is refused with 429 before its service hears of it, and counted', async () => {
    const { ask, metrics } = scene({ limits: over, route: () => Promise.reject(new Error('was asked')) });
    expect(await ask()).toMatchObject({
      kind: 'refused',
      statusCode: 429,
      reasonPhrase: 'too many',
      retryAfterSeconds: 1,
    });
    expect(await metrics.text()).toMatch(/limited_total\{[^}]*limit="tenant"[^}]*\} 1/);
  });
});

describe('a write whose service is away', () => {
  const away = new AppError('unavailable', 'away', { retryAfterSeconds: 5 });

  it('is told so where somebody waits for the answer', async () => {
    expect(await scene({ route: () => Promise.reject(away) }).ask()).toMatchObject({
      kind: 'refused',
      statusCode: 503,
      retryAfterSeconds: 5,
    });
  });

  it('is nothing more when nobody waits', async () => {
    const outcome = await scene({ route: () => Promise.reject(away) }).ask({ isWanted: () => false });
    expect(outcome.kind).toBe('abandoned');
  });
});

it('a bug of ours is no refusal', async () => {
  expect(await scene({ route: () => Promise.reject(new TypeError('a bug')) }).ask()).toMatchObject({
    kind: 'failed',
  });
});
