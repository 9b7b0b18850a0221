import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mqttUrl, startPlatform, type Platform } from '@muster/testing';
import mqtt, { type MqttClient } from 'mqtt';

/** A device is stored under one app version and speaks as another: what it is told is that version's. */
interface Device {
  readonly id: string;
  readonly token: string;
  readonly credential: { readonly secret?: string };
}

const TYPE = '/device-types/boiler';
/** That nothing more comes shows only by waiting: longer than anything here takes. */
const A_WHILE_MS = 1_500;

let platform: Platform;
let made = 0;
const clients: MqttClient[] = [];

const ok = async (method: string, path: string, body: unknown, status: number): Promise<unknown> => {
  const answer = await platform.api(method, path, body);
  expect({ path, status: answer.status, body: answer.body }).toMatchObject({ status });
  return answer.body;
};

beforeAll(async () => {
  platform = await startPlatform();
  const appVersions = ['v1', 'v2', 'v3'].map((name) => ({ name: `boiler-${name}` }));
  await ok('POST', '/device-types', { name: 'boiler', appVersions }, 201);
  for (const version of ['v1', 'v2']) {
    const path = `${TYPE}/app-versions/boiler-${version}/configuration/defaults`;
    await ok('PATCH', path, { of: version }, 202);
  }
}, 60_000);

afterEach(async () => {
  for (const client of clients.splice(0)) await client.endAsync();
});

afterAll(async () => {
  await platform.stop();
});

/** Stored under boiler-v1. */
const newDevice = async (by: 'mqtt' | 'http' = 'mqtt'): Promise<Device> => {
  made += 1;
  const asked = { name: `b${made}`, deviceType: 'boiler', appVersion: 'boiler-v1', interface: by };
  const device = (await ok('POST', '/devices', asked, 201)) as Device;
  // Until the document that it was made with was offered to nobody: that would be one more reason to send it.
  await eventually(async () => {
    const { body } = await platform.api('GET', `/devices/${device.id}/configuration/history`);
    return JSON.stringify(body).includes(by === 'http' ? '"configId"' : '"subscriber":false');
  });
  return device;
};
const storedVersion = async ({ id }: Device): Promise<string> =>
  ((await platform.api('GET', `/devices/${id}`)).body as { appVersion: string }).appVersion;

/** What arrives, as `<app version> <extension> <path> <what of the payload counts>`. */
const open = async (device: Device, ...subscriptions: readonly string[]) => {
  const client = await mqtt.connectAsync(mqttUrl(), { reconnectPeriod: 0 });
  clients.push(client);
  const got: string[] = [];
  client.on('message', (topic, body) => {
    const [, version = '', extension = '', , ...path] = topic.split('/');
    const parsed = JSON.parse(body.toString() || 'null') as { config?: unknown };
    const told = JSON.stringify(extension === 'cmx' ? (parsed.config ?? parsed) : parsed);
    got.push(`${version.replace('boiler-', '')} ${extension} ${path.join('/')} ${told}`);
  });
  const topicOf = (version: string, extension: string, path: string) =>
    `kp1/boiler-${version}/${extension}/${device.token}/${path}`;
  for (const one of subscriptions) {
    const [version = '', extension = '', path = ''] = one.split(' ');
    await client.subscribeAsync(topicOf(version, extension, path), { qos: 1 });
  }
  const send = (version: string, extension: string, path: string, body = '{}') =>
    client.publishAsync(topicOf(version, extension, path), body, { qos: 1 });
  return { got, send };
};

/** Five devices at the same time: what goes wrong only now and then shows. */
const fiveTimes = (one: () => Promise<void>) => (): Promise<unknown> =>
  Promise.all(Array.from({ length: 5 }, one));

describe('a device that asks as another version than the one it is stored under', () => {
  it(
    'is answered with the document of that version, and moves to it',
    fiveTimes(async () => {
      const device = await newDevice();
      const { got, send } = await open(device, 'v2 cmx config/json/+/status');
      await send('v2', 'cmx', 'config/json/1');
      await eventually(() => got.length > 0);
      expect(got).toEqual(['v2 cmx config/json/1/status {"of":"v2"}']);
      await eventually(async () => (await storedVersion(device)) === 'boiler-v2');
      await sleep(A_WHILE_MS);
      expect(got).toHaveLength(1);
      const configuration = await ok('GET', `/devices/${device.id}/configuration`, undefined, 200);
      expect(configuration).toMatchObject({ syncState: 'dispatched', keys: { of: { desired: 'v2' } } });
    }),
  );

  it(
    'is so over HTTP',
    fiveTimes(async () => {
      const device = await newDevice('http');
      const answer = await fetch(`${platform.devicesUrl}/kp1/boiler-v2/cmx/${device.token}/config/json`, {
        method: 'POST',
        headers: { authorization: `Bearer ${device.credential.secret ?? ''}` },
        body: '{}',
      });
      expect(await answer.json()).toMatchObject({ config: { of: 'v2' } });
      await eventually(async () => (await storedVersion(device)) === 'boiler-v2');
    }),
  );

  it('loses what the version does not have, where that has nothing', async () => {
    const device = await newDevice();
    const { got, send } = await open(device, 'v3 cmx config/json/+/status');
    await send('v3', 'cmx', 'config/json/1');
    await eventually(() => got.length > 0);
    expect(got).toEqual(['v3 cmx config/json/1/status {}']);
  });

  it('is answered on the topics of that version whatever it asks for', async () => {
    const device = await newDevice();
    await ok('POST', `/devices/${device.id}/commands`, { type: 'heat' }, 201);
    const { got, send } = await open(
      device,
      ...['cex command/heat/+/status', 'epmx get/+/status', 'cmx_ota config/json/+/status'].map(
        (one) => `v2 ${one}`,
      ),
    );
    await send('v2', 'cex', 'command/heat/1');
    await send('v2', 'epmx', 'get/2');
    await send('v2', 'cmx_ota', 'config/json/3');
    await eventually(() => got.length === 3);
    expect(got.toSorted()).toEqual([
      'v2 cex command/heat/1/status [{"id":1}]',
      'v2 cmx_ota config/json/3/status {"id":3,"statusCode":304,"reasonPhrase":"Not changed"}',
      'v2 epmx get/2/status {}',
    ]);
  });
});

describe('a device that subscribes as another version than the one it is stored under', () => {
  it(
    'is sent the document of that version, and does not move to it',
    fiveTimes(async () => {
      const device = await newDevice();
      const { got } = await open(device, 'v2 cmx #');
      await eventually(() => got.length > 0);
      await sleep(A_WHILE_MS);
      expect(got).toEqual(['v2 cmx config/json/status {"of":"v2"}']);
      expect(await storedVersion(device)).toBe('boiler-v1');
    }),
  );

  it('is sent what changes as that version', async () => {
    const device = await newDevice();
    const { got } = await open(device, 'v2 cmx #', 'v2 cex #');
    await eventually(() => got.length > 0);
    await ok('PATCH', `/devices/${device.id}/configuration/desired`, { own: 1 }, 200);
    await ok('POST', `/devices/${device.id}/commands`, { type: 'heat' }, 201);
    await eventually(() => got.length === 3);
    expect(got.slice(1).toSorted()).toEqual([
      'v2 cex command/heat/status [{"id":1}]',
      'v2 cmx config/json/status {"of":"v2","own":1}',
    ]);
  });

  it('and as that one too is sent each its own, and stays where it is', async () => {
    const device = await newDevice();
    const { got } = await open(device, 'v1 cmx #', 'v2 cmx #');
    await eventually(() => got.length === 2);
    await sleep(A_WHILE_MS);
    expect(got.toSorted()).toEqual([
      'v1 cmx config/json/status {"of":"v1"}',
      'v2 cmx config/json/status {"of":"v2"}',
    ]);
    expect(await storedVersion(device)).toBe('boiler-v1');
    await ok('POST', `/devices/${device.id}/commands`, { type: 'heat' }, 201);
  });

  it('moves to it with the first message that it sends as that version', async () => {
    const device = await newDevice();
    const { got, send } = await open(device, 'v2 cmx #');
    await eventually(() => got.length > 0);
    await send('v2', 'dcx', 'json', '{"temperature":21}');
    await eventually(async () => (await storedVersion(device)) === 'boiler-v2');
    expect(new Set(got)).toEqual(new Set(['v2 cmx config/json/status {"of":"v2"}']));
  });
});
