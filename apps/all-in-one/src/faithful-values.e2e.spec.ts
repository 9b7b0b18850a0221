import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mqttUrl, startPlatform, type Platform } from '@muster/testing';
import { connectAsync, type MqttClient } from 'mqtt';

/** Every value that cannot be kept as it was sent, at every door where the outside comes in: refused in words, or kept exactly. */

interface Device {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
  readonly credential: { readonly secret?: string };
}

interface Refused {
  readonly status: number;
  readonly text: string;
}

let platform: Platform;
let http: Device;
let mqtt: Device;
let client: MqttClient;
let requests = 0;

beforeAll(async () => {
  platform = await startPlatform();
  await created('/device-types', { name: 'meter', settings: { plainTelemetry: true } });
  http = (await created('/devices', { name: 'over-http', deviceType: 'meter', interface: 'http' })) as Device;
  mqtt = (await created('/devices', { name: 'over-mqtt', deviceType: 'meter' })) as Device;
  client = await connectAsync(mqttUrl());
  await client.subscribeAsync(`kp1/${mqtt.appVersion}/+/${mqtt.token}/#`, { qos: 1 });
}, 60_000);

afterAll(async () => {
  await client.endAsync();
  await platform.stop();
});

const created = async (path: string, body: object): Promise<{ id: string }> => {
  const answer = await platform.api('POST', path, body);
  expect(answer).toMatchObject({ status: 201 });
  return answer.body as { id: string };
};

/** A text with one value in it, as bytes: what is no text cannot be sent as one. */
const bytesOf = (text: string, value: Value): Buffer => {
  const [before = '', after = ''] = text.split('$');
  return Buffer.concat([Buffer.from(before), Buffer.from(value.sent as string), Buffer.from(after)]);
};

interface Value {
  readonly what: string;
  /** In the place of `"k"` or any value. */
  readonly sent: string | Buffer;
  /** With the path in front, where it has one. */
  readonly rule: RegExp;
}

const VALUES: readonly Value[] = [
  { what: 'a number beyond a double', sent: '1e999', rule: /a double can hold/ },
  { what: 'a number that would be 0', sent: '1e-999', rule: /a double can hold/ },
  { what: 'an integer that would be rounded', sent: '9007199254740993', rule: /kept exactly/ },
  { what: 'the same with a fraction', sent: '9007199254740993.0', rule: /kept exactly/ },
  { what: 'twenty digits', sent: '-12345678901234567890', rule: /kept exactly/ },
  { what: 'one of them deep inside', sent: '[1,{"x":9007199254740993}]', rule: /\[1\]\.x must be a number/ },
  { what: 'a key given twice', sent: '{"x":1,"x":1}', rule: /x must be given once/ },
  { what: 'a key given twice, written otherwise', sent: '{"x":1,"\\u0078":2}', rule: /x must be given once/ },
  { what: 'bytes that are no UTF-8', sent: Buffer.from([0x22, 0xff, 0x22]), rule: /must be UTF-8/ },
  { what: 'half a surrogate pair', sent: '"\\ud800"', rule: /half a surrogate pair/ },
  { what: 'U+0000', sent: '"\\u0000"', rule: /U\+0000/ },
];

type Door = (text: Buffer) => Promise<Refused>;

const overRest =
  (method: string, path: () => string): Door =>
  async (body) => {
    const answer = await platform.api(method, path(), new Uint8Array(body));
    return { status: answer.status, text: JSON.stringify(answer.body) };
  };

const topicOf = ({ appVersion, token }: Device, path: string): string => {
  const [extension = '', ...rest] = path.split('/');
  return ['kp1', appVersion, extension, token, ...rest].join('/');
};

const overHttp =
  (path: string): Door =>
  async (body) => {
    const response = await fetch(`${platform.devicesUrl}/${topicOf(http, path)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${http.credential.secret ?? ''}` },
      body: new Uint8Array(body),
    });
    return { status: response.status, text: await response.text() };
  };

const overMqtt =
  (path: string): Door =>
  async (body) => {
    requests += 1;
    const topic = `${topicOf(mqtt, path)}/${requests}`;
    const answer = new Promise<Refused>((resolve) => {
      const take = (from: string, payload: Buffer): void => {
        if (!from.startsWith(`${topic}/`)) return;
        client.off('message', take);
        const text = payload.toString();
        resolve({
          status: from.endsWith('/error') ? (JSON.parse(text) as { statusCode: number }).statusCode : 200,
          text,
        });
      };
      client.on('message', take);
    });
    await client.publishAsync(topic, body, { qos: 1 });
    return answer;
  };

/** What is written around the value, in the place of `$`. */
const DOORS: readonly (readonly [string, string, Door])[] = [
  [
    'a new device',
    '{"name":"d","deviceType":"meter","metadata":{"k":$}}',
    overRest('POST', () => '/devices'),
  ],
  ['an edited device', '{"name":$}', overRest('PATCH', () => `/devices/${mqtt.id}`)],
  [
    'a new device type',
    '{"name":"t","settings":{"metadataKeys":{"k":$}}}',
    overRest('POST', () => '/device-types'),
  ],
  ['metadata', '{"k":$}', overRest('PATCH', () => `/devices/${mqtt.id}/metadata`)],
  ['one metadata key', '$', overRest('PUT', () => `/devices/${mqtt.id}/metadata/k`)],
  ['merged desired values', '{"k":$}', overRest('PATCH', () => `/devices/${mqtt.id}/configuration/desired`)],
  [
    'replaced desired values',
    '{"k":{"l":$}}',
    overRest('PUT', () => `/devices/${mqtt.id}/configuration/desired`),
  ],
  ['a reoffer', '{"reason":$}', overRest('POST', () => `/devices/${mqtt.id}/configuration/reoffer`)],
  ['defaults', '{"k":$}', overRest('PATCH', () => '/device-types/meter/configuration/defaults')],
  [
    'rules',
    '{"keys":{"k":{"schema":{"const":$}}}}',
    overRest('PATCH', () => '/device-types/meter/configuration'),
  ],
  [
    'a bulk change',
    '{"target":{"filter":"name==x"},"desired":{"k":$}}',
    overRest('POST', () => '/configuration/bulk'),
  ],
  ['a command', '{"type":"reboot","payload":$}', overRest('POST', () => `/devices/${mqtt.id}/commands`)],
  ['a firmware type', '{"name":$}', overRest('POST', () => '/device-types/meter/firmware-types')],
  ['an integration', '{"name":"i","services":[$]}', overRest('POST', () => '/integrations')],
  ...(
    [
      ['telemetry', '{"k":$}', 'dcx/json'],
      ['a batch of telemetry', '[{"k":1},{"k":$}]', 'dcx/json'],
      ['a command result', '[{"id":1,"statusCode":200,"payload":$}]', 'cex/result/reboot'],
      ['a metadata update', '{"k":$}', 'epmx/update'],
      ['a metadata update of some keys', '{"k":$}', 'epmx/update/keys'],
      ['metadata keys to delete', '[$]', 'epmx/delete/keys'],
      ['a configuration request', '{"configId":$}', 'cmx/config/json'],
      ['an applied configuration', '{"configId":"a","reasonPhrase":$}', 'cmx/applied/json'],
      ['a state report', '{"k":$}', 'cmx/state/json'],
      ['a software request', '{"configId":$}', 'cmx_ota/config/json'],
      ['an applied software', '{"configId":"a","reasonPhrase":$}', 'cmx_ota/applied/json'],
    ] as const
  ).flatMap(([what, text, path]) => [
    [`${what} over HTTP`, text, overHttp(path)] as const,
    [`${what} over MQTT`, text, overMqtt(path)] as const,
  ]),
];

describe.each(DOORS)('%s', (_door, text, send) => {
  it.each(VALUES)('refuses $what', async (value) => {
    const { status, text: said } = await send(bytesOf(text, value));
    expect({ status, said }).toEqual({ status: 400, said: expect.stringMatching(value.rule) });
  });
});

describe('what is kept', () => {
  it('comes back as the same number, and two documents have two ids', async () => {
    const exact =
      '{"a":9007199254740992,"b":0.1,"c":1e20,"d":-1.5e-7,"e":1.10,"f":123456789.123456789,"__proto__":1}';
    const ids = [];
    for (const desired of [exact, exact.replace('740992', '740994'), exact.replace('0.1', '0.2')]) {
      await platform.api('PUT', `/devices/${mqtt.id}/configuration/desired`, desired);
      const { body } = await platform.api('GET', `/devices/${mqtt.id}/configuration`);
      const { configId, keys } = body as { configId: string; keys: Record<string, { desired?: unknown }> };
      ids.push(configId);
      const read = Object.fromEntries(
        Object.entries(keys).map(([name, { desired: value }]) => [name, value]),
      );
      expect(read).toEqual(JSON.parse(desired));
    }
    expect(new Set(ids).size).toBe(3);
  });
});

describe('a query', () => {
  it.each([
    ['configuration/history?from=2026-11-28T12:28:30', 'from must be an ISO 8601 time'],
    ['configuration/history?to=2026-02-30T00:00:00Z', 'to must be an ISO 8601 time that exists'],
    ['configuration?at=2026-11-28T12:28:30', 'at must be an ISO 8601 time'],
    ['configuration?at=2026-11-28', 'at must be an ISO 8601 time'],
    ['telemetry?from=2026-11-28T12:28:30', 'from must be'],
    ['telemetry?to=2026-11-28T25:00:00Z', 'to must be'],
    ['telemetry?from=2026-11-28T12:00:00+01:00', '%2B'],
    ['telemetry?limit=abc', 'limit must be an integer'],
    ['telemetry?keys=%ff', 'keys must be percent-encoded UTF-8'],
    ['configuration/history?key=%00', 'key must not contain the character U+0000'],
  ])('is refused, naming the parameter: %s', async (query, rule) => {
    const answer = await platform.api('GET', `/devices/${mqtt.id}/${query}`);
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining(rule) } });
  });

  it.each(['2026-11-28T12:28:30', '2026-02-30', '2026-02-30T00:00:00Z'])(
    'filter with the time %s is refused',
    async (time) => {
      const answer = await platform.api('GET', `/devices?filter=${encodeURIComponent(`lastSeenAt<${time}`)}`);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-filter' } });
    },
  );

  it('with an address that is no UTF-8 is refused', async () => {
    for (const path of ['/devices/%ff', '/devices/%00', '/devices/x/metadata/%ed%a0%80']) {
      expect(await platform.api('GET', path)).toMatchObject({ status: 400 });
    }
  });
});

describe('a form and an upload', () => {
  it.each([
    ['description', Buffer.from([0xff]), 'must be UTF-8 text'],
    ['description', Buffer.from('a\u202Eb'), 'must not contain U+202E'],
    ['version', Buffer.from('1\u0000'), 'must not contain the character U+0000'],
  ])('is refused with the field: %s %j', async (name, value, rule) => {
    const part = (field: string): string => `--x\r\ncontent-disposition: form-data; name="${field}"\r\n\r\n`;
    const form = Buffer.concat([
      Buffer.from(
        `${part('firmwareType')}main\r\n${name === 'version' ? '' : `${part('version')}1\r\n`}${part(name)}`,
      ),
      value,
      Buffer.from(
        '\r\n--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nbytes\r\n--x--\r\n',
      ),
    ]);
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    const answer = await platform.api('POST', '/firmwares', new Uint8Array(form), headers);
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining(rule) } });
    expect((answer.body as { detail: string }).detail).toContain(name);
  });

  it.each([
    ['%ff', 'the query must be percent-encoded UTF-8'],
    ['a%00', 'name must not contain U+0000'],
    ['a%E2%80%AEb', 'name must not contain U+202E'],
    ['%20', 'name must have a character that can be seen'],
  ])('by a device is refused for the name %s', async (name, rule) => {
    const { text } = await overHttp('bcx/token')(Buffer.alloc(0));
    const { token } = JSON.parse(text) as { token: string };
    const url = `${platform.devicesUrl}/bcx/api/v1/binary-data?name=${name}`;
    const response = await fetch(url, { method: 'POST', headers: { 'x-auth-token': token }, body: 'x' });
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining(rule)]);
  });
});

describe('a time in telemetry', () => {
  it.each(['2026-11-28T12:28:30', '2026-02-30T00:00:00Z', '2026-11-28T25:00:00Z'])(
    '%s is refused',
    async (ts) => {
      const body = Buffer.from(JSON.stringify({ ts, k: 1 }));
      for (const send of [overHttp('dcx/json'), overMqtt('dcx/json')]) {
        expect(await send(body)).toMatchObject({ status: 400, text: expect.stringMatching(/ts must be/) });
      }
    },
  );
});

describe('a name', () => {
  it.each([' ', '\t', '\u202E', 'txt\u202Eexe', ' a', 'a ', '\u200B', 'a\nb'])(
    '%j is refused with its field',
    async (name) => {
      const device = await platform.api('POST', '/devices', { name, deviceType: 'meter' });
      expect(device).toMatchObject({ status: 400, body: { errors: [{ path: 'name' }] } });
      const edited = await platform.api('PATCH', `/devices/${mqtt.id}`, { name });
      expect(edited).toMatchObject({ status: 400, body: { errors: [{ path: 'name' }] } });
      const folder = await platform.api('PATCH', `/devices/${mqtt.id}`, { folder: `/paris/${name}` });
      expect(folder).toMatchObject({ status: 400, body: { errors: [{ path: 'folder' }] } });
      for (const path of ['/device-types', '/integrations', '/device-types/meter/firmware-types']) {
        const answer = await platform.api('POST', path, { name });
        expect(answer).toMatchObject({
          status: 400,
          body: { errors: expect.arrayContaining([expect.objectContaining({ path: 'name' })]) },
        });
      }
    },
  );
});

describe('an interface that nobody serves', () => {
  it('is refused with what to do', async () => {
    const device = { name: 'in-the-hub', deviceType: 'meter', interface: 'iothub' };
    const message = 'must be another: no IoT Hub takes devices of this type; add one at /iot-hubs';
    expect(await platform.api('POST', '/devices', device)).toMatchObject({
      status: 400,
      body: { code: 'invalid-request', errors: [{ path: 'interface', message }] },
    });
  });
});

interface OpenApi {
  readonly paths: Record<string, Record<string, { requestBody?: { required?: boolean; content?: object } }>>;
}

const openApi = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../docs/openapi.json'), 'utf8'),
) as OpenApi;

describe('a route that needs a body', () => {
  const routes = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(
        ([, { requestBody }]) =>
          requestBody?.required === true && 'application/json' in (requestBody.content ?? {}),
      )
      .map(([method]) => [method.toUpperCase(), path.replace('/api/v1', '')] as const),
  );

  const addressOf = (path: string): string =>
    path.replace(/\{(\w+)\}/g, (_whole, name: string) => (name === 'id' ? mqtt.id : 'x'));

  it.each(routes)('%s %s takes no value that cannot be kept', async (method, path) => {
    for (const value of VALUES) {
      const { status, text } = await overRest(method, () => addressOf(path))(bytesOf('{"k":$}', value));
      expect({ value: value.what, status, text }).toMatchObject({
        status: 400,
        text: expect.stringMatching(value.rule),
      });
    }
  });

  // Without one, a token is generated, and a document offered once more.
  const OPTIONAL = /\/(tokens|reoffer)$/;

  it.each(routes.filter(([, path]) => !OPTIONAL.test(path)))(
    '%s %s takes none for none',
    async (method, path) => {
      const answer = await platform.api(method, addressOf(path));
      expect({ status: answer.status, detail: (answer.body as { detail?: string }).detail }).toEqual({
        status: 400,
        detail: expect.stringContaining('The body is missing'),
      });
    },
  );

  it('are many', () => expect(routes.length).toBeGreaterThan(10));
});

describe('what belongs to a device or a type', () => {
  // The history outlives the device, until it is erased.
  const OUTLIVES = '/history';
  const under = (start: string) =>
    Object.entries(openApi.paths)
      .filter(([path, methods]) => path.startsWith(`/api/v1${start}/{id}`) && 'get' in methods)
      .map(([path]) => path.replace('/api/v1', ''));
  const address = (path: string, id: string): string =>
    path.replace('{id}', id).replace(/\{\w+\}/g, 'reboot:1');

  it('is 404 when the device is deleted', async () => {
    const device = (await created('/devices', { name: 'gone', deviceType: 'meter' })) as Device;
    await created(`/devices/${device.id}/commands`, { type: 'reboot' });
    expect((await platform.api('DELETE', `/devices/${device.id}`)).status).toBe(204);
    const found = [];
    for (const path of under('/devices').filter((one) => !one.endsWith(OUTLIVES))) {
      const { status } = await platform.api('GET', address(path, device.id));
      if (status !== 404) found.push(`${path} is ${status}`);
    }
    expect(found).toEqual([]);
  });

  it.each(['/devices', '/device-types'])('is 404 when there never was one in %s', async (start) => {
    const found = [];
    for (const path of under(start)) {
      const { status } = await platform.api('GET', address(path, 'nobody'));
      if (status !== 404) found.push(`${path} is ${status}`);
    }
    expect(found).toEqual([]);
  });
});

/** Made with openssl, valid for a hundred years; nobody has its key. */
const AUTHORITY = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBlDCCATugAwIBAgIUBqs0ROFMSMKcixDEbj91CLOxch8wCgYIKoZIzj0EAwIw',
  'FzEVMBMGA1UEAwwMQW4gYXV0aG9yaXR5MCAXDTI2MTEyODIzMzYwOVoYDzIxMjYx',
  'MTA0MjMzNjA5WjAXMRUwEwYDVQQDDAxBbiBhdXRob3JpdHkwWTATBgcqhkjOPQIB',
  'BggqhkjOPQMBBwNCAASImv9YnPpGFQKAC9+dtvp8553KZ4EmhGSDRo4g69HIuHQG',
  '7EhkrmZhBbrcvYC+iFcJJCU1UPx/N5WPkIa7C83io2MwYTAdBgNVHQ4EFgQUZVIc',
  'zZoHM+lcEHJz6zQ9OuILPHgwHwYDVR0jBBgwFoAUZVIczZoHM+lcEHJz6zQ9OuIL',
  'PHgwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwID',
  'RwAwRAIgfKJGoSdedlih9DMz6Zie/997lBArSK7IIxhLe8ZmS5MCIFUpUYCUAKCF',
  'U06vMTmrl5OXIAdWmuv2ExO8pM6KmLpj',
  '-----END CERTIFICATE-----',
].join('\n');

describe('If-Match with a version that has never been', () => {
  it('is 412 everywhere, also where nothing changes', async () => {
    const routes = Object.entries(openApi.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, operation]) => JSON.stringify(operation).includes('"If-Match"'))
        .map(([method]) => [method.toUpperCase(), path.replace('/api/v1', '')] as const)
        // Of a hub, which has to be there, in iot-hub.e2e.spec.ts.
        .filter(([, where]) => !where.startsWith('/iot-hubs')),
    );
    const { id: firmware } = await upload();
    await created('/device-types/meter/app-versions', { name: 'meter-spare' });
    await platform.api('PUT', `/devices/${mqtt.id}/metadata/k`, 1);
    await platform.api('PUT', `/devices/${mqtt.id}/configuration/desired`, { k: 1 });
    const filter = 'deviceType==meter';
    const group = await created('/groups', { name: 'meters', filter });
    const campaign = await created('/campaigns', {
      name: 'never',
      target: { filter },
      configurations: { k: 1 },
    });
    const supervision = await created('/supervisions', {
      name: 'A supervision',
      target: { filter },
      configurations: { k: 1 },
    });
    const certificate = AUTHORITY;
    const authority = await created('/certificate-authorities', { name: 'An authority', certificate });
    const claimKey = await created('/claim-keys', { name: 'for meters', deviceType: 'meter', limit: 1 });
    const folder = await created('/folders', { path: '/paris' });
    const integration = await created('/integrations', { name: 'reader', services: ['telemetry'] });
    const ids: Readonly<Record<string, string>> = {
      'certificate-authorities': authority.id,
      'claim-keys': claimKey.id,
      devices: mqtt.id,
      firmwares: firmware,
      folders: folder.id,
      groups: group.id,
      integrations: integration.id,
      campaigns: campaign.id,
      supervisions: supervision.id,
    };
    const idOf = (path: string): string => ids[path.split('/')[1] ?? ''] ?? 'meter';
    const bodyOf = (method: string, path: string): unknown => {
      if (method === 'DELETE' || path.endsWith('reoffer')) return undefined;
      if (path.endsWith('metadata/{key}')) return 1;
      if (path.endsWith('/desired')) return { k: 1 };
      if (path.endsWith('/verify')) return { certificate: AUTHORITY };
      return {};
    };
    const passed = [];
    for (const [method, path] of routes) {
      const where = path
        .replace('{id}', idOf(path))
        .replace('{key}', 'k')
        .replace('{firmwareTypeId}', 'main')
        .replace(/\{\w+\}/, 'meter-spare');
      const { status, body } = await platform.api(method, where, bodyOf(method, path), {
        'if-match': '"999999"',
      });
      if (status !== 412) passed.push(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    }
    expect(passed).toEqual([]);
    expect(routes.length).toBeGreaterThan(8);
  });

  const upload = async (): Promise<{ id: string }> => {
    const type = { name: 'main', versionKey: 'v', urlKey: 'u', tokenKey: 't' };
    await created('/device-types/meter/firmware-types', type);
    const answer = await platform.api('POST', '/firmwares', form, FORM);
    expect(answer.status).toBe(201);
    return answer.body as { id: string };
  };

  const FORM = { 'content-type': 'multipart/form-data; boundary=x' };
  const field = (name: string, value: string): string =>
    `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const form =
    field('firmwareType', 'main') +
    field('version', '1.0.0') +
    `--x\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n\r\nbytes\r\n--x--\r\n`;
});
