import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { eventually } from '@muster/testing';
import iotCommon from 'azure-iot-common';
import iotDevice from 'azure-iot-device';
import { makeCertificate } from './security/certificates.js';
import { deviceOf, Sdk, sourceOf } from './sdk.fixture.js';

/** By `MUSTER_IOTHUB_CONNECTION_STRING` a hub of Azure is given: the same is shown of that. Its routes must be all there. */
const isAzure = process.env['MUSTER_IOTHUB_CONNECTION_STRING'] !== undefined;
/** What only a simulator can do: other policies' keys, devices' authorities, statistics that are up to date. */
const onlySimulated = isAzure ? it.skip : it;
if (isAzure) jest.setTimeout(180_000);

let sdk: Sdk;
const made: string[] = [];
const run = `muster-suite-${Date.now().toString(36)}`;

/** Of this run alone. */
const id = (name: string): string => {
  made.push(`${run}-${name}`);
  return `${run}-${name}`;
};

type Reported = { update(patch: object, done: (error: Error | null) => void): void };

const text = (message: iotCommon.Message): string => message.getBytes().toString();

beforeAll(async () => {
  sdk = await Sdk.startWherever({
    routes: ['DeviceMessages', 'TwinChangeEvents', 'DeviceLifecycleEvents', 'DeviceConnectionStateEvents'],
    feedback: { maxDelayMs: 50 },
  });
});

afterAll(async () => {
  const registry = sdk.registry();
  for (const deviceId of made) await registry.delete(deviceId).catch(() => undefined);
  await sdk.stop();
});

describe("Microsoft's service SDK over REST", () => {
  it('creates, reads, updates and deletes an identity', async () => {
    const registry = sdk.registry();
    const deviceId = id('rest');
    const { responseBody: created } = await registry.create({ deviceId });
    expect(created).toMatchObject({ deviceId, status: 'enabled', connectionState: 'Disconnected' });
    await registry.update({ deviceId, status: 'disabled', statusReason: 'lost' });
    const { responseBody: read } = await registry.get(deviceId);
    expect(read).toMatchObject({ status: 'disabled', statusReason: 'lost' });
    await registry.delete(deviceId);
    await expect(registry.get(deviceId)).rejects.toThrow(
      expect.objectContaining({ name: 'DeviceNotFoundError' }),
    );
  });

  it('is told of a device that exists already', async () => {
    const registry = sdk.registry();
    const deviceId = id('twice');
    await registry.create({ deviceId });
    await expect(registry.create({ deviceId })).rejects.toThrow(
      expect.objectContaining({ name: 'DeviceAlreadyExistsError' }),
    );
  });

  onlySimulated('counts identities', async () => {
    const registry = sdk.registry();
    const counts = async () =>
      (await registry.getRegistryStatistics()).responseBody as unknown as Record<string, number>;
    const before = await counts();
    await registry.create({ deviceId: id('counted-1') });
    await registry.create({ deviceId: id('counted-2'), status: 'disabled' });
    const after = await counts();
    expect(after['totalDeviceCount']).toBe((before['totalDeviceCount'] ?? 0) + 2);
    expect(after['enabledDeviceCount']).toBe((before['enabledDeviceCount'] ?? 0) + 1);
    expect(after['disabledDeviceCount']).toBe((before['disabledDeviceCount'] ?? 0) + 1);
  });

  it('adds and removes many devices at once', async () => {
    const registry = sdk.registry();
    const devices = Array.from({ length: 3 }, (_, index) => ({ deviceId: id(`bulk-${index}`) }));
    const { responseBody: added } = await registry.addDevices(devices);
    expect(added).toMatchObject({ isSuccessful: true });
    const { responseBody: removed } = await registry.removeDevices(devices, true);
    expect(removed).toMatchObject({ isSuccessful: true });
  });

  it('queries twins page by page', async () => {
    const registry = sdk.registry();
    const wanted = [1, 2, 3].map((index) => id(`query-${index}`));
    for (const deviceId of wanted) {
      await registry.create({ deviceId });
      await registry.updateTwin(deviceId, { tags: { suite: run } }, '*');
    }
    const found = async (): Promise<string[]> => {
      const query = registry.createQuery(`SELECT * FROM devices WHERE tags.suite = '${run}'`, 2);
      const ids: string[] = [];
      while (query.hasMoreResults) {
        const { result } = await query.nextAsTwin();
        ids.push(...result.map(({ deviceId }: { deviceId: string }) => deviceId));
      }
      return ids.sort();
    };
    // Azure's queries see a change some seconds later.
    await eventually(async () => {
      expect(await found()).toEqual(wanted);
      return true;
    }, sdk.patience);
  });

  it('is refused with a stale etag', async () => {
    const registry = sdk.registry();
    const deviceId = id('etag');
    await registry.create({ deviceId });
    const { responseBody: twin } = await registry.getTwin(deviceId);
    await registry.updateTwin(deviceId, { properties: { desired: { a: 1 } } }, twin.etag);
    await expect(
      registry.updateTwin(deviceId, { properties: { desired: { a: 2 } } }, twin.etag),
    ).rejects.toThrow(expect.objectContaining({ name: 'InvalidEtagError' }));
  });

  onlySimulated('is refused with a policy that has no right to write', async () => {
    await expect(sdk.registry('registryRead').create({ deviceId: id('forbidden') })).rejects.toThrow(
      expect.objectContaining({ name: 'UnauthorizedError' }),
    );
  });
});

describe("Microsoft's device SDK over MQTT", () => {
  it('connects with a key, and sends telemetry that the hub signs with who sent it', async () => {
    const deviceId = id('telemetry');
    await sdk.registry().create({ deviceId });
    const device = await sdk.device(deviceId);
    const message = new iotDevice.Message(JSON.stringify({ temperature: 21 }));
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.messageId = 'm-1';
    message.properties.add('alarm', 'a&b=c');
    await device.sendEvent(message);
    const { events } = await sdk.readAll();
    const event = await eventually(
      () => events.find((event) => sourceOf(event) === 'Telemetry' && deviceOf(event) === deviceId),
      sdk.patience,
    );
    expect(event.body).toEqual({ temperature: 21 });
    expect(event.properties).toEqual({ alarm: 'a&b=c' });
    expect(event.systemProperties).toMatchObject({
      'iothub-connection-device-id': deviceId,
      contentType: 'application/json',
      messageId: 'm-1',
    });
    expect(event).toMatchObject({ sequenceNumber: expect.any(Number), offset: expect.any(String) });
  });

  it('connects with a certificate of its own, known by its thumbprint', async () => {
    const certificate = await makeCertificate({ commonName: 'thumb' });
    const other = await makeCertificate({ commonName: 'thumb' });
    const { fingerprint256 } = new X509Certificate(certificate.certificate);
    const deviceId = id('thumb');
    await sdk.registry().create({
      deviceId,
      authentication: {
        type: 'selfSigned',
        x509Thumbprint: { primaryThumbprint: fingerprint256.replaceAll(':', ''), secondaryThumbprint: '' },
      },
    });
    await sdk.device(deviceId, certificate);
    await expect(sdk.device(deviceId, other)).rejects.toThrow(/Not authorized/);
  });

  onlySimulated('connects with a certificate of an authority that the hub knows', async () => {
    const authority = await makeCertificate({ commonName: 'Devices', isAuthority: true });
    sdk.simulator.addDeviceAuthority(authority.certificate);
    const deviceId = id('ca-signed');
    const certificate = await makeCertificate({ commonName: deviceId, issuer: authority });
    const stranger = await makeCertificate({ commonName: 'another', issuer: authority });
    await sdk.registry().create({
      deviceId,
      authentication: { type: 'certificateAuthority' },
    });
    await sdk.device(deviceId, certificate);
    await expect(sdk.device(deviceId, stranger)).rejects.toThrow(/Not authorized/);
    sdk.simulator.removeDeviceAuthority(authority.certificate);
    await expect(sdk.device(deviceId, certificate)).rejects.toThrow(/Not authorized/);
  });

  it('is told of desired properties, and its reported ones are seen by the service', async () => {
    const registry = sdk.registry();
    const deviceId = id('twin');
    await registry.create({ deviceId });
    const device = await sdk.device(deviceId);
    const twin = await device.getTwin();
    const patches: unknown[] = [];
    twin.on('properties.desired', (patch: unknown) => patches.push(patch));
    await eventually(() => patches.length === 1, sdk.patience);
    await registry.updateTwin(deviceId, { properties: { desired: { interval: 30 } } }, '*');
    await eventually(() => patches.length === 2, sdk.patience);
    expect(patches[1]).toEqual({ interval: 30, $version: 2 });
    await new Promise<void>((resolve, reject) => {
      (twin.properties.reported as Reported).update({ interval: 30 }, (error: Error | null) =>
        error ? reject(error) : resolve(),
      );
    });
    const { responseBody: seen } = await registry.getTwin(deviceId);
    expect(seen.properties.reported).toMatchObject({ interval: 30, $version: 2 });
  });

  it('answers a direct method; who is away is not asked', async () => {
    const deviceId = id('method');
    await sdk.registry().create({ deviceId });
    const service = await sdk.service();
    const call = { methodName: 'reboot', payload: { in: 5 }, responseTimeoutInSeconds: 5 };
    await expect(service.invokeDeviceMethod(deviceId, call)).rejects.toThrow('Not found');
    const device = await sdk.device(deviceId);
    device.onDeviceMethod('reboot', (request, response) => {
      void response.send(200, { got: request.payload as unknown });
    });
    const answer = await eventually(() => service.invokeDeviceMethod(deviceId, call), {
      ...sdk.patience,
      everyMs: 100,
    });
    expect(answer.result).toEqual({ status: 200, payload: { got: { in: 5 } } });
  });

  it('gets a message from the cloud, and the sender the feedback', async () => {
    const deviceId = id('c2d');
    await sdk.registry().create({ deviceId });
    const service = await sdk.service();
    const feedback: { originalMessageId: string; statusCode: string }[] = [];
    const { result: receiver } = await service.getFeedbackReceiver();
    receiver.on('message', (message: iotCommon.Message) => {
      const told = JSON.parse(text(message)) as typeof feedback;
      feedback.push(...told.filter(({ originalMessageId }) => originalMessageId === deviceId));
      receiver.complete(message, () => undefined);
    });
    const device = await sdk.device(deviceId);
    const got = new Promise<iotDevice.Message>((resolve) => {
      device.on('message', (message: iotDevice.Message) => {
        device.complete(message, () => undefined);
        resolve(message);
      });
    });
    const message = new iotCommon.Message('hello');
    message.messageId = deviceId;
    message.ack = 'full';
    await service.send(deviceId, message);
    expect(text(await got)).toBe('hello');
    await eventually(() => feedback.length > 0, sdk.patience);
    expect(feedback).toMatchObject([{ statusCode: 'Success', deviceId, description: 'Success' }]);
  });
});

it('who would read the events of the hub is told where its event hub is', async () => {
  expect(await sdk.eventHub()).toMatch(/^Endpoint=sb:\/\/[^/]+\/;.*;EntityPath=./);
});
