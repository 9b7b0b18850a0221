import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing';
import iotDevice from 'azure-iot-device';
import iotDeviceMqtt from 'azure-iot-device-mqtt';
import mqtt from 'mqtt';
import { makeSasToken } from './security/sas.js';
import { deviceOf, Sdk, sourceOf } from './sdk.fixture.js';

let sdk: Sdk;
let clients: mqtt.MqttClient[] = [];

beforeEach(async () => {
  sdk = await Sdk.start({ eventHub: { partitions: 1 } });
  sdk.simulator.createDevice('d1');
});

afterEach(async () => {
  for (const client of clients) await client.endAsync(true);
  clients = [];
  await sdk.stop();
});

const keyOf = (deviceId: string): string =>
  /SharedAccessKey=([^;]+)/.exec(sdk.simulator.deviceConnectionString(deviceId))?.[1] ?? '';

const tokenOf = (deviceId: string, expiresAt = Date.now() + 3_600_000): string =>
  makeSasToken(`${sdk.simulator.hostName}/devices/${deviceId}`, keyOf(deviceId), expiresAt);

/** A device without Microsoft's SDK, which may do what that never does. */
const plain = async (options: mqtt.IClientOptions = {}, deviceId = 'd1'): Promise<mqtt.MqttClient> => {
  const client = mqtt.connect(`mqtts://localhost:${sdk.simulator.ports[0]}`, {
    clientId: deviceId,
    username: `${sdk.simulator.hostName}/${deviceId}/?api-version=2021-04-12`,
    password: tokenOf(deviceId),
    ca: sdk.simulator.authority,
    reconnectPeriod: 0,
    ...options,
  });
  clients.push(client);
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  return client;
};

const isClosed = (client: mqtt.MqttClient): Promise<true> =>
  eventually(() => !client.connected, { what: 'the connection is closed' });

describe('a device', () => {
  it.each<[string, mqtt.IClientOptions]>([
    ['with the key of another', { password: 'SharedAccessSignature sr=x&sig=y&se=9999999999' }],
    ['with another name than its id', { username: 'localhost/d2/?api-version=2021-04-12' }],
    ['of another hub', { username: 'other.azure-devices.net/d1/?api-version=2021-04-12' }],
    ['without anything', { password: undefined }],
    ['that there is not', { clientId: 'nobody', username: 'localhost/nobody/?api-version=2021-04-12' }],
  ])('is refused %s', async (_what, options) => {
    await expect(plain(options)).rejects.toThrow(/Not authorized/);
  });

  it('may come with the key of a policy that lets devices connect, and no other', async () => {
    const token = (policy: string): string =>
      makeSasToken(
        `${sdk.simulator.hostName}/devices/d1`,
        /SharedAccessKey=([^;]+)/.exec(sdk.simulator.connectionString(policy))?.[1] ?? '',
        Date.now() + 60_000,
        policy,
      );
    const client = await plain({ password: token('device') });
    await expect(plain({ password: token('service') })).rejects.toThrow(/Not authorized/);
    sdk.simulator.regenerateKey('device');
    await isClosed(client);
  });

  it('loses its connection to its own second one', async () => {
    const first = await plain();
    const second = await plain();
    await isClosed(first);
    expect(second.connected).toBe(true);
    const { responseBody } = await sdk.registry().get('d1');
    expect(responseBody.connectionState).toBe('Connected');
  });

  it('is cut off when its token runs out', async () => {
    const client = await plain({ password: tokenOf('d1', Date.now() + 3_000) });
    await isClosed(client);
  });

  it('is refused by a clock that is ahead', async () => {
    sdk.simulator.faults.add({ kind: 'clock-skew', ms: 7_200_000 });
    await expect(plain()).rejects.toThrow(/Not authorized/);
    sdk.simulator.faults.clear();
    await plain();
  });

  it('renews its token, as the SDK does it, and goes on', async () => {
    sdk.simulator.setRoutes(['DeviceMessages', 'DeviceConnectionStateEvents']);
    const provider = iotDevice.SharedAccessKeyAuthenticationProvider.fromConnectionString(
      sdk.simulator.deviceConnectionString('d1'),
    );
    provider.setTokenRenewalValues(2, 1);
    const client = iotDevice.Client.fromAuthenticationProvider(provider, iotDeviceMqtt.Mqtt);
    client.on('error', () => undefined);
    await client.open();
    const { events } = sdk.read();
    const connected = (): number =>
      events.filter(({ properties }) => properties?.['opType'] === 'deviceConnected').length;
    await eventually(() => connected() >= 3, { deadlineMs: 8_000 });
    await client.sendEvent(new iotDevice.Message('"still here"'));
    await client.close();
    await eventually(() => events.some((event) => sourceOf(event) === 'Telemetry'));
  });

  it('is cut off when it is disabled, deleted or given another key', async () => {
    const registry = sdk.registry();
    const disabled = await plain();
    await registry.update({ deviceId: 'd1', status: 'disabled' });
    await isClosed(disabled);
    await expect(plain()).rejects.toThrow(/Not authorized/);
    sdk.simulator.createDevice('d2');
    const rekeyed = await plain({}, 'd2');
    await registry.update({ deviceId: 'd2', status: 'enabled' });
    await isClosed(rekeyed);
    const deleted = await plain({}, 'd2');
    await registry.delete('d2');
    await isClosed(deleted);
  });

  it('is cut off for QoS 2, for topics of others, and for what is too large', async () => {
    const exactlyOnce = await plain();
    exactlyOnce.publish('devices/d1/messages/events/', 'x', { qos: 2 });
    await isClosed(exactlyOnce);
    const foreign = await plain();
    foreign.publish('devices/d2/messages/events/', 'x', { qos: 1 });
    await isClosed(foreign);
    const large = await plain();
    large.publish('devices/d1/messages/events/', Buffer.alloc(262_145), { qos: 1 });
    await isClosed(large);
  });

  it('may not listen to everything', async () => {
    const client = await plain();
    await expect(client.subscribeAsync('#')).rejects.toThrow();
    expect(client.connected).toBe(true);
  });

  it('leaves its last will when it vanishes, and none when it says goodbye', async () => {
    const will = {
      topic: 'devices/d1/messages/events/',
      payload: Buffer.from('"gone"'),
      qos: 1 as const,
      retain: false,
    };
    const polite = await plain({ will });
    await polite.endAsync();
    const { events } = sdk.read();
    const vanishing = await plain({ will });
    vanishing.stream.destroy();
    await eventually(() => events.length === 1);
    expect(events[0]).toMatchObject({ body: 'gone', properties: { 'iothub-MessageType': 'Will' } });
  });

  it('keeps its subscriptions with clean session 0', async () => {
    const before = await plain({ clean: false });
    await before.subscribeAsync('$iothub/methods/POST/#');
    await before.endAsync();
    const after = await plain({ clean: false });
    after.on('message', (topic) => {
      const requestId = /\$rid=(.*)$/.exec(topic)?.[1] ?? '';
      after.publish(`$iothub/methods/res/201/?$rid=${requestId}`, '{"ok":true}');
    });
    const service = await sdk.service();
    const answer = service.invokeDeviceMethod('d1', { methodName: 'x', responseTimeoutInSeconds: 5 });
    expect(await answer).toMatchObject({ result: { status: 201, payload: { ok: true } } });
  });

  it('cannot pretend to be another', async () => {
    const client = await plain();
    await client.publishAsync(
      'devices/d1/messages/events/iothub-connection-device-id=d2&iothub-message-source=twinChangeEvents',
      '1',
      { qos: 1 },
    );
    const { events } = sdk.read();
    await eventually(() => events.length === 1);
    expect(events.map((event) => [deviceOf(event), sourceOf(event)])).toEqual([['d1', 'Telemetry']]);
  });

  it("is read more slowly over its hub's quota, and loses nothing", async () => {
    sdk.simulator.setQuotas({ tier: 'S1', scale: 0.2 });
    const client = await plain();
    const began = performance.now();
    await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        client.publishAsync('devices/d1/messages/events/', `${index}`, { qos: 1 }),
      ),
    );
    // 20 at once, ten more at 20 in a second.
    expect(performance.now() - began).toBeGreaterThan(400);
    const { events } = sdk.read();
    await eventually(() => events.length === 30);
  });
});

describe('a direct method', () => {
  it('waits for a device that is about to come, as long as it may', async () => {
    const service = await sdk.service();
    const call = { methodName: 'x', responseTimeoutInSeconds: 5, connectTimeoutInSeconds: 5 };
    const answer = service.invokeDeviceMethod('d1', call);
    const device = await sdk.device('d1');
    device.onDeviceMethod('x', (_request, response) => {
      void response.send(200);
    });
    expect((await answer).result).toMatchObject({ status: 200 });
  });

  it('times out when the device says nothing', async () => {
    const client = await plain();
    await client.subscribeAsync('$iothub/methods/POST/#');
    const service = await sdk.service();
    const answer = service.invokeDeviceMethod('d1', { methodName: 'x', responseTimeoutInSeconds: 30 });
    await Promise.all([
      expect(answer).rejects.toMatchObject({ name: 'GatewayTimeoutError' }),
      new Promise<void>((resolve) => client.once('message', () => resolve())).then(() =>
        sdk.simulator.advanceTime(30_001),
      ),
    ]);
  });
});
