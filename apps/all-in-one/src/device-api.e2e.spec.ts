import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  eventually,
  mosquittoPub,
  mosquittoRr,
  mosquittoSub,
  startPlatform,
  type MosquittoSubscription,
  type Platform,
} from '@muster/testing';
import { uploadFirmware } from './operator.fixture.js';

/**
 * The device API with mosquitto's own clients, as its published examples have it. Where those cannot work they are put
 * right: a message without payload needs `-n`, and `mosquitto_sub` publishes nothing.
 */
interface Device {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
  /** Of a device that speaks HTTP. */
  readonly credential: { readonly secret?: string };
}

/** One published example: what is sent to `path`, and what comes back. */
interface Example {
  readonly what: string;
  readonly path: string;
  readonly payload?: string;
  /** Before it is sent. */
  readonly given?: (device: Device) => Promise<void>;
  /** `nothing`: zero bytes with a request id, silence without one. Otherwise this JSON, with and without. */
  readonly answer: 'nothing' | ((requestId: number | undefined, device: Device) => unknown);
  /** What it has changed. */
  readonly then?: (device: Device) => Promise<void>;
}

let platform: Platform;
let devices = 0;
let inboxes: MosquittoSubscription[] = [];

beforeAll(async () => {
  platform = await startPlatform();
  const types = [
    { name: 'engine', settings: { plainTelemetry: true } },
    { name: 'strict', settings: {} },
  ];
  for (const type of types) expect((await platform.api('POST', '/device-types', type)).status).toBe(201);
  await releaseFirmware();
}, 60_000);

afterEach(async () => {
  await Promise.all(inboxes.map((inbox) => inbox.stop()));
  inboxes = [];
});

afterAll(async () => {
  await platform.stop();
});

/** 0.0.1 and, from there, 0.0.2. */
const releaseFirmware = async (): Promise<void> => {
  const type = { name: 'main', versionKey: 'fw_version', urlKey: 'fw_url', tokenKey: 'fw_token' };
  expect((await platform.api('POST', '/device-types/engine/firmware-types', type)).status).toBe(201);
  const firmware = await uploadFirmware(platform, '0.0.2', '0.0.1');
  const released = await platform.api('PATCH', firmware, { rollout: { strategy: 'general' } });
  expect(released.status).toBe(200);
};

const newDevice = async (deviceType = 'engine', by: 'mqtt' | 'http' = 'mqtt'): Promise<Device> => {
  devices += 1;
  const asked = { name: `engine-${devices}`, deviceType, interface: by };
  const created = await platform.api('POST', '/devices', asked);
  expect(created.status).toBe(201);
  return created.body as Device;
};

const topic = ({ appVersion, token }: Device, path: string): string => {
  const [extension = '', ...rest] = path.split('/');
  return ['kp1', appVersion, extension, token, ...rest].join('/');
};

const messageOf = (payload: string | undefined): string[] =>
  payload === undefined ? ['-n'] : ['-m', payload];

/** The same path and payload over HTTP; resolves with the body of the answer. */
const post = async (device: Device, path: string, payload = ''): Promise<string> => {
  const response = await fetch(`${platform.devicesUrl}/${topic(device, path)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${device.credential.secret ?? ''}` },
    body: payload,
  });
  const body = await response.text();
  expect([response.status, response.ok ? '' : body]).toEqual([200, '']);
  return body;
};

/** The published form with mosquitto_rr; resolves with the payload of the answer. */
const request = async (
  device: Device,
  path: string,
  payload?: string,
  { answer = 'status', qos = '1' }: { answer?: 'status' | 'error'; qos?: '0' | '1' } = {},
): Promise<string> => {
  const to = topic(device, path);
  const where = ['-W', '10', '-q', qos, '-e', `${to}/${answer}`, '-t', to];
  const result = await mosquittoRr([...where, '-V', '311', ...messageOf(payload)]);
  expect(result).toMatchObject({ code: 0 });
  return result.stdout.trim();
};

const errorOf = async (device: Device, path: string, payload?: string): Promise<unknown> =>
  JSON.parse(await request(device, path, payload, { answer: 'error' })) as unknown;

const subscribe = async (device: Device, ...paths: readonly string[]): Promise<MosquittoSubscription> => {
  const topics = paths.flatMap((path) => ['-t', topic(device, path)]);
  const inbox = await mosquittoSub(['-V', '311', '-F', '%q %t %p', '-q', '1', ...topics]);
  inboxes.push(inbox);
  return inbox;
};

const publish = async (device: Device, path: string, payload?: string, qos = '1'): Promise<void> => {
  const sent = await mosquittoPub(['-t', topic(device, path), '-q', qos, ...messageOf(payload)]);
  expect(sent).toMatchObject({ code: 0 });
};

/** Of a line of an inbox. */
const bodyOf = (line: string): unknown => JSON.parse(line.split(' ').slice(2).join(' ')) as unknown;

const latestOf = async (device: Device): Promise<Record<string, unknown>> => {
  const { body } = await platform.api('GET', `/devices/${device.id}/telemetry/latest`);
  const { items } = body as { items: { key: string; value: unknown }[] };
  return Object.fromEntries(items.map(({ key, value }) => [key, value]));
};

const deviceOf = async (device: Device) =>
  (await platform.api('GET', `/devices/${device.id}`)).body as { metadata: Record<string, unknown> };

const metadata = async (device: Device, patch: object): Promise<void> => {
  const changed = await platform.api('PATCH', `/devices/${device.id}/metadata`, patch);
  expect(changed.status).toBe(200);
};

const command = async (device: Device, type: string, payload?: unknown): Promise<{ id: string }> => {
  const created = await platform.api('POST', `/devices/${device.id}/commands`, { type, payload });
  expect(created.status).toBe(201);
  return created.body as { id: string };
};

const commandOf = async (device: Device, id: string): Promise<unknown> =>
  (await platform.api('GET', `/devices/${device.id}/commands/${encodeURIComponent(id)}`)).body;

const setDesired = async (device: Device, desired: object): Promise<{ configId: string }> => {
  const changed = await platform.api('PATCH', `/devices/${device.id}/configuration/desired`, desired);
  expect(changed.status).toBe(200);
  return changed.body as { configId: string };
};

/** First 32 hex digits of the SHA-256 of the document's canonical JSON, {"key":"value"}. */
const CONFIG_ID = 'e43abcf3375244839c012f9633f95862';
const documentAnswer = (requestId: number | undefined) => ({
  ...(requestId === undefined ? {} : { id: requestId }),
  configId: CONFIG_ID,
  statusCode: 200,
  reasonPhrase: 'ok',
  config: { key: 'value' },
});
const unchangedAnswer = (requestId: number | undefined) => ({
  ...(requestId === undefined ? {} : { id: requestId }),
  statusCode: 304,
  reasonPhrase: 'Not changed',
});
const softwareAnswer = (requestId: number | undefined) => ({
  ...(requestId === undefined ? {} : { id: requestId }),
  configId: '0.0.2',
  statusCode: 200,
  reasonPhrase: 'ok',
  config: expect.objectContaining({ version: '0.0.2', url: expect.stringMatching(/^https?:/) }),
});
const desiredKey = async (device: Device): Promise<void> => {
  expect(await setDesired(device, { key: 'value' })).toMatchObject({ configId: CONFIG_ID });
};
const send = (device: Device, path: string, payload: string): Promise<string> =>
  (device.credential.secret === undefined ? request : post)(device, path, payload);
const runs001 = async (device: Device): Promise<void> => {
  await send(device, 'cmx_ota/applied/json/9', '{"configId":"0.0.1"}');
};

const EXAMPLES: readonly Example[] = [
  {
    what: 'a sample',
    path: 'dcx/json',
    payload: '{\n  "temperature": 21,\n  "humidity": 73\n}',
    answer: 'nothing',
    then: async (device) => expect(await latestOf(device)).toMatchObject({ temperature: 21, humidity: 73 }),
  },
  {
    what: 'a batch',
    path: 'dcx/json',
    payload: JSON.stringify([
      { ts: '2019-04-26T15:41:07+0000', temperature: 21, location: { lat: 34.1340258, lon: -118.3238652 } },
      { ts: '2019-04-26T16:41:07+0000', temperature: 21.5, humidity: 67 },
    ]),
    answer: 'nothing',
    then: async (device) => expect(await latestOf(device)).toMatchObject({ temperature: 21.5 }),
  },
  {
    what: 'a plain sample',
    path: 'dcx/plain/temperature',
    payload: '200',
    answer: 'nothing',
    then: async (device) =>
      expect(await latestOf(device)).toMatchObject({
        'temperature-value': 200,
        'temperature-unit': 'number',
      }),
  },
  {
    what: 'a plain sample with a unit',
    path: 'dcx/plain/battery',
    payload: '47%',
    answer: 'nothing',
    then: async (device) =>
      expect(await latestOf(device)).toMatchObject({ 'battery-value': 47, 'battery-unit': '%' }),
  },
  {
    what: 'all metadata keys',
    path: 'epmx/get/keys',
    given: (device) => metadata(device, { name: 'a', location: 'b', deviceModel: 'c' }),
    answer: () => expect.arrayContaining(['name', 'location', 'deviceModel']),
  },
  {
    what: 'metadata',
    path: 'epmx/get',
    given: (device) => metadata(device, { name: 'Device name', deviceModel: 'new model' }),
    answer: () => expect.objectContaining({ name: 'Device name', deviceModel: 'new model' }),
  },
  {
    what: 'metadata of some keys',
    path: 'epmx/get',
    payload: '{"keys":["name","unknown"]}',
    given: (device) => metadata(device, { name: 'Device name', deviceModel: 'new model' }),
    answer: () => ({ name: 'Device name' }),
  },
  {
    what: 'a full metadata update',
    path: 'epmx/update',
    payload: '{\n  "deviceModel": "example model",\n  "name": "Sensor 1"\n}',
    given: (device) => metadata(device, { location: 'cellar' }),
    answer: 'nothing',
    then: async (device) => {
      const { metadata: stored } = await deviceOf(device);
      expect(stored).toMatchObject({ deviceModel: 'example model', name: 'Sensor 1' });
      expect(stored).not.toHaveProperty('location');
    },
  },
  {
    what: 'a partial metadata update',
    path: 'epmx/update/keys',
    payload: '{\n  "deviceModel": "new model"\n}',
    given: (device) => metadata(device, { location: 'cellar' }),
    answer: 'nothing',
    then: async (device) =>
      expect((await deviceOf(device)).metadata).toMatchObject({
        deviceModel: 'new model',
        location: 'cellar',
      }),
  },
  {
    what: 'a deletion of metadata keys',
    path: 'epmx/delete/keys',
    payload: '[\n  "location",\n  "areaId"\n]',
    given: (device) => metadata(device, { location: 'cellar', name: 'stays' }),
    answer: 'nothing',
    then: async (device) => {
      const { metadata: stored } = await deviceOf(device);
      expect(stored).toMatchObject({ name: 'stays' });
      expect(stored).not.toHaveProperty('location');
    },
  },
  {
    what: 'pending commands of a type',
    path: 'cex/command/start_engine',
    payload: '{\n  "observe": true\n}',
    given: async (device) => {
      await command(device, 'start_engine', { rpm: 900 });
      await command(device, 'other');
    },
    answer: () => [{ id: 1, payload: { rpm: 900 } }],
  },
  { what: 'pending commands when there are none', path: 'cex/command/start_engine', answer: () => [] },
  {
    what: 'pending commands of all types',
    path: 'cex/command',
    given: async (device) => {
      await command(device, 'start_engine', { rpm: 900 });
      await command(device, 'other');
    },
    answer: () => [
      { type: 'start_engine', id: 1, payload: { rpm: 900 } },
      { type: 'other', id: 1 },
    ],
  },
  {
    what: 'a result of a command',
    path: 'cex/result/start_engine',
    payload: JSON.stringify([{ id: 1, statusCode: 200, reasonPhrase: 'Ok', payload: { engine_on: true } }]),
    given: async (device) => {
      await command(device, 'start_engine');
    },
    answer: 'nothing',
    then: async (device) =>
      expect(await commandOf(device, 'start_engine:1')).toMatchObject({
        status: 'executed',
        statusCode: 200,
        result: { engine_on: true },
      }),
  },
  {
    what: 'a result of a command as a single object',
    path: 'cex/result/start_engine',
    payload: '{"id":1,"statusCode":500,"reasonPhrase":null,"extra":1}',
    given: async (device) => {
      await command(device, 'start_engine');
    },
    answer: 'nothing',
    then: async (device) =>
      expect(await commandOf(device, 'start_engine:1')).toMatchObject({ status: 'failed', statusCode: 500 }),
  },
  { what: 'no results', path: 'cex/result/start_engine', payload: '[]', answer: 'nothing' },
  {
    what: 'the configuration',
    path: 'cmx/config/json',
    payload: '{\n  "observe": false\n}',
    given: desiredKey,
    answer: documentAnswer,
  },
  {
    what: 'the configuration by its name',
    path: 'cmx/config/json/default',
    payload: '{}',
    given: desiredKey,
    answer: documentAnswer,
  },
  {
    what: 'the configuration by a device that has it',
    path: 'cmx/config/json',
    payload: JSON.stringify({ configId: CONFIG_ID }),
    given: desiredKey,
    answer: unchangedAnswer,
  },
  {
    what: 'an applied configuration',
    path: 'cmx/applied/json',
    payload: `{\n  "configId": "${CONFIG_ID}"\n}`,
    given: desiredKey,
    answer: 'nothing',
    then: async (device) =>
      expect((await platform.api('GET', `/devices/${device.id}/configuration`)).body).toMatchObject({
        syncState: 'in_sync',
      }),
  },
  {
    what: 'an applied configuration by its name',
    path: 'cmx/applied/json/default',
    payload: JSON.stringify({ configId: CONFIG_ID, statusCode: 400, reasonPhrase: 'no' }),
    given: desiredKey,
    answer: 'nothing',
    then: async (device) =>
      expect((await platform.api('GET', `/devices/${device.id}/configuration`)).body).toMatchObject({
        syncState: 'rejected',
      }),
  },
  {
    what: 'a report of state',
    path: 'cmx/state/json',
    payload: '{"led":true,"wifi":{"rssi":-60}}',
    answer: 'nothing',
    then: async (device) =>
      expect((await platform.api('GET', `/devices/${device.id}/configuration`)).body).toMatchObject({
        keys: { led: { reported: true }, wifi: { reported: { rssi: -60 } } },
      }),
  },
  {
    what: 'the reported state',
    path: 'cmx/state/json/get',
    given: async (device) => {
      await send(device, 'cmx/state/json/1', '{"led":true,"fan":2}');
      await send(device, 'cmx/state/json/2', '{"fan":null}');
    },
    answer: () => ({ led: true }),
  },
  {
    what: 'the next software',
    path: 'cmx_ota/config/json',
    payload: '{\n"observe": true\n}',
    given: runs001,
    answer: softwareAnswer,
  },
  {
    what: 'the next software by its name',
    path: 'cmx_ota/config/json/main',
    payload: '{"configId":"0.0.1"}',
    answer: softwareAnswer,
  },
  { what: 'software when there is none', path: 'cmx_ota/config/json', answer: unchangedAnswer },
  {
    what: 'an applied software',
    path: 'cmx_ota/applied/json',
    payload: '{\n  "configId": "0.0.2"\n}',
    answer: 'nothing',
  },
  {
    what: 'an applied software nobody knows',
    path: 'cmx_ota/applied/json',
    payload: JSON.stringify({ configId: CONFIG_ID, statusCode: null }),
    answer: 'nothing',
  },
  { what: 'an upload token', path: 'bcx/token', answer: () => ({ token: expect.any(String) }) },
];

describe('with a request id', () => {
  it.each(EXAMPLES)('$what: $path', async ({ path, payload, given, answer, then }) => {
    const device = await newDevice();
    await given?.(device);
    const said = await request(device, `${path}/42`, payload);
    if (answer === 'nothing') expect(said).toBe('');
    else expect(JSON.parse(said)).toEqual(answer(42, device));
    await then?.(device);
  });
});

describe('without a request id', () => {
  it.each(EXAMPLES)('$what: $path', async ({ path, payload, given, answer, then }) => {
    const device = await newDevice();
    await given?.(device);
    // Not the topic itself: who subscribes with `#` also gets what it publishes.
    const inbox = await subscribe(device, `${path}/error`, `${path}/status`);
    if (answer === 'nothing') {
      await publish(device, path, payload);
      await eventually(
        async () => {
          await then?.(device);
          return true;
        },
        { what: 'it is stored' },
      );
      // Answered after it, on the way it took.
      await request(device, `${path}/7`, payload);
      expect(inbox.lines()).toEqual([]);
    } else {
      await publish(device, path, payload, '0');
      const wanted = answer(undefined, device);
      await eventually(() => {
        const lines = inbox.lines();
        // A push that the subscription caused may come first; the answer has the quality of service of the request.
        const answers = lines.filter((line) => line.startsWith(`0 ${topic(device, path)}/status `));
        expect(answers).toHaveLength(1);
        // What the subscription was pushed is left out of the answer to who observes.
        if (path.startsWith('cex/command/')) expect(lines.flatMap(bodyOf)).toEqual(wanted);
        else expect(answers.map(bodyOf)).toEqual([wanted]);
        return true;
      });
    }
  });
});

describe('over HTTP', () => {
  it.each(EXAMPLES)('$what: $path', async ({ path, payload, given, answer, then }) => {
    const device = await newDevice('engine', 'http');
    await given?.(device);
    const said = await post(device, path, payload);
    if (answer === 'nothing') expect(said).toBe('');
    else expect(JSON.parse(said)).toEqual(answer(undefined, device));
    await then?.(device);
  });
});

describe('the answer', () => {
  it.each(['0', '1'] as const)('has the quality of service of the request: %s', async (qos) => {
    const device = await newDevice();
    const inbox = await subscribe(device, 'epmx/get/keys/3/status', 'dcx/json/3/status', 'dcx/json/4/error');
    await publish(device, 'epmx/get/keys/3', undefined, qos);
    await publish(device, 'dcx/json/3', '{"a":1}', qos);
    await publish(device, 'dcx/json/4', '{', qos);
    await eventually(() => inbox.lines().length === 3);
    expect(inbox.lines().map((line) => line[0])).toEqual([qos, qos, qos]);
  });
});

describe('what is wrong is said, with and without a request id', () => {
  const WRONG: readonly (readonly [string, string | undefined, number, RegExp])[] = [
    ['dcx/plain/error/5', '1', 400, /reserved/],
    ['dcx/plain/12/5', '1', 400, /digits/],
    ['dcx/plain/12', '1', 404, /unknown resource/],
    ['dcx/plain/a/5', undefined, 400, /empty/],
    ['epmx/get/5', '{"key":["a"]}', 400, /"key"/],
    ['epmx/update/5', '{}', 400, /at least one/],
    ['epmx/update/keys/5', '{"a-b":1}', 400, /a-b/],
    ['epmx/delete/keys/5', '[]', 400, /must have at least 1 item/],
    ['epmx/delete/keys', '["a","a"]', 400, /must not hold the same value twice/],
    ['cex/command/status/5', '{}', 400, /reserved/],
    ['cex/command/reboot/5', '{"observe":"yes"}', 400, /observe/],
    ['cex/result/reboot/5', '[{"id":1}]', 400, /statusCode/],
    ['cex/result/reboot', '[{"id":8,"statusCode":200},{"id":9,"statusCode":200}]', 404, /8, 9/],
    ['cex/result/5', '[]', 404, /unknown resource/],
    ['cmx/config/json/eco/5', '{}', 404, /"default"/],
    ['cmx/applied/json/eco/5', '{"configId":"a"}', 404, /"default"/],
    ['cmx/applied/json', '{}', 400, /configId/],
    ['cmx/state/json', '[1]', 400, /object/],
    ['cmx/state/json/5', '{"a.b":1}', 400, /reported\.a\.b/],
    ['cmx_ota/config/json/unheard-of/5', '{}', 404, /firmware type/],
    ['bcx/tokens/5', undefined, 404, /unknown resource/],
  ];

  it.each(WRONG)('%s %j: %i', async (path, payload, statusCode, reason) => {
    const device = await newDevice();
    expect(await errorOf(device, path, payload)).toEqual({
      statusCode,
      reasonPhrase: expect.stringMatching(reason),
    });
  });

  it('403 for plain telemetry where the device type does not have it', async () => {
    const device = await newDevice('strict');
    expect(await errorOf(device, 'dcx/plain/temperature', '200')).toEqual({
      statusCode: 403,
      reasonPhrase: 'plain telemetry is not enabled for the device type',
    });
  });

  it('404 for unknown results, after the known ones of the same message were taken', async () => {
    const device = await newDevice();
    await command(device, 'reboot');
    const results = [7, 1].map((id) => ({ id, statusCode: 200 }));
    expect(await errorOf(device, 'cex/result/reboot/5', JSON.stringify(results))).toEqual({
      statusCode: 404,
      reasonPhrase: 'no such command: 7',
    });
    expect(await commandOf(device, 'reboot:1')).toMatchObject({ status: 'executed' });
  });

  it.each(['dcx/plain/status', 'cex/command/reboot/status', 'cmx/config/json/error'])(
    '403 on %s, where only the platform speaks',
    async (path) => {
      const device = await newDevice();
      const to = topic(device, path);
      const args = ['-V', '311', '-q', '1', '-t', to, '-e', `${to}/error`, '-m', '[]'];
      const { stdout } = await mosquittoRr(args);
      expect(JSON.parse(stdout)).toMatchObject({ statusCode: 403 });
    },
  );
});

describe('pushes', () => {
  it('bring a command at once, on the topic of its type without id, QoS 1', async () => {
    const device = await newDevice();
    const inbox = await subscribe(device, 'cex/command/reboot/status');
    await command(device, 'reboot', { delaySeconds: 5 });
    await command(device, 'other');
    await command(device, 'reboot');
    await eventually(() => inbox.lines().length >= 2);
    expect(inbox.lines()).toEqual([
      `1 ${topic(device, 'cex/command/reboot/status')} [{"id":1,"payload":{"delaySeconds":5}}]`,
      `1 ${topic(device, 'cex/command/reboot/status')} [{"id":2}]`,
    ]);
  });

  it('offer outstanding commands again at every subscription, until there is a result', async () => {
    const device = await newDevice();
    await command(device, 'reboot');
    for (const path of ['cex/command/reboot/status', 'cex/#', 'cex/command/+/status']) {
      const inbox = await subscribe(device, path);
      expect(bodyOf(await inbox.line(() => true))).toEqual([{ id: 1 }]);
    }
    await request(device, 'cex/result/reboot/1', '[{"id":1,"statusCode":200}]');
    const inbox = await subscribe(device, 'cex/command/reboot/status');
    await command(device, 'reboot');
    await eventually(() => inbox.lines().length >= 1);
    expect(inbox.lines().map(bodyOf)).toEqual([[{ id: 2 }]]);
  });

  it('bring a type of commands to nobody who has asked not to have it, until it asks for it again', async () => {
    const device = await newDevice();
    const inbox = await subscribe(device, 'cex/command/+/status');
    await request(device, 'cex/command/reboot/1', '{"observe":false}');
    await command(device, 'reboot');
    await command(device, 'other');
    await inbox.line((line) => line.includes('/command/other/status'));
    expect(inbox.lines()).toHaveLength(1);
    expect(JSON.parse(await request(device, 'cex/command/reboot/1', '{"observe":true}'))).toEqual([
      { id: 1 },
    ]);
    await command(device, 'reboot');
    expect(bodyOf(await inbox.line((line) => line.includes('/command/reboot/status')))).toEqual([{ id: 2 }]);
  });

  it('bring a changed configuration once, also to who subscribes at that moment', async () => {
    const device = await newDevice();
    const [inbox] = await Promise.all([
      subscribe(device, 'cmx/config/json/status'),
      setDesired(device, { interval: 1 }),
    ]);
    await inbox.line(() => true);
    const { configId } = await setDesired(device, { interval: 2 });
    await inbox.line((line) => line.includes(configId));
    expect(inbox.lines().filter((line) => line.includes(configId))).toHaveLength(1);
  });

  it('bring the next software after a version was reported, and at a subscription', async () => {
    const device = await newDevice();
    const inbox = await subscribe(device, 'cmx_ota/config/json/status');
    await publish(device, 'cmx_ota/applied/json', '{"configId":"0.0.1"}');
    expect(bodyOf(await inbox.line(() => true))).toEqual(softwareAnswer(undefined));
    const late = await subscribe(device, 'cmx_ota/#');
    expect(bodyOf(await late.line(() => true))).toEqual(softwareAnswer(undefined));
    await request(device, 'cmx_ota/applied/json/1', '{"configId":"0.0.2"}');
    const answer = await request(device, 'cmx_ota/config/json/5', '{}');
    expect(JSON.parse(answer)).toEqual(unchangedAnswer(5));
  });
});
