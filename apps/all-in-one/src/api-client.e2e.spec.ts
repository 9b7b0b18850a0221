import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiClient, type ApiClient } from '@muster/api-client';
import { eventually, mqttUrl, startPlatform, type Platform } from '@muster/testing';
import { connectAsync, type MqttClient } from 'mqtt';

/**
 * One flow from beginning to end with nothing but the generated client, as the console or an integrator would write it. No
 * casts: what is not in docs/openapi.json, or is other there than it is, does not compile or does not pass.
 */
let platform: Platform;
let api: ApiClient;
let mqtt: MqttClient;

beforeAll(async () => {
  platform = await startPlatform();
  api = createApiClient({ baseUrl: platform.url, apiKey: platform.apiKey });
  mqtt = await connectAsync(mqttUrl(), { clientId: 'of-the-typed-client' });
}, 120_000);

afterAll(async () => {
  await mqtt.endAsync();
  await platform.stop();
});

/** What was answered, or the problem as the reason why there is nothing. */
const dataOf = async <Data>(answer: Promise<{ data?: Data; error?: unknown }>): Promise<Data> => {
  const { data, error } = await answer;
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
};

const WITHIN = { deadlineMs: 20_000 };

describe('the generated client', () => {
  it('goes through the life of a device', async () => {
    const type = await dataOf(
      api.POST('/api/v1/device-types', { body: { name: 'radiator', description: 'Valves' } }),
    );
    const appVersion = type.appVersions[0]?.name ?? '';
    const created = await api.POST('/api/v1/devices', {
      body: { name: 'radiator-1', deviceType: type.name, tags: ['roof'], metadata: { room: 'kitchen' } },
    });
    const device = await dataOf(Promise.resolve(created));
    expect(created.response.headers.get('location')).toBe(`/api/v1/devices/${device.id}`);
    const path = { id: device.id };
    const topic = (rest: string): string =>
      `kp1/${appVersion}/${rest.replace('{token}', device.token ?? '')}`;

    // Telemetry, as a device sends it.
    await mqtt.publishAsync(topic('dcx/{token}/json'), '{"temperature":21.5}', { qos: 1 });
    const latest = await eventually(
      async () => {
        const { items } = await dataOf(
          api.GET('/api/v1/devices/{id}/telemetry/latest', { params: { path } }),
        );
        if (items.length === 0) throw new Error('nothing is stored yet');
        return items;
      },
      { ...WITHIN, what: 'the sample is stored' },
    );
    expect(latest).toMatchObject([{ key: 'temperature', value: 21.5 }]);
    const { series } = await dataOf(
      api.GET('/api/v1/devices/{id}/telemetry', { params: { path, query: { keys: ['temperature'] } } }),
    );
    const [[at, value] = ['', undefined]] = series[0]?.points ?? [];
    expect([at, value]).toEqual([latest[0]?.ts, 21.5]);

    // A desired value; the device applies what it is sent.
    const documents: string[] = [];
    mqtt.on('message', (_topic, payload) => documents.push(payload.toString()));
    await mqtt.subscribeAsync(topic('cmx/{token}/config/json/status'), { qos: 1 });
    const desired = await dataOf(
      api.PATCH('/api/v1/devices/{id}/configuration/desired', {
        params: { path },
        body: { targetTemperature: 22 },
      }),
    );
    await eventually(() => documents.some((text) => text.includes(desired.configId)), {
      ...WITHIN,
      what: 'the device has its document',
    });
    await mqtt.publishAsync(
      topic('cmx/{token}/applied/json'),
      JSON.stringify({ configId: desired.configId }),
      { qos: 1 },
    );
    const configuration = await eventually(
      async () => {
        const found = await dataOf(api.GET('/api/v1/devices/{id}/configuration', { params: { path } }));
        if (found.syncState !== 'in_sync') throw new Error(found.syncState);
        return found;
      },
      { ...WITHIN, what: 'the device has applied it' },
    );
    expect(configuration.keys['targetTemperature']?.desired).toBe(22);
    const history = await dataOf(
      api.GET('/api/v1/devices/{id}/configuration/history', {
        params: { path, query: { key: 'targetTemperature', limit: 10 } },
      }),
    );
    const change = history.items.find(({ kind }) => kind === 'desired');
    expect(change).toMatchObject({ to: 22, source: { id: 'local-admin' }, confirmedAt: expect.any(String) });

    // Many devices at once, as a job: first what it would do, then no more than that.
    const body = { target: { filter: 'tags==roof' }, desired: { targetTemperature: 19 } };
    const preview = await dataOf(
      api.POST('/api/v1/configuration/bulk', { params: { query: { preview: true } }, body }),
    );
    if (!('matched' in preview)) throw new Error('no preview');
    const started = await dataOf(
      api.POST('/api/v1/configuration/bulk', { body: { ...body, expectedCount: preview.matched } }),
    );
    if (!('jobId' in started)) throw new Error('no job');
    const { jobId } = started;
    const job = await eventually(
      async () => {
        const found = await dataOf(api.GET('/api/v1/jobs/{id}', { params: { path: { id: jobId } } }));
        if (found.endedAt === undefined) throw new Error(found.status);
        return found;
      },
      { ...WITHIN, what: 'the job has ended' },
    );
    expect(job).toMatchObject({ status: 'success', total: 1, done: 1, failed: 0 });

    // What somebody has seen before is not overwritten, and what is wrong is told by its code.
    // The first use of its token is a change of the device too, which comes some time after the message.
    await eventually(
      async () => {
        const { items } = await dataOf(api.GET('/api/v1/devices/{id}/tokens', { params: { path } }));
        return items.every(({ status }) => status === 'active');
      },
      { ...WITHIN, what: 'the token is active' },
    );
    const before = await dataOf(api.GET('/api/v1/devices/{id}', { params: { path } }));
    const patch = (ifMatch: string) =>
      api.PATCH('/api/v1/devices/{id}', {
        params: { path, header: { 'If-Match': ifMatch } },
        body: { tags: ['north'], serialNumber: null },
      });
    const edited = await dataOf(patch(`"${before.version}"`));
    expect(edited.tags).toEqual(['north']);
    const { error } = await patch(`"${before.version}"`);
    expect(error?.code).toBe('version-mismatch');

    const list = await dataOf(
      api.GET('/api/v1/devices', { params: { query: { filter: 'tags==north', count: true, limit: 1 } } }),
    );
    expect([list.items.map(({ name }) => name), list.nextCursor, list.total]).toEqual([
      ['radiator-1'],
      null,
      1,
    ]);

    const deleted = await api.DELETE('/api/v1/devices/{id}', { params: { path } });
    expect(deleted.response.status).toBe(204);
    const gone = await api.GET('/api/v1/devices/{id}', { params: { path } });
    expect(gone.error?.code).toBe('device-not-found');
  });

  it('reads what software a device runs, and finds devices by it', async () => {
    const type = await dataOf(api.POST('/api/v1/device-types', { body: { name: 'meter' } }));
    await dataOf(
      api.POST('/api/v1/device-types/{id}/firmware-types', {
        params: { path: { id: type.name } },
        body: { name: 'main', versionKey: 'fw', urlKey: 'fwUrl', tokenKey: 'fwToken' },
      }),
    );
    const device = await dataOf(
      api.POST('/api/v1/devices', { body: { name: 'meter-1', deviceType: type.name } }),
    );
    const topic = `kp1/${type.appVersions[0]?.name ?? ''}/cmx_ota/${device.token ?? ''}/applied/json`;
    await mqtt.publishAsync(topic, '{"configId":"1.2.0"}', { qos: 1 });
    const running = await eventually(
      async () => {
        const { items } = await dataOf(
          api.GET('/api/v1/devices/{id}/software', { params: { path: { id: device.id } } }),
        );
        if (items.length === 0) throw new Error('nothing was reported yet');
        return items;
      },
      { ...WITHIN, what: 'the version is reported' },
    );
    expect(running).toMatchObject([{ name: 'default', firmwareType: 'main', reportedVersion: '1.2.0' }]);
    await eventually(
      async () => {
        const filter = 'software.default==1.2.0';
        const { items } = await dataOf(api.GET('/api/v1/devices', { params: { query: { filter } } }));
        return items.some(({ id }) => id === device.id);
      },
      { ...WITHIN, what: 'the device is found by its version' },
    );
  });

  it('signs in as a page does, stays signed in when everything is killed, and signs out', async () => {
    const { data: me, response } = await createApiClient({ baseUrl: platform.url }).POST('/api/v1/sessions', {
      body: { key: platform.apiKey },
    });
    const cookie = response.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
    const page = createApiClient({ baseUrl: platform.url });
    // What a browser adds by itself.
    page.use({
      onRequest: ({ request }) => {
        request.headers.set('cookie', cookie);
        request.headers.set('origin', platform.url);
      },
    });
    await platform.kill9();
    await platform.restart();
    expect(await dataOf(page.GET('/api/v1/me'))).toEqual(me);
    await dataOf(page.POST('/api/v1/device-types', { body: { name: 'made-in-a-session' } }));
    expect((await page.DELETE('/api/v1/sessions/current')).response.status).toBe(204);
    expect((await page.GET('/api/v1/me')).error?.code).toBe('session-ended');
  });
});
