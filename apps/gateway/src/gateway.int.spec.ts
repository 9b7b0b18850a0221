import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, type Done } from '@muster/contracts';
import {
  changeDesired,
  type ChangeDesired,
  eraseConfigurationHistory,
  getConfiguration,
  listConfigurationHistory,
  type ListHistory,
  type DesiredChanged,
  type ConfigurationView,
  type EraseHistory,
  type GetConfiguration,
  type HistoryPage,
} from '@muster/contracts/configuration/requests';
import {
  changeDefaults,
  type ChangeDefaults,
  type DefaultsChanged,
} from '@muster/contracts/configuration/type-configuration.requests';
import {
  editCredential,
  type EditCredential,
  issueCredential,
  type IssueCredential,
  listCredentials,
  type CredentialList,
  type DeviceCredential,
  type IssuedCredential,
} from '@muster/contracts/device-registry/credentials.requests';
import {
  createDeviceType,
  type CreateDeviceType,
  type DeviceTypeView,
} from '@muster/contracts/device-registry/device-types.requests';
import {
  deleteDevice,
  type DeleteDevice,
  type DeviceRef,
  editDevice,
  type EditDevice,
  getDevice,
  listDevices,
  type ListDevices,
  provisionDevice,
  type ProvisionDevice,
  type DeviceList,
  type DeviceView,
  type ProvisionedDevice,
} from '@muster/contracts/device-registry/devices.requests';
import {
  changeMetadata,
  type ChangeMetadata,
  deleteMetadataKey,
  type DeleteMetadataKey,
} from '@muster/contracts/device-registry/metadata.requests';
import {
  closeSession,
  openSession,
  type OpenSession,
  type SessionRef,
  useSession,
  type UseSession,
  type SessionView,
} from '@muster/contracts/identity/sessions.requests';
import {
  issueToken,
  type IssueToken,
  type IssuedToken,
} from '@muster/contracts/device-registry/tokens.requests';
import { listRegistryActs, type ListActs, type ActList } from '@muster/contracts/audit/requests';
import { queryBuckets, type QueryBuckets } from '@muster/contracts/telemetry/buckets.requests';
import {
  forgetLatest,
  type ForgetLatest,
  getLatest,
  type GetLatest,
  querySamples,
  type QuerySamples,
  type LatestForgotten,
  type LatestValues,
  type SamplePage,
} from '@muster/contracts/telemetry/requests';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger, currentTrace } from '@muster/observability';
import { startNats, type NatsServer } from '@muster/testing';
import request from 'supertest';
import { start } from './index.js';

const KEY = 'a-secret-key-for-tests';
const view: Readonly<DeviceView> = {
  id: 'd1',
  name: 'radiator',
  deviceType: 'thermostat',
  deviceTypeId: 't1',
  appVersion: 'thermostat-v1',
  interface: 'mqtt',
  folder: '/',
  tags: [],
  metadata: {},
  connectivity: { connected: false, since: null, lastSeenAt: null },
  version: 7,
  createdAt: '2026-11-20T00:00:00.000Z',
};

const credential: Readonly<DeviceCredential> = {
  id: 'c1',
  kind: 'secret',
  status: 'active',
  createdAt: view.createdAt,
};

/** The last request each contract got, and the trace it came in. */
let asked: { body: unknown; traceId: string | undefined } = { body: undefined, traceId: undefined };
let failWith: Error | undefined;

const answer = async <T>(body: object, reply: T): Promise<T> => {
  asked = { body, traceId: currentTrace()?.traceId };
  if (failWith !== undefined) throw failWith;
  if ('deviceId' in body && body.deviceId === 'unknown')
    throw new AppError('device-not-found', 'No such device.');
  return reply;
};

/** By their digest; those of identity, which would keep them. */
const sessions = new Map<string, SessionView>();

/** Stands for all services: answers what the contracts promise, and remembers what it was asked. */
@Controller()
class Services {
  @Handles(openSession)
  openSession({ tenantId, actor, digest }: OpenSession): Promise<SessionView> {
    const openedAt = new Date().toISOString();
    const endsAt = new Date(Date.now() + 3_600_000).toISOString();
    sessions.set(digest, { id: 's1', tenantId, actor, openedAt, idleEndsAt: endsAt, endsAt });
    return this.useSession({ digest });
  }

  @Handles(useSession)
  useSession({ digest }: UseSession): Promise<SessionView> {
    const found = sessions.get(digest);
    return found === undefined
      ? Promise.reject(new AppError('session-ended', 'It has ended.'))
      : Promise.resolve(found);
  }

  @Handles(closeSession)
  closeSession({ digest }: SessionRef): Promise<Done> {
    sessions.delete(digest);
    return Promise.resolve({});
  }

  @Handles(createDeviceType)
  createDeviceType(body: CreateDeviceType): Promise<DeviceTypeView> {
    const { name } = body.deviceType;
    return answer(body, {
      id: 't1',
      name,
      appVersions: [],
      settings: {},
      version: 1,
      createdAt: view.createdAt,
    });
  }

  @Handles(provisionDevice)
  provisionDevice(body: ProvisionDevice): Promise<ProvisionedDevice> {
    return answer(body, {
      ...view,
      name: body.device.name,
      token: 'secret-token',
      credential: { kind: 'token' },
    });
  }

  @Handles(getDevice)
  getDevice(body: DeviceRef): Promise<DeviceView> {
    return answer(body, view);
  }

  @Handles(listDevices)
  listDevices(body: ListDevices): Promise<DeviceList> {
    return answer(body, { items: [view], nextCursor: null });
  }

  @Handles(editDevice)
  editDevice(body: EditDevice): Promise<DeviceView> {
    if (body.expectedVersion === 3) throw new AppError('version-mismatch', 'The device is at version 7.');
    return answer(body, { ...view, version: 8 });
  }

  @Handles(deleteDevice)
  deleteDevice(body: DeleteDevice): Promise<Done> {
    return answer(body, {});
  }

  @Handles(changeMetadata)
  async changeMetadata(body: ChangeMetadata): Promise<DeviceView> {
    if ('bad key' in body.patch) {
      throw new AppError('invalid-request', 'patch.bad key must match [a-zA-Z0-9_]{1,64}', {
        errors: [{ path: 'patch.bad key', message: 'must match [a-zA-Z0-9_]{1,64}' }],
      });
    }
    return answer(body, view);
  }

  @Handles(deleteMetadataKey)
  deleteMetadataKey(body: DeleteMetadataKey): Promise<DeviceView> {
    return answer(body, view);
  }

  @Handles(issueToken)
  issueToken(body: IssueToken): Promise<IssuedToken> {
    return answer(body, {
      id: 'k1',
      hint: 'secr',
      status: 'inactive',
      createdAt: view.createdAt,
      token: 'secret-token',
    });
  }

  @Handles(issueCredential)
  issueCredential(body: IssueCredential): Promise<IssuedCredential> {
    return answer(body, { ...credential, secret: 'a-generated-secret' });
  }

  @Handles(listCredentials)
  listCredentials(body: DeviceRef): Promise<CredentialList> {
    return answer(body, { items: [credential], nextCursor: null });
  }

  @Handles(editCredential)
  editCredential(body: EditCredential): Promise<DeviceCredential> {
    return answer(body, { ...credential, status: body.edit.status ?? credential.status });
  }

  @Handles(changeDesired)
  changeDesired(body: ChangeDesired): Promise<DesiredChanged> {
    return answer(body, { version: 2, configId: 'abc', syncState: 'pending' });
  }

  @Handles(changeDefaults)
  async changeDefaults(body: ChangeDefaults): Promise<DefaultsChanged> {
    if ('warm' in body.defaults) {
      const faults = ['defaults.warm', 'defaults.cold'].map((path) => ({ path, message: 'is unknown' }));
      throw new AppError(
        'invalid-configuration',
        faults.map(({ path, message }) => `${path} ${message}`).join('; '),
        {
          errors: faults,
        },
      );
    }
    return answer(body, { version: 2, jobId: 'a' in body.defaults ? 'job-1' : null });
  }

  @Handles(getConfiguration)
  getConfiguration(body: GetConfiguration): Promise<ConfigurationView> {
    return answer(body, { deviceId: body.deviceId, version: 3, configId: '', syncState: 'none', keys: {} });
  }

  @Handles(eraseConfigurationHistory)
  eraseHistory(body: EraseHistory): Promise<Done> {
    return answer(body, {});
  }

  @Handles(listConfigurationHistory)
  listHistory(body: ListHistory): Promise<HistoryPage> {
    return answer(body, { items: [], nextCursor: null });
  }

  @Handles(getLatest)
  getLatest(body: GetLatest): Promise<LatestValues> {
    return answer(body, { items: [{ key: 'temperature', value: 21, ts: view.createdAt }], nextCursor: '1' });
  }

  @Handles(forgetLatest)
  forgetLatest(body: ForgetLatest): Promise<LatestForgotten> {
    return answer(body, { removed: 1 });
  }

  @Handles(queryBuckets)
  queryBuckets(body: QueryBuckets): Promise<SamplePage> {
    return answer(body, { series: [], nextCursor: null });
  }

  @Handles(listRegistryActs)
  listRegistryActs(body: ListActs): Promise<ActList> {
    if (body.filter !== undefined) throw new AppError('invalid-filter', 'The filter is wrong at position 1.');
    return answer(body, {
      items: [
        {
          ...{ at: '2026-11-20T00:00:00.000Z', action: 'DeviceRenamed' },
          actor: { kind: 'user', id: 'anna' },
          resource: { kind: 'device', id: 'd1', name: 'radiator' },
          place: { at: 1_795_132_800_000_000, position: 7 },
        },
      ],
      readTo: null,
    });
  }

  @Handles(querySamples)
  querySamples(body: QuerySamples): Promise<SamplePage> {
    return answer(body, samplesAt(body));
  }
}

/** Of `keys=paged` three pages: an empty one in the middle, as where keys are rare. */
const samplesAt = ({ keys, cursor }: QuerySamples): SamplePage => {
  if (keys?.[0] !== 'paged') return { series: [], nextCursor: null };
  const [first, second] = ['2026-11-20T00:00:00.000Z', '2026-11-20T00:00:01.000Z'];
  if (cursor === '2') return { series: [], nextCursor: '3' };
  if (cursor === '3') return { series: [{ key: 'x', points: [[second, null]] }], nextCursor: null };
  return {
    series: [
      { key: 'a,b', points: [[second, { deep: [1] }]] },
      {
        key: 'paged',
        points: [
          [first, -1.5],
          [first, '=1+1'],
        ],
      },
    ],
    nextCursor: '2',
  };
};

@Module({ controllers: [Services] })
class ServicesModule {}

let nats: NatsServer;
let bus: Bus;
let services: INestMicroservice;
let gateway: Awaited<ReturnType<typeof start>>;
let folder: string;
let environment: NodeJS.ProcessEnv;

/** What the specs look at in a body. */
interface Body {
  readonly code: string;
  readonly detail: string;
  readonly traceId: string;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  readonly items: readonly unknown[];
  readonly failing: readonly unknown[];
}

const bodyOf = (response: request.Response): Body => response.body as Body; // the assertions check it

const url = (): string => `http://127.0.0.1:${gateway.port}`;
const api = (method: 'get' | 'post' | 'patch' | 'put' | 'delete', path: string) =>
  request(url())[method](`/api/v1${path}`).set('x-api-key', KEY);

beforeAll(async () => {
  nats = await startNats();
  folder = await mkdtemp(join(tmpdir(), 'muster-gateway-'));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, `${KEY}\n`);
  const logger = createLogger({ service: 'test', level: 'silent' });
  bus = await connectBus({ url: nats.url, name: 'services', logger });
  services = await NestFactory.createMicroservice(ServicesModule, {
    strategy: new NatsStrategy({ bus, service: 'services', logger }),
    logger: false,
  });
  await services.listen();
  environment = {
    MUSTER_NATS_URL: nats.url,
    MUSTER_GATEWAY_PORT: '0',
    MUSTER_ADMIN_API_KEY_FILE: keyFile,
    MUSTER_LOG_LEVEL: 'silent',
    MUSTER_GATEWAY_REQUEST_TIMEOUT_MS: '1000',
  };
  gateway = await start(environment);
});

beforeEach(() => {
  failWith = undefined;
  asked = { body: undefined, traceId: undefined };
});

afterAll(async () => {
  await gateway.stop();
  await services.close();
  await bus.close();
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('who asks', () => {
  it('is let in with the key, by either header, and told the rights', async () => {
    const me = {
      id: 'local-admin',
      kind: 'api-key',
      tenantId: 'default',
      rights: expect.arrayContaining([{ entity: 'campaign', permissions: ['read', 'change'], folder: '/' }]),
    };
    expect((await api('get', '/me').expect(200)).body).toEqual(me);
    const bearer = await request(url()).get('/api/v1/me').set('authorization', `Bearer ${KEY}`).expect(200);
    expect(bearer.body).toEqual(me);
  });

  it.each([
    ['no key', {}],
    ['a wrong key', { 'x-api-key': 'wrong' }],
    ['an empty key', { 'x-api-key': '' }],
    ['a key with more behind it', { 'x-api-key': `${KEY}x` }],
    ['another scheme', { authorization: `Basic ${KEY}` }],
  ])('is refused with %s, as a problem', async (_what, headers) => {
    const response = await request(url()).get('/api/v1/devices').set(headers).expect(401);
    expect(response.headers['content-type']).toMatch('application/problem+json');
    expect(response.headers['www-authenticate']).toBe('Bearer');
    expect(response.body).toMatchObject({
      type: '/problems/unauthenticated',
      status: 401,
      code: 'unauthenticated',
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(response.text).not.toContain(KEY);
  });
});

it('no spelling of an address is a way around the key', async () => {
  for (const path of ['/API/V1/devices', '/api/V1/me', '/api/v1/devices/', '/api/v1/me?x=1']) {
    await request(url()).get(path).expect(401);
  }
});

describe('a session', () => {
  const own = (): { origin: string } => ({ origin: url() });
  const signIn = (at = url(), headers: Readonly<Record<string, string>> = {}) =>
    request(at).post('/api/v1/sessions').set(headers).send({ key: KEY });
  /** As a browser sends it back. */
  const cookieOf = (response: request.Response): string =>
    (response.get('set-cookie')?.[0] ?? '').split(';', 1)[0] ?? '';
  const ask = (cookie: string) => (method: 'get' | 'patch' | 'delete', path: string) =>
    request(url())[method](`/api/v1${path}`).set('cookie', cookie);

  it('comes for a key, as a cookie that no page can read, and stands for its caller', async () => {
    const response = await signIn(url(), own()).expect(201);
    expect(response.get('set-cookie')?.[0]).toMatch(
      /^muster-session=[\w-]{43}; Max-Age=3\d{3}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/,
    );
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.text).not.toContain(cookieOf(response).split('=')[1]);
    const me = await ask(cookieOf(response))('get', '/me').expect(200);
    expect(me.body).toEqual(response.body);
    expect(me.body).toMatchObject({ id: 'local-admin', session: { id: 's1', endsAt: expect.any(String) } });
    await ask(cookieOf(response))('patch', '/devices/d1').set(own()).send({ name: 'x' }).expect(200);
    expect(asked.body).toMatchObject({ actor: { kind: 'api-key', id: 'local-admin' } });
    expect(asked.body).not.toHaveProperty('session');
  });

  it('is told to services as a digest only, which another admin key does not find', async () => {
    const cookie = cookieOf(await signIn());
    expect([...sessions.keys()].join()).not.toContain(cookie.split('=')[1]);
    await writeFile(join(folder, 'other-key'), 'another-key');
    const other = await start({ ...environment, MUSTER_ADMIN_API_KEY_FILE: join(folder, 'other-key') });
    const me = request(`http://127.0.0.1:${other.port}`).get('/api/v1/me').set('cookie', cookie);
    expect(bodyOf(await me.expect(401)).code).toBe('session-ended');
    await other.stop();
  });

  it('changes nothing for a page of somebody else, nor for one that is not named', async () => {
    const cookie = cookieOf(await signIn());
    const from = (headers: Readonly<Record<string, string>>) =>
      ask(cookie)('delete', '/devices/d1').set(headers);
    const { port } = gateway;
    for (const origin of [
      'http://evil.example',
      `http://127.0.0.1:${port + 1}`,
      'null',
      'http://127.0.0.1',
    ]) {
      expect(bodyOf(await from({ origin }).expect(403)).code).toBe('not-allowed');
    }
    await from({}).expect(403);
    // Only a proxy that is trusted may say what was asked for.
    await from({ origin: 'http://evil.example', 'x-forwarded-host': 'evil.example' }).expect(403);
    expect(asked.body).toBeUndefined();
    await from(own()).expect(204);
    await ask(cookie)('get', '/devices/d1').set('origin', 'http://evil.example').expect(200);
    await signIn(url(), { origin: 'http://evil.example' }).expect(403);
  });

  it('ends by signing out, and the cookie with it', async () => {
    const cookie = cookieOf(await signIn());
    const out = await ask(cookie)('delete', '/sessions/current').set(own()).expect(204);
    expect(out.get('set-cookie')?.[0]).toMatch(/^muster-session=; Path=\/; Expires=Thu, 01 Jan 1970/);
    const after = await ask(cookie)('get', '/me').expect(401);
    expect(bodyOf(after).code).toBe('session-ended');
    expect(after.get('set-cookie')?.[0]).toMatch(/^muster-session=;/);
    await api('delete', '/sessions/current').expect(404);
    // What has ended is in nobody's way.
    await signIn().set('cookie', cookie).expect(201);
  });

  it('does not come with a wrong key, a body that is too large, or a field that is not known', async () => {
    const post = (body: object) => request(url()).post('/api/v1/sessions').send(body);
    expect(bodyOf(await post({ key: 'wrong' }).expect(401)).code).toBe('unauthenticated');
    await post({ key: 'x'.repeat(5_000) }).expect(413);
    expect(bodyOf(await post({}).expect(400)).errors[0]?.path).toBe('key');
    await post({ key: KEY, name: 'x' }).expect(400);
    await request(url()).post('/API/v1/sessions').send({ key: KEY }).expect(401);
  });

  it('over TLS, as a trusted proxy tells it, is a cookie of this host by TLS only', async () => {
    const behind = await start({ ...environment, MUSTER_GATEWAY_TRUSTED_PROXIES: '127.0.0.1' });
    const at = `http://127.0.0.1:${behind.port}`;
    const tls = {
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'muster.example',
      origin: 'https://muster.example',
    };
    try {
      const response = await signIn(at, tls).expect(201);
      expect(response.get('set-cookie')?.[0]).toMatch(
        /^__Host-muster-session=.*; HttpOnly; Secure; SameSite=Strict$/,
      );
      const change = (headers: Readonly<Record<string, string>>) =>
        request(at)
          .patch('/api/v1/devices/d1')
          .set('cookie', cookieOf(response))
          .set(headers)
          .send({ name: 'x' });
      await change(tls).expect(200);
      // Without TLS another cookie is looked for.
      await change({ origin: at }).expect(401);
    } finally {
      await behind.stop();
    }
    const named = await start({ ...environment, MUSTER_PUBLIC_URL: 'https://muster.example' });
    try {
      const response = await signIn(`http://127.0.0.1:${named.port}`, { host: 'muster.example' }).expect(201);
      expect(response.get('set-cookie')?.[0]).toMatch(/^__Host-.*; Secure;/);
    } finally {
      await named.stop();
    }
  });

  it('is not guessed, nor is a key: an address that was wrong too often waits, whatever it shows', async () => {
    const strict = await start({ ...environment, MUSTER_GATEWAY_GUESSES_AT_ONCE: '3' });
    const at = `http://127.0.0.1:${strict.port}`;
    const me = (headers: Readonly<Record<string, string>>) => request(at).get('/api/v1/me').set(headers);
    try {
      const known = cookieOf(await signIn(at).expect(201));
      await me({ cookie: known }).expect(200);
      await me({ 'x-api-key': 'wrong' }).expect(401);
      await me({ cookie: `muster-session=${'a'.repeat(43)}` }).expect(401);
      await request(at).post('/api/v1/sessions').send({ key: 'wrong' }).expect(401);
      for (const refused of [
        me({ 'x-api-key': 'another' }),
        me({ cookie: `muster-session=${'b'.repeat(43)}` }),
        request(at).post('/api/v1/sessions').send({ key: 'another' }),
      ]) {
        const response = await refused.expect(429);
        expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
      }
      // What was right from there before goes on.
      await me({ cookie: known }).expect(200);
      await me({ 'x-api-key': KEY }).expect(200);
    } finally {
      await strict.stop();
    }
  });

  it('opens a stream of updates, which ends with it', async () => {
    const impatient = await start({ ...environment, MUSTER_GATEWAY_STREAM_KEEP_ALIVE_MS: '100' });
    const at = `http://127.0.0.1:${impatient.port}`;
    try {
      const cookie = cookieOf(await signIn(at).expect(201));
      const stream = await fetch(`${at}/api/v1/stream?topics=fleet`, { headers: { cookie } });
      expect(stream.status).toBe(200);
      const text = stream.text();
      await request(at).delete('/api/v1/sessions/current').set({ cookie, origin: at }).expect(204);
      expect(await text).toContain('retry: ');
    } finally {
      await impatient.stop();
    }
  });
});

describe('a method', () => {
  it.each([
    ['/devices', 'GET, HEAD, OPTIONS, POST', 'DELETE'],
    ['/devices/d1/', 'DELETE, GET, HEAD, OPTIONS, PATCH', 'PUT'],
    ['/devices/d1/metadata/room', 'DELETE, GET, HEAD, OPTIONS, PUT', 'POST'],
    ['/configuration/bulk', 'OPTIONS, POST', 'GET'],
    ['/firmwares', 'GET, HEAD, OPTIONS, POST', 'PUT'],
    ['/openapi.json', 'GET, HEAD, OPTIONS', 'POST'],
    ['/asyncapi-events.json', 'GET, HEAD, OPTIONS', 'POST'],
  ])('that %s does not have is 405, and Allow says which it has: %s', async (path, allowed, wrong) => {
    const as = (method: string) =>
      fetch(`${url()}/api/v1${path}`, {
        method,
        headers: { 'x-api-key': KEY, 'content-type': 'text/plain' },
      });
    const refused = await as(wrong);
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, allowed]);
    expect(await refused.json()).toMatchObject({ code: 'method-not-allowed', status: 405 });
    const options = await as('OPTIONS');
    expect([options.status, options.headers.get('allow'), await options.text()]).toEqual([204, allowed, '']);
  });

  it('of a path that does not exist is 404, and of a stranger 401', async () => {
    for (const method of ['GET', 'PUT', 'OPTIONS']) {
      const headers = { 'x-api-key': KEY };
      expect((await fetch(`${url()}/api/v1/nothing`, { method, headers })).status).toBe(404);
      expect((await fetch(`${url()}/api/v1/devices/%zz`, { method, headers })).status).toBe(400);
      expect((await fetch(`${url()}/api/v1/devices`, { method })).status).toBe(401);
    }
  });

  it('HEAD is answered like GET, without the body', async () => {
    const response = await fetch(`${url()}/api/v1/devices/d1`, {
      method: 'HEAD',
      headers: { 'x-api-key': KEY },
    });
    expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([200, '"7"', '']);
  });
});

describe('creating', () => {
  it('answers 201 with the address, carries the caller, and lets nobody keep the secret', async () => {
    const response = await api('post', '/devices').send({ name: 'r1', deviceType: 'thermostat' }).expect(201);
    expect(response.headers['location']).toBe('/api/v1/devices/d1');
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.headers['etag']).toBe('"7"');
    expect(response.body).toMatchObject({ name: 'r1', token: 'secret-token' });
    expect(asked.body).toEqual({
      tenantId: 'default',
      actor: { kind: 'api-key', id: 'local-admin' },
      device: { name: 'r1', deviceType: 'thermostat' },
    });
  });

  it('does not mind a slash at the end', async () => {
    const response = await api('post', '/devices/')
      .send({ name: 'r1', deviceType: 'thermostat' })
      .expect(201);
    expect(response.headers['location']).toBe('/api/v1/devices/d1');
  });

  it('passes an Idempotency-Key on, apart for each route', async () => {
    const keyOf = (): unknown => (asked.body as { idempotencyKey?: string }).idempotencyKey;
    const device = { name: 'r1', deviceType: 'thermostat' };
    await api('post', '/devices').set('idempotency-key', 'k').send(device).expect(201);
    const first = keyOf();
    await api('post', '/devices').set('idempotency-key', 'k').send(device).expect(201);
    expect(keyOf()).toBe(first);
    await api('post', '/device-types').set('idempotency-key', 'k').send({ name: 'thermostat' }).expect(201);
    expect(keyOf()).toEqual(expect.any(String));
    expect(keyOf()).not.toBe(first);
    await api('post', '/devices').set('idempotency-key', 'with space').send(device).expect(400);
  });

  it('issues a token without a body', async () => {
    const response = await api('post', '/devices/d1/tokens').expect(201);
    expect(response.headers['location']).toBe('/api/v1/devices/d1/tokens/k1');
    expect(response.headers['cache-control']).toBe('no-store');
  });
});

describe('credentials', () => {
  it('shows a secret once, where it is issued', async () => {
    const response = await api('post', '/devices/d1/credentials').send({ kind: 'secret' }).expect(201);
    expect(response.headers['location']).toBe('/api/v1/devices/d1/credentials/c1');
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.body).toEqual({ ...credential, secret: 'a-generated-secret' });
    expect(asked.body).toMatchObject({
      deviceId: 'd1',
      credential: { kind: 'secret' },
      actor: { id: 'local-admin' },
    });
    const listed = await api('get', '/devices/d1/credentials').expect(200);
    expect(listed.body).toEqual({ items: [credential], nextCursor: null });
  });

  it('says where the job of changed defaults is, if there is one', async () => {
    const path = '/device-types/t/configuration/defaults';
    const started = await api('patch', path).send({ a: 1 }).expect(202);
    expect(started.headers['location']).toBe('/api/v1/jobs/job-1');
    const unchanged = await api('put', path).send({}).expect(202);
    expect(unchanged.body).toEqual({ version: 2, jobId: null });
    expect(unchanged.headers['location']).toBeUndefined();
  });

  it('are revoked', async () => {
    const response = await api('patch', '/devices/d1/credentials/c1').send({ status: 'revoked' }).expect(200);
    expect(response.body).toEqual({ ...credential, status: 'revoked' });
    expect(asked.body).toMatchObject({ deviceId: 'd1', credentialId: 'c1', edit: { status: 'revoked' } });
    await api('patch', '/devices/d1/credentials/c1').send({ status: 'inactive' }).expect(400);
  });

  it('refuses what is not issued, naming the field and the rule', async () => {
    const refused = async (path: string, body: object) =>
      bodyOf(await api('post', path).send(body).expect(400)).errors;
    expect(await refused('/devices/d1/credentials', { kind: 'secret', secret: 'mine' })).toEqual([
      { path: 'secret', message: 'must not be given: secrets are generated by the platform' },
    ]);
    const device = { name: 'r1', deviceType: 'thermostat' };
    expect(await refused('/devices', { ...device, credential: { kind: 'password', password: 'x' } })).toEqual(
      [{ path: 'credential.password', message: expect.stringContaining('8 characters') }],
    );
  });
});

describe('editing', () => {
  it('shows the version as ETag and takes it back as If-Match', async () => {
    const { headers } = await api('get', '/devices/d1').expect(200);
    expect(headers['etag']).toBe('"7"');
    await api('patch', '/devices/d1')
      .set('if-match', '"7"')
      .send({ name: 'other' })
      .expect(200)
      .expect('etag', '"8"');
    expect(asked.body).toMatchObject({ expectedVersion: 7, deviceId: 'd1', edit: { name: 'other' } });
    await api('patch', '/devices/d1').set('if-match', '*').send({ name: 'other' }).expect(200);
    expect(asked.body).not.toHaveProperty('expectedVersion');
  });

  it('that comes too late is 412', async () => {
    const response = await api('patch', '/devices/d1').set('if-match', '"3"').send({ name: 'x' }).expect(412);
    expect(response.body).toMatchObject({ code: 'version-mismatch', detail: 'The device is at version 7.' });
  });

  it.each(['7', 'W/"7"', '"a"', '"1", "2"'])('refuses If-Match %s', async (tag) => {
    const response = await api('patch', '/devices/d1').set('if-match', tag).send({ name: 'x' }).expect(400);
    expect(bodyOf(response).errors[0]?.path).toBe('If-Match');
  });

  it('a GET with the current ETag is 304', async () => {
    await api('get', '/devices/d1').set('if-none-match', '"7"').expect(304);
  });

  it('deletes with 204 and no body', async () => {
    const response = await api('delete', '/devices/d1').set('if-match', '"7"').expect(204);
    expect(response.text).toBe('');
    expect(asked.body).toMatchObject({ deviceId: 'd1', expectedVersion: 7 });
    await api('delete', '/devices/d1/metadata/room').expect(204);
  });

  it('merges and sets metadata', async () => {
    await api('patch', '/devices/d1/metadata').send({ region: 'eu', old: null }).expect(200);
    expect(asked.body).toMatchObject({ patch: { region: 'eu', old: null } });
    for (const value of ['text', 7, false, [1], { a: 1 }]) {
      await api('put', '/devices/d1/metadata/room').type('json').send(JSON.stringify(value)).expect(200);
      expect(asked.body).toMatchObject({ patch: { room: value } });
    }
    await api('put', '/devices/d1/metadata/room').type('json').send('null').expect(400);
  });

  it('merges and replaces desired values', async () => {
    const response = await api('patch', '/devices/d1/configuration/desired')
      .send({ interval: 5, old: null })
      .expect(200);
    expect(response.body).toEqual({ version: 2, configId: 'abc', syncState: 'pending' });
    expect(asked.body).toMatchObject({ mode: 'merge', desired: { interval: 5, old: null } });
    await api('put', '/devices/d1/configuration/desired')
      .set('content-type', 'application/merge-patch+json')
      .send('{}')
      .expect(200);
    expect(asked.body).toMatchObject({ mode: 'replace', desired: {} });
    await api('patch', '/devices/d1/configuration/desired').send([1]).expect(400);
  });
});

describe('a list', () => {
  it('turns its parameters into what the contract asks for', async () => {
    const filter = 'tags=in=(roof,"north + south");folder==/paris/*';
    const response = await api(
      'get',
      `/devices?limit=5&sort=-createdAt&count=true&cursor=abc&filter=${encodeURIComponent(filter)}`,
    ).expect(200);
    expect(response.body).toEqual({ items: [view], nextCursor: null });
    expect(asked.body).toEqual({
      tenantId: 'default',
      limit: 5,
      sort: '-createdAt',
      count: true,
      cursor: 'abc',
      filter,
    });
  });

  it.each([
    ['/devices?filter=name==a&filter=name==b', 'filter', 'must be given once'],
    ['/devices?limit=501', 'limit', 'must not be greater than 500'],
    ['/devices?limit=ten', 'limit', /integer|number/],
    ['/devices?limit=1&limit=2', 'limit', 'must be given once'],
    ['/devices?count=yes', 'count', /boolean/],
    ['/devices?sort=colour', 'sort', /one of/],
    ['/devices?colour=red', 'colour', 'is not a known query parameter'],
    ['/devices/d1?colour=red', 'colour', 'is not a known query parameter'],
    ['/devices?__proto__=1', '__proto__', 'is not a known query parameter'],
    ['/devices/d1/configuration/history?from=yesterday', 'from', /ISO 8601/],
    ['/devices/d1/configuration?version=-1', 'version', 'must not be less than 0'],
    ['/devices/d1/configuration?at=yesterday', 'at', /ISO 8601/],
  ])('GET %s is refused, naming %s', async (path, field, message) => {
    const response = await api('get', path).expect(400);
    expect(response.body).toMatchObject({ code: 'invalid-request' });
    expect(bodyOf(response).errors.map(({ path: at }) => at)).toContain(field);
    expect(
      bodyOf(response)
        .errors.map((one) => one.message)
        .join(),
    ).toMatch(message);
  });

  it('passes which past of a configuration is asked for, and who erases its history', async () => {
    const path = '/devices/d1/configuration';
    const past = await api('get', `${path}?version=7`).expect(200);
    expect(past.get('etag')).toBe('"3"');
    expect(asked.body).toEqual({ tenantId: 'default', deviceId: 'd1', version: 7 });
    await api('get', `${path}?at=2026-01-01T00:00:00Z`).expect(200);
    expect(asked.body).toEqual({ tenantId: 'default', deviceId: 'd1', at: '2026-01-01T00:00:00Z' });
    const erased = await api('delete', `${path}/history`).expect(204);
    expect(erased.text).toBe('');
    expect(asked.body).toMatchObject({ tenantId: 'default', deviceId: 'd1', actor: { id: 'local-admin' } });
  });

  it('passes telemetry keys as a list, and asks for the device first', async () => {
    const response = await api('get', '/devices/d1/telemetry/latest?keys=temperature,humidity').expect(200);
    expect(bodyOf(response).items).toHaveLength(1);
    expect(asked.body).toEqual({ tenantId: 'default', deviceId: 'd1', keys: ['temperature', 'humidity'] });
    expect(response.body).toHaveProperty('nextCursor', '1');
    await api('get', '/devices/d1/telemetry/latest?cursor=1').expect(200);
    expect(asked.body).toEqual({ tenantId: 'default', deviceId: 'd1', cursor: '1' });
    await api('get', '/devices/d1/telemetry?from=2026-11-01T00:00:00Z&limit=10000').expect(200);
    expect(asked.body).toMatchObject({ from: '2026-11-01T00:00:00Z', limit: 10_000 });
    const missing = await api('get', '/devices/unknown/telemetry/latest').expect(404);
    expect(bodyOf(missing).code).toBe('device-not-found');
    await api('get', '/devices/unknown/telemetry').expect(404);
  });
});

describe('telemetry in buckets', () => {
  const path = '/devices/d1/telemetry';

  it('is asked for as it is written', async () => {
    await api('get', `${path}?keys=a,b&bucket=1d&aggregate=min,max&timeZone=Europe/Paris&limit=100`).expect(
      200,
    );
    expect(asked.body).toEqual({
      ...{ tenantId: 'default', deviceId: 'd1', keys: ['a', 'b'] },
      ...{ bucket: '1d', aggregates: ['min', 'max'], timeZone: 'Europe/Paris', limit: 100 },
    });
    await api('get', `${path}?key=x%20(0,%201)&bucket=15m`).expect(200);
    expect(asked.body).toMatchObject({ keys: ['x (0, 1)'], bucket: '15m' });
    await api('get', '/devices/unknown/telemetry?key=a&bucket=15m').expect(404);
  });

  it.each([
    ['bucket=15m', 'keys'],
    ['keys=&bucket=15m', 'keys'],
    ['key=a&bucket=15', 'bucket'],
    ['key=a&bucket=15m&aggregate=median', 'aggregate'],
    ['key=a&bucket=1d&timeZone=%2B01:00', 'timeZone'],
    ['key=a&aggregate=avg', 'aggregate'],
    ['key=a&timeZone=UTC', 'timeZone'],
  ])('is refused with %s, naming %s', async (query, field) => {
    const response = await api('get', `${path}?${query}`).expect(400);
    expect(bodyOf(response).errors.map(({ path: at }) => at)).toContain(field);
    expect(asked.body).toBeUndefined();
  });
});

describe('the audit trail', () => {
  it('names the services that do not answer, and has what the others say', async () => {
    const page = await api('get', '/audit?limit=10&deviceId=d1&from=2026-11-01T00:00:00Z').expect(200);
    expect(page.body).toEqual({
      items: [
        {
          ...{ id: 'device-registry:1795132800000000:7', service: 'device-registry' },
          ...{ at: '2026-11-20T00:00:00.000Z', action: 'DeviceRenamed' },
          actor: { kind: 'user', id: 'anna' },
          resource: { kind: 'device', id: 'd1', name: 'radiator' },
        },
      ],
      nextCursor: null,
      away: [
        'campaign-orchestrator',
        'commands',
        'configuration',
        'firmware',
        'identity',
        'iothub-adapter',
        'telemetry',
      ],
    });
    expect(asked.body).toEqual({
      ...{ tenantId: 'default', limit: 10, deviceId: 'd1', from: '2026-11-01T00:00:00Z' },
    });
  });

  it('refuses what a service refuses, and a cursor of another question', async () => {
    const wrong = await api('get', '/audit?filter=x').expect(400);
    expect(bodyOf(wrong).code).toBe('invalid-filter');
    for (const cursor of ['x', Buffer.from('["a",1,1,"b"]').toString('base64url')]) {
      const refused = await api('get', `/audit?cursor=${cursor}`).expect(400);
      expect(bodyOf(refused).errors.map(({ path: at }) => at)).toEqual(['cursor']);
    }
  });
});

describe('telemetry as a file', () => {
  const path = '/devices/d1/telemetry/export';

  it('is all pages, by time, up to when it was asked for', async () => {
    const csv = await api('get', `${path}?keys=paged&from=2026-11-01T00:00:00Z`).expect(200);
    expect(csv.headers['content-type']).toContain('text/csv');
    expect(csv.headers['content-disposition']).toBe('attachment; filename="telemetry.csv"');
    expect(csv.text.split('\r\n')).toEqual([
      'ts,key,value',
      '2026-11-20T00:00:00.000Z,paged,-1.5',
      "2026-11-20T00:00:00.000Z,paged,'=1+1",
      '2026-11-20T00:00:01.000Z,"a,b","{""deep"":[1]}"',
      '2026-11-20T00:00:01.000Z,x,',
      '',
    ]);
    expect(asked.body).toMatchObject({ cursor: '3', from: '2026-11-01T00:00:00Z' });
    const { to } = asked.body as { to: string };
    expect(Date.now() - Date.parse(to)).toBeLessThan(60_000);
  });

  it('is a JSON object on each line, with values as they were sent', async () => {
    const file = await api('get', `${path}?key=paged&format=ndjson&to=2026-11-21T00:00:00Z`)
      .buffer(true)
      .parse((stream, done) => {
        let text = '';
        stream.on('data', (part: Buffer) => (text += part.toString()));
        stream.on('end', () => done(null, text));
      })
      .expect(200);
    const lines = String(file.body).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { value: unknown }).value)).toEqual([
      ...[-1.5, '=1+1', { deep: [1] }, null],
    ]);
    expect(asked.body).toMatchObject({ to: '2026-11-21T00:00:00Z' });
  });

  it('is refused as any answer is', async () => {
    await api('get', '/devices/unknown/telemetry/export').expect(404);
    const both = await api('get', `${path}?key=a&keys=b&format=ndjson`).expect(400);
    expect(bodyOf(both).errors).toEqual([{ path: 'key', message: 'must not be given beside keys' }]);
    const format = await api('get', `${path}?format=xml`).expect(400);
    expect(bodyOf(format).errors.map(({ path: at }) => at)).toEqual(['format']);
  });
});

describe('a telemetry key', () => {
  it.each([
    ['key=x%20(0,%201)', 'x (0, 1)'],
    ['key=', ''],
    ['key=a%2Fb', 'a/b'],
  ])('is named as it is by %s', async (text, key) => {
    for (const path of ['/devices/d1/telemetry/latest', '/devices/d1/telemetry']) {
      await api('get', `${path}?${text}`).expect(200);
      expect(asked.body).toMatchObject({ keys: [key] });
    }
    await api('delete', `/devices/d1/telemetry/latest?${text}`).expect(204);
    expect(asked.body).toEqual({
      ...{ tenantId: 'default', deviceId: 'd1', keys: [key] },
      actor: { kind: 'api-key', id: 'local-admin' },
    });
  });

  it('or all are named where latest values are removed, and not by leaving it out', async () => {
    await api('delete', '/devices/d1/telemetry/latest?all=true').expect(204);
    expect(asked.body).not.toHaveProperty('keys');
    for (const query of ['', '?all=true&key=a', '?all=false', '?keys=a']) {
      await api('delete', `/devices/d1/telemetry/latest${query}`).expect(400);
    }
    await api('get', '/devices/d1/telemetry?key=a&keys=b').expect(400);
    await api('delete', '/devices/unknown/telemetry/latest?key=a').expect(404);
  });
});

describe('what is wrong', () => {
  const problem = async (pending: request.Test, status: number, code: string): Promise<request.Response> => {
    const response = await pending;
    expect({ status: response.status, code: bodyOf(response).code }).toEqual({ status, code });
    expect(response.headers['content-type']).toMatch('application/problem+json');
    expect(bodyOf(response).traceId).toMatch(/^[0-9a-f]{32}$/);
    return response;
  };

  it('in a body is named by its path in that body', async () => {
    const body = {
      name: 7,
      deviceType: 'thermostat',
      colour: 'red',
      position: { latitude: 200, longitude: 0 },
    };
    const response = await problem(api('post', '/devices').send(body), 400, 'invalid-request');
    const paths = bodyOf(response).errors.map(({ path }) => path);
    expect([...new Set(paths)].sort()).toEqual(['colour', 'name', 'position.latitude']);
    expect(asked.body).toBeUndefined();
  });

  it('said by a service is named the same way', async () => {
    const response = await problem(
      api('patch', '/devices/d1/metadata').send({ 'bad key': 1 }),
      400,
      'invalid-request',
    );
    expect(response.body).toMatchObject({
      detail: 'bad key must match [a-zA-Z0-9_]{1,64}',
      errors: [{ path: 'bad key', message: 'must match [a-zA-Z0-9_]{1,64}' }],
    });
  });

  it('names every fault by its place in the body', async () => {
    const response = await problem(
      api('patch', '/device-types/t/configuration/defaults').send({ warm: 1, cold: 2 }),
      400,
      'invalid-configuration',
    );
    expect(response.body).toMatchObject({
      detail: 'warm is unknown; cold is unknown',
      errors: [{ path: 'warm' }, { path: 'cold' }],
    });
  });

  it('is a problem for everything that is not one of our errors', async () => {
    await problem(api('get', '/nothing-here'), 404, 'not-found');
    await problem(request(url()).get('/elsewhere'), 404, 'not-found');
    await problem(api('get', '/devices/%E0%A4%A'), 400, 'invalid-request');
    await problem(api('post', '/devices').type('json').send('{"name":'), 400, 'invalid-request');
    await problem(api('post', '/devices'), 400, 'invalid-request');
    await problem(api('post', '/devices').type('json').send('[]'), 400, 'invalid-request');
    // Within the size, and too much for whatever handles JSON by recursion.
    for (const nested of [
      '['.repeat(200_000) + ']'.repeat(200_000),
      '{"a":'.repeat(101) + '1' + '}'.repeat(101),
    ]) {
      const patched = api('patch', '/devices/d/configuration/desired').type('json').send(`{"a":${nested}}`);
      await problem(patched, 400, 'invalid-request');
    }
    await problem(api('post', '/devices').type('text/plain').send('name'), 415, 'unsupported-media-type');
    await problem(api('post', '/devices').type('form').send('name=a'), 415, 'unsupported-media-type');
    const large = await problem(
      api('post', '/devices').send({ name: 'x'.repeat(1_100_000) }),
      413,
      'payload-too-large',
    );
    expect(bodyOf(large).detail).toContain('1048576');
  });

  it('is not even read from strangers', async () => {
    const large = request(url()).post('/api/v1/devices').type('json').send('{"name":');
    await problem(large, 401, 'unauthenticated');
  });

  it('in a service is told with Retry-After, or not at all', async () => {
    failWith = new AppError('unavailable', 'The database is away.', { retryAfterSeconds: 9 });
    const away = await problem(api('get', '/devices/d1'), 503, 'unavailable');
    expect(away.headers['retry-after']).toBe('9');
    failWith = new Error('password=hunter2');
    const bug = await problem(api('get', '/devices/d1'), 500, 'internal');
    expect(bug.text).not.toContain('hunter2');
  });

  it('is `unavailable` when nobody serves what is asked', async () => {
    const response = await problem(api('delete', '/device-types/x'), 503, 'unavailable');
    expect(response.headers['retry-after']).toBe('1');
  });
});

describe('a request', () => {
  it('stays in the trace it came with, to the service and into the problem', async () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    await api('get', '/devices/d1').set('traceparent', traceparent).expect(200);
    expect(asked.traceId).toBe(traceId);
    // After a body was read, too: that happens in another tick.
    await api('post', '/devices')
      .set('traceparent', traceparent)
      .send({ name: 'a', deviceType: 'b' })
      .expect(201);
    expect(asked.traceId).toBe(traceId);
    const lost = await api('get', '/devices/unknown').set('traceparent', traceparent).expect(404);
    expect(bodyOf(lost).traceId).toBe(traceId);
  });

  it('is answered with headers that keep browsers careful', async () => {
    const { headers } = await api('get', '/devices/d1').expect(200);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
    });
    expect(headers).not.toHaveProperty('x-powered-by');
  });
});

describe('too many requests', () => {
  it('from one key are 429 with Retry-After and the limit', async () => {
    const strict = await start({ ...environment, MUSTER_GATEWAY_REQUESTS_PER_MINUTE: '2' });
    const me = () => request(`http://127.0.0.1:${strict.port}`).get('/api/v1/me').set('x-api-key', KEY);
    try {
      await me().expect(200);
      await me().expect(200);
      const response = await me().expect(429);
      expect(bodyOf(response)).toMatchObject({
        code: 'too-many-requests',
        detail: expect.stringContaining('At most 2 requests a minute'),
      });
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
      await request(`http://127.0.0.1:${strict.port}`).get('/health/live').expect(200);
    } finally {
      await strict.stop();
    }
  });
});

describe('the documentation', () => {
  it('is OpenAPI 3.1, without a key', async () => {
    const response = await request(url()).get('/api/v1/openapi.json').expect(200);
    expect(response.body).toMatchObject({ openapi: '3.1.0' });
  });

  it('is a page that loads nothing from elsewhere', async () => {
    const page = await request(url()).get('/api/v1/docs').redirects(1).expect(200);
    expect(page.headers['content-type']).toMatch('text/html');
    expect(page.text.match(/(?:src|href)="(?:https?:)?\/\//g)).toBeNull();
    // Our own policy forbids scripts inside the page, so there must be none.
    expect(page.text.match(/<script(?![^>]*\bsrc=)[^>]*>\s*\S/g)).toBeNull();
    for (const [, source = ''] of page.text.matchAll(/<script[^>]*src="([^"]+)"/g)) {
      await request(url())
        .get(new URL(source, `${url()}/api/v1/docs`).pathname)
        .expect(200);
    }
  });
});

describe('the console', () => {
  const CONTENT = {
    'index.html': '<p>here</p>',
    'scheme.js': 'x',
    'assets/app-4f3a.js': `//${'x'.repeat(3_000)}`,
  };
  let served: typeof gateway;
  const open = (path: string, accept = 'text/html,*/*;q=0.8') =>
    request(`http://127.0.0.1:${served.port}`).get(path).set('accept', accept);

  beforeAll(async () => {
    const web = join(folder, 'web');
    await mkdir(join(web, 'assets'), { recursive: true });
    for (const [name, text] of Object.entries(CONTENT)) await writeFile(join(web, name), text);
    await writeFile(join(web, '.hidden'), 'x');
    served = await start({ ...environment, MUSTER_GATEWAY_CONSOLE: web });
  });
  afterAll(() => served.stop());

  it('is one page at every address that a browser opens, never framed, with scripts from here only', async () => {
    for (const path of ['/', '/campaigns/abc?status=failed', '/devices/a.b/telemetry']) {
      const { headers } = await open(path).expect(200, CONTENT['index.html']);
      expect(headers).toMatchObject({
        'content-security-policy':
          "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
      expect(headers).not.toHaveProperty('set-cookie');
      await open(path)
        .set('if-none-match', headers['etag'] ?? '')
        .expect(304);
    }
    await open('/', '*/*').expect(200, CONTENT['index.html']);
  });

  it('keeps in the browser what is named after its content, and nothing else', async () => {
    const script = await open('/assets/app-4f3a.js', '*/*').expect(200);
    expect(script.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': expect.stringMatching('javascript'),
      'content-encoding': 'gzip',
    });
    expect((await open('/scheme.js', '*/*').expect(200)).headers['cache-control']).toBe('no-cache');
  });

  it('takes nothing that is not its own', async () => {
    // A script of an earlier release must not look like one.
    await open('/assets/app-gone.js', '*/*').expect(404);
    for (const path of ['/api/v2', '/kp1/radiator-v1/dcx/x/json', '/metrics/x', '/API/v1/nothing']) {
      const { headers, status } = await open(path);
      expect([path, status, headers['content-type']]).toEqual([
        path,
        path.startsWith('/API') ? 401 : 404,
        expect.stringMatching('problem'),
      ]);
    }
    for (const path of ['/.hidden', '/../key', '/%2e%2e/key', '/..%2fkey']) {
      expect((await open(path, '*/*')).status).toBe(404);
    }
    await request(`http://127.0.0.1:${served.port}`).post('/').expect(404);
  });

  it('says where it is not built', async () => {
    const empty = await start({ ...environment, MUSTER_GATEWAY_CONSOLE: join(folder, 'nowhere') });
    for (const port of [gateway.port, empty.port]) {
      const page = await request(`http://127.0.0.1:${port}`).get('/').set('accept', 'text/html').expect(404);
      expect(page.text).toContain('The console is not built here.');
    }
    await empty.stop();
  });
});

describe('operations', () => {
  it('are on the port of the API, without a key, when no other is named', async () => {
    await request(url()).get('/health/live').expect(200);
    await request(url()).get('/health/ready').expect(200, { ready: true, failing: [] });
    const metrics = await request(url()).get('/metrics').expect(200);
    expect(metrics.text).toContain('route="/api/v1/devices/:id"');
    expect(metrics.text).not.toContain('/api/v1/devices/d1');
  });

  it('are only on their own port when one is named', async () => {
    const other = await start({ ...environment, MUSTER_OPS_PORT: '0' });
    try {
      await request(`http://127.0.0.1:${other.port}`).get('/health/live').expect(404);
      expect(await other.ops.health.ready()).toEqual({ ready: true, failing: [] });
    } finally {
      await other.stop();
    }
  });
});

describe('starting', () => {
  it('names every key that is wrong at once, and no value', async () => {
    const starting = start({
      ...environment,
      MUSTER_GATEWAY_PORT: '70000',
      MUSTER_ADMIN_API_KEY_FILE: '/nowhere',
    });
    await expect(starting).rejects.toMatchObject({
      faults: [{ env: 'MUSTER_GATEWAY_PORT' }, { env: 'MUSTER_ADMIN_API_KEY_FILE' }],
    });
  });
});

describe('when NATS goes away', () => {
  it('the gateway says so, stays live, and comes back', async () => {
    await nats.kill9();
    const response = await api('patch', '/devices/d1').send({ name: 'x' }).expect(503);
    expect(response.headers['retry-after']).toBe('1');
    await request(url()).get('/health/live').expect(200);
    const body = bodyOf(await request(url()).get('/health/ready').expect(503));
    expect(body.failing).toEqual([{ name: 'nats', reason: 'unavailable: not connected' }]);
    await nats.restart();
    await api('get', '/devices/d1').retry(5).expect(200);
  });
});
