import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing';
import iotCommon from 'azure-iot-common';
import type iotDevice from 'azure-iot-device';
import type iothub from 'azure-iothub';
import { Sdk } from './sdk.fixture.js';
import { makeSasToken } from './security/sas.js';

interface Feedback {
  readonly originalMessageId: string;
  readonly statusCode: string;
}

let sdk: Sdk;
let service: iothub.Client;

beforeEach(async () => {
  sdk = await Sdk.start({
    feedback: { maxDelayMs: 20 },
    c2d: { lockMs: 60_000, maxDeliveryCount: 2 },
  });
  sdk.simulator.createDevice('d1');
  service = await sdk.service();
});

afterEach(async () => {
  await sdk.stop();
});

const message = (messageId: string, ack = 'full', expiresAt?: number): iotCommon.Message => {
  const made = new iotCommon.Message(`body of ${messageId}`);
  made.messageId = messageId;
  made.ack = ack;
  if (expiresAt !== undefined) made.expiryTimeUtc = expiresAt;
  made.properties.add('a key', 'a&value');
  return made;
};

const feedback = async (): Promise<Feedback[]> => {
  const found: Feedback[] = [];
  const { result } = await service.getFeedbackReceiver();
  result.on('message', (received: iotCommon.Message) => {
    found.push(...(JSON.parse(received.getBytes().toString()) as Feedback[]));
    result.complete(received, () => undefined);
  });
  return found;
};

const listen = (device: iotDevice.Client): string[] => {
  const ids: string[] = [];
  device.on('message', (received: iotDevice.Message) => {
    ids.push(received.messageId);
    device.complete(received, () => undefined);
  });
  return ids;
};

describe('a message from the cloud', () => {
  it('waits for a device that is away, in order, with its properties', async () => {
    await service.send('d1', message('m1'));
    await service.send('d1', message('m2'));
    const device = sdk.deviceClient('d1');
    const got: iotDevice.Message[] = [];
    device.on('message', (received: iotDevice.Message) => got.push(received));
    await device.open();
    await eventually(() => got.length === 2);
    expect(got.map(({ messageId }) => messageId as unknown)).toEqual(['m1', 'm2']);
    expect(got[0]?.properties.getValue('a key')).toBe('a&value');
    expect(got[0]?.getBytes().toString()).toBe('body of m1');
    const { responseBody } = await sdk.registry().get('d1');
    await eventually(() => responseBody.cloudToDeviceMessageCount !== undefined);
  });

  it('expires, and its sender is told', async () => {
    const told = await feedback();
    await service.send('d1', message('m1', 'negative', Date.now() + 60_000));
    await service.send('d1', message('m2', 'positive', Date.now() + 60_000));
    sdk.simulator.advanceTime(60_001);
    await eventually(() => told.length > 0);
    expect(told).toMatchObject([{ originalMessageId: 'm1', statusCode: 'Expired', deviceId: 'd1' }]);
  });

  it('is refused when fifty wait, and for a device that there is not', async () => {
    for (let index = 0; index < 50; index += 1) await service.send('d1', message(`m${index}`, 'none'));
    await expect(service.send('d1', message('m50'))).rejects.toMatchObject({
      name: 'DeviceMaximumQueueDepthExceededError',
    });
    await expect(service.send('nobody', message('m1'))).rejects.toMatchObject({
      name: 'DeviceNotFoundError',
    });
  });

  it('is purged with its device, and its sender is told', async () => {
    const told = await feedback();
    await service.send('d1', message('m1'));
    await sdk.registry().delete('d1');
    await eventually(() => told.length > 0);
    expect(told).toMatchObject([{ originalMessageId: 'm1', statusCode: 'Purged' }]);
  });

  it('is purged when a service asks for it, and its sender is told', async () => {
    const told = await feedback();
    await service.send('d1', message('m1'));
    await service.send('d1', message('m2'));
    const { hostName } = sdk.simulator;
    const [host = ''] = hostName.split(':');
    const [, key = ''] = /SharedAccessKey=(.*)$/.exec(sdk.simulator.connectionString('service')) ?? [];
    const authorization = makeSasToken(host, key, Date.now() + 60_000, 'service');
    const purge = async () => {
      const url = `https://${hostName}/devices/d1/commands?api-version=2021-04-12`;
      const response = await fetch(url, { method: 'DELETE', headers: { authorization } });
      return [response.status, await response.json()];
    };
    expect(await purge()).toEqual([200, { deviceId: 'd1', moduleId: null, totalMessagesPurged: 2 }]);
    expect(await purge()).toEqual([200, { deviceId: 'd1', moduleId: null, totalMessagesPurged: 0 }]);
    await eventually(() => told.length === 2);
    expect(told).toMatchObject([{ statusCode: 'Purged' }, { statusCode: 'Purged' }]);
  });

  it('comes again when a connection ends before the acknowledgement, but not for ever', async () => {
    const told = await feedback();
    await service.send('d1', message('m1'));
    for (const attempt of [1, 2]) {
      const device = sdk.deviceClient('d1');
      const ids: string[] = [];
      // The SDK acknowledges when the handler has run; the connection is cut before.
      device.on('message', (received: iotDevice.Message) => {
        ids.push(received.messageId);
        sdk.simulator.dropDevice('d1');
      });
      await device.open();
      await eventually(() => ids.length === 1, { what: `delivery ${attempt}` });
    }
    await eventually(() => told.length > 0);
    expect(told).toMatchObject([{ originalMessageId: 'm1', statusCode: 'DeliveryCountExceeded' }]);
  });

  it('is rejected, which devices over MQTT cannot do, and its sender is told', async () => {
    const told = await feedback();
    await service.send('d1', message('m1'));
    await service.send('d1', message('m2'));
    expect(sdk.simulator.rejectMessage('d1')).toBe(true);
    await eventually(() => told.length === 1);
    expect(told).toMatchObject([{ originalMessageId: 'm1', statusCode: 'Rejected', deviceId: 'd1' }]);
    expect(sdk.simulator.rejectMessage('d1')).toBe(true);
    expect(sdk.simulator.rejectMessage('d1')).toBe(false);
  });

  it('reaches who has subscribed at once', async () => {
    const device = sdk.deviceClient('d1');
    const ids = listen(device);
    await device.open();
    await service.send('d1', message('m1'));
    await eventually(() => ids.length === 1);
  });

  it('is kept with its feedback when nobody reads that', async () => {
    const device = sdk.deviceClient('d1');
    listen(device);
    await device.open();
    await service.send('d1', message('m1'));
    await eventually(async () => {
      const { responseBody } = await sdk.registry().get('d1');
      return Number(responseBody.cloudToDeviceMessageCount) === 0;
    });
    const told = await feedback();
    await eventually(() => told.length > 0);
    expect(told).toMatchObject([{ originalMessageId: 'm1', statusCode: 'Success' }]);
  });
});
