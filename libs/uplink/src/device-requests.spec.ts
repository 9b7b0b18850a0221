import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { parseTopic, RESOURCES, type ResourceName } from '@muster/kp1';
import { createLogger, createMetrics } from '@muster/observability';
import { BoundedLog } from './bounded-log.js';
import { deviceRequests, type DeviceRequest, type RequestParts } from './device-requests.js';
import type { Route } from './routes.js';

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
    directory: { admit: () => ({ admitted: true, entry, settings: {} }) },
    questions: { admit: async () => ({ admitted: true, entry, settings: {} }) },
    sightings: { note: () => undefined },
    lastSeen: { note: () => undefined },
    limits: { check: () => ({ verdict: 'pass' }) },
    refusals: new BoundedLog(logger),
    metrics,
    maxPayloadBytes: 100,
    whenAway: 'refuse',
    ...change,
  });
  const topic = parseTopic('kp1/v1/dcx/tok1/json');
  if (topic === undefined) throw new Error('not a topic');
  const request: DeviceRequest = {
    topic,
    payload: Buffer.from('{}'),
    redelivered: false,
    duplicate: false,
    isWanted: () => true,
  };
  return { metrics, ask: (more: Partial<DeviceRequest> = {}) => answer({ ...request, ...more }) };
};

describe('a request over a limit', () => {
  const limits = (verdict: 'refuse' | 'drop'): RequestParts['limits'] => ({
    check: () => ({ verdict, limit: 'tenant', reason: 'too many' }),
  });

  it('is refused with 429 before its service hears of it, and counted', async () => {
    const { ask, metrics } = scene({
      limits: limits('refuse'),
      route: () => Promise.reject(new Error('was asked')),
    });
    expect(await ask()).toMatchObject({
      kind: 'refused',
      statusCode: 429,
      reasonPhrase: 'too many',
      retryAfterSeconds: 1,
    });
    expect(await metrics.text()).toMatch(/limited_total\{[^}]*limit="tenant"[^}]*verdict="refuse"[^}]*\} 1/);
  });

  it('is dropped when it was told often enough', async () => {
    expect(await scene({ limits: limits('drop') }).ask()).toMatchObject({ kind: 'dropped' });
  });

  it('is not counted for who cannot show to be the device', async () => {
    let counted = 0;
    const { ask } = scene({
      limits: {
        check: () => {
          counted += 1;
          return { verdict: 'pass' };
        },
      },
    });
    const authenticate = (): void => {
      throw new AppError('unauthenticated', 'who are you');
    };
    expect(await ask({ authenticate })).toMatchObject({ kind: 'refused', statusCode: 401 });
    expect(counted).toBe(0);
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

  it('is told so as well when device-registry cannot be asked about its token', async () => {
    const { ask } = scene({
      directory: {
        admit: () => ({ admitted: false, code: 'token-unknown', reason: 'x', ask: { token: 'tok1' } }),
      },
      questions: { admit: () => Promise.reject(away) },
    });
    expect(await ask()).toMatchObject({ kind: 'refused', statusCode: 503 });
  });
});

it('a bug of ours is no refusal', async () => {
  expect(await scene({ route: () => Promise.reject(new TypeError('a bug')) }).ask()).toMatchObject({
    kind: 'failed',
  });
});
