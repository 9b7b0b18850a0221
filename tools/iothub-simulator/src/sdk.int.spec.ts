import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { eventually } from '@muster/testing';
import iotCommon from 'azure-iot-common';
import iotDevice from 'azure-iot-device';
import { makeCertificate } from './security/certificates.js';
import { Sdk, sourceOf } from './sdk.fixture.js';

let sdk: Sdk;

type Reported = { update(patch: object, done: (error: Error | null) => void): void };

const text = (message: iotCommon.Message): string => message.getBytes().toString();

beforeAll(async () => {
  sdk = await Sdk.start({
    routes: ['DeviceMessages', 'TwinChangeEvents', 'DeviceLifecycleEvents', 'DeviceConnectionStateEvents'],
    feedback: { maxDelayMs: 50 },
  });
});

afterAll(async () => {
  await sdk.stop();
});

describe("Microsoft's service SDK over REST", () => {
  it('creates, reads, updates and deletes an identity', async () => {
    const registry = sdk.registry();
    const { responseBody: created } = await registry.create({ deviceId: 'rest-1' });
    expect(created).toMatchObject({ deviceId: 'rest-1', status: 'enabled', connectionState: 'Disconnected' });
    await registry.update({ deviceId: 'rest-1', status: 'disabled', statusReason: 'lost' });
    const { responseBody: read } = await registry.get('rest-1');
    expect(read).toMatchObject({ status: 'disabled', statusReason: 'lost' });
    await registry.delete('rest-1');
    await expect(registry.get('rest-1')).rejects.toThrow(
      expect.objectContaining({ name: 'DeviceNotFoundError' }),
    );
  });

  it('is told of a device that exists already', async () => {
    const registry = sdk.registry();
    await registry.create({ deviceId: 'twice' });
    await expect(registry.create({ deviceId: 'twice' })).rejects.toThrow(
      expect.objectContaining({ name: 'DeviceAlreadyExistsError' }),
    );
  });

  it('counts identities', async () => {
    const registry = sdk.registry();
    const counts = async () =>
      (await registry.getRegistryStatistics()).responseBody as unknown as Record<string, number>;
    const before = await counts();
    await registry.create({ deviceId: 'counted-1' });
    await registry.create({ deviceId: 'counted-2', status: 'disabled' });
    const after = await counts();
    expect(after['totalDeviceCount']).toBe((before['totalDeviceCount'] ?? 0) + 2);
    expect(after['enabledDeviceCount']).toBe((before['enabledDeviceCount'] ?? 0) + 1);
    expect(after['disabledDeviceCount']).toBe((before['disabledDeviceCount'] ?? 0) + 1);
  });

  it('adds and removes many devices at once', async () => {
    const registry = sdk.registry();
    const devices = Array.from({ length: 3 }, (_, index) => ({ deviceId: `bulk-${index}` }));
    const { responseBody: added } = await registry.addDevices(devices);
    expect(added).toMatchObject({ isSuccessful: true });
    const { responseBody: removed } = await registry.removeDevices(devices, true);
    expect(removed).toMatchObject({ isSuccessful: true });
  });

  it('queries twins page by page', async () => {
    const registry = sdk.registry();
    for (const index of [1, 2, 3]) {
      await registry.create({ deviceId: `query-${index}` });
      await registry.updateTwin(`query-${index}`, { tags: { house: 'paris' } }, '*');
    }
    const query = registry.createQuery("SELECT * FROM devices WHERE tags.house = 'paris'", 2);
    const ids: string[] = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      ids.push(...result.map(({ deviceId }: { deviceId: string }) => deviceId));
    }
    expect(ids).toEqual(['query-1', 'query-2', 'query-3']);
  });

  it('is refused with a stale etag', async () => {
    const registry = sdk.registry();
    await registry.create({ deviceId: 'etag' });
    const { responseBody: twin } = await registry.getTwin('etag');
    await registry.updateTwin('etag', { properties: { desired: { a: 1 } } }, twin.etag);
    await expect(
      registry.updateTwin('etag', { properties: { desired: { a: 2 } } }, twin.etag),
    ).rejects.toThrow(expect.objectContaining({ name: 'InvalidEtagError' }));
  });

  it('is refused with a policy that has no right to write', async () => {
    await expect(sdk.registry('registryRead').create({ deviceId: 'forbidden' })).rejects.toThrow(
      expect.objectContaining({ name: 'UnauthorizedError' }),
    );
  });
});

describe("Microsoft's device SDK over MQTT", () => {
  it('connects with a key, and sends telemetry that the hub signs with who sent it', async () => {
    await sdk.registry().create({ deviceId: 'telemetry' });
    const device = await sdk.device('telemetry');
    const message = new iotDevice.Message(JSON.stringify({ temperature: 21 }));
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.messageId = 'm-1';
    message.properties.add('alarm', 'a&b=c');
    await device.sendEvent(message);
    const { events } = sdk.read();
    const event = await eventually(() => events.find((event) => sourceOf(event) === 'Telemetry'));
    expect(event.body).toEqual({ temperature: 21 });
    expect(event.properties).toEqual({ alarm: 'a&b=c' });
    expect(event.systemProperties).toMatchObject({
      'iothub-connection-device-id': 'telemetry',
      contentType: 'application/json',
      messageId: 'm-1',
    });
    expect(event).toMatchObject({ sequenceNumber: expect.any(Number), offset: expect.any(String) });
  });

  it('connects with a certificate of its own, known by its thumbprint', async () => {
    const certificate = await makeCertificate({ commonName: 'thumb' });
    const other = await makeCertificate({ commonName: 'thumb' });
    const { fingerprint256 } = new X509Certificate(certificate.certificate);
    await sdk.registry().create({
      deviceId: 'thumb',
      authentication: {
        type: 'selfSigned',
        x509Thumbprint: { primaryThumbprint: fingerprint256.replaceAll(':', ''), secondaryThumbprint: '' },
      },
    });
    await sdk.device('thumb', certificate);
    await expect(sdk.device('thumb', other)).rejects.toThrow(/Not authorized/);
  });

  it('connects with a certificate of an authority that the hub knows', async () => {
    const authority = await makeCertificate({ commonName: 'Devices', isAuthority: true });
    sdk.simulator.addDeviceAuthority(authority.certificate);
    const certificate = await makeCertificate({ commonName: 'ca-signed', issuer: authority });
    const stranger = await makeCertificate({ commonName: 'another', issuer: authority });
    await sdk.registry().create({
      deviceId: 'ca-signed',
      authentication: { type: 'certificateAuthority' },
    });
    await sdk.device('ca-signed', certificate);
    await expect(sdk.device('ca-signed', stranger)).rejects.toThrow(/Not authorized/);
    sdk.simulator.removeDeviceAuthority(authority.certificate);
    await expect(sdk.device('ca-signed', certificate)).rejects.toThrow(/Not authorized/);
  });

  it('is told of desired properties, and its reported ones are seen by the service', async () => {
    const registry = sdk.registry();
    await registry.create({ deviceId: 'twin' });
    const device = await sdk.device('twin');
    const twin = await device.getTwin();
    const patches: unknown[] = [];
    twin.on('properties.desired', (patch: unknown) => patches.push(patch));
    await eventually(() => patches.length === 1);
    await registry.updateTwin('twin', { properties: { desired: { interval: 30 } } }, '*');
    await eventually(() => patches.length === 2);
    expect(patches[1]).toEqual({ interval: 30, $version: 2 });
    await new Promise<void>((resolve, reject) => {
      (twin.properties.reported as Reported).update({ interval: 30 }, (error: Error | null) =>
        error ? reject(error) : resolve(),
      );
    });
    const { responseBody: seen } = await registry.getTwin('twin');
    expect(seen.properties.reported).toMatchObject({ interval: 30, $version: 2 });
  });

  it('answers a direct method; who is away is not asked', async () => {
    await sdk.registry().create({ deviceId: 'method' });
    const service = await sdk.service();
    const call = { methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 5 };
    await expect(service.invokeDeviceMethod('method', call)).rejects.toThrow('Not found');
    const device = await sdk.device('method');
    device.onDeviceMethod('reboot', (request, response) => {
      void response.send(200, { got: request.payload as unknown });
    });
    const answer = await eventually(() => service.invokeDeviceMethod('method', call), { everyMs: 100 });
    expect(answer.result).toEqual({ status: 200, payload: { got: { in: 5 } } });
  });

  it('gets a message from the cloud, and the sender the feedback', async () => {
    await sdk.registry().create({ deviceId: 'c2d' });
    const service = await sdk.service();
    const feedback: { originalMessageId: string; statusCode: string }[] = [];
    const { result: receiver } = await service.getFeedbackReceiver();
    receiver.on('message', (message: iotCommon.Message) => {
      feedback.push(...(JSON.parse(text(message)) as typeof feedback));
      receiver.complete(message, () => undefined);
    });
    const device = await sdk.device('c2d');
    const got = new Promise<iotDevice.Message>((resolve) => {
      device.on('message', (message: iotDevice.Message) => {
        device.complete(message, () => undefined);
        resolve(message);
      });
    });
    const message = new iotCommon.Message('hello');
    message.messageId = 'c2d-1';
    message.ack = 'full';
    await service.send('c2d', message);
    expect(text(await got)).toBe('hello');
    await eventually(() => feedback.length > 0);
    expect(feedback).toMatchObject([
      { originalMessageId: 'c2d-1', statusCode: 'Success', deviceId: 'c2d', description: 'Success' },
    ]);
  });
});
