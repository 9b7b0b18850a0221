import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing';
import iotDevice from 'azure-iot-device';
import { startControl, type ControlServer } from './control/control-server.js';
import { Sdk } from './sdk.fixture.js';

let sdk: Sdk;

beforeEach(async () => {
  sdk = await Sdk.start();
  sdk.simulator.createDevice('d1');
});

afterEach(async () => {
  await sdk.stop();
});

describe('a fault over REST', () => {
  it('answers with an error so often, and then no more', async () => {
    sdk.simulator.faults.add({ kind: 'rest-error', status: 503, path: '/twins/', times: 2 });
    const registry = sdk.registry();
    await registry.get('d1');
    for (let call = 0; call < 2; call += 1) {
      await expect(registry.getTwin('d1')).rejects.toMatchObject({ name: 'ServiceUnavailableError' });
    }
    await registry.getTwin('d1');
    expect(sdk.simulator.faults.list()).toEqual([]);
  });

  it('loses the answer of what was done', async () => {
    sdk.simulator.faults.add({ kind: 'rest-drop', method: 'PUT', afterwards: true, times: 1 });
    sdk.simulator.faults.add({
      kind: 'rest-error',
      status: 500,
      method: 'DELETE',
      afterwards: true,
      times: 1,
    });
    const registry = sdk.registry();
    await expect(registry.create({ deviceId: 'd2' })).rejects.toThrow();
    await registry.get('d2');
    await expect(registry.delete('d2')).rejects.toMatchObject({ name: 'InternalServerError' });
    await expect(registry.get('d2')).rejects.toMatchObject({ name: 'DeviceNotFoundError' });
  });

  it('does nothing before it cuts or refuses, unless told so', async () => {
    sdk.simulator.faults.add({ kind: 'rest-drop', method: 'PUT', times: 1 });
    const registry = sdk.registry();
    await expect(registry.create({ deviceId: 'd2' })).rejects.toThrow();
    await expect(registry.get('d2')).rejects.toMatchObject({ name: 'DeviceNotFoundError' });
  });

  it('makes calls slow', async () => {
    sdk.simulator.faults.add({ kind: 'rest-delay', ms: 150, times: 1 });
    const began = performance.now();
    await sdk.registry().get('d1');
    expect(performance.now() - began).toBeGreaterThan(140);
  });
});

describe('quotas', () => {
  it('answer 429 when a bucket is empty, until there is something in it again', async () => {
    // Two in a minute.
    sdk.simulator.setQuotas({ tier: 'S1', scale: 0.02 });
    const registry = sdk.registry();
    await registry.get('d1');
    await registry.get('d1');
    await expect(registry.get('d1')).rejects.toMatchObject({ name: 'ThrottlingError' });
    await registry.getTwin('d1');
    sdk.simulator.advanceTime(30_000);
    await registry.get('d1');
    await expect(registry.get('d1')).rejects.toMatchObject({ name: 'ThrottlingError' });
    sdk.simulator.setQuotas(undefined);
    await registry.get('d1');
  });
});

describe('a fault over AMQP', () => {
  it('ends connections, and clients come back by themselves', async () => {
    const service = await sdk.service();
    const gone = new Promise<void>((resolve) => service.once('disconnect', () => resolve()));
    const device = await sdk.device('d1');
    const reading = sdk.read();
    await device.sendEvent(new iotDevice.Message('1'));
    await eventually(() => reading.events.length === 1);
    expect(sdk.simulator.dropAmqp()).toBe(2);
    await gone;
    await service.open();
    await device.sendEvent(new iotDevice.Message('2'));
    await eventually(() => reading.events.length === 2, { deadlineMs: 10_000 });
  });

  it('refuses links', async () => {
    sdk.simulator.faults.add({
      kind: 'attach-error',
      address: 'Partitions/0',
      condition: 'com.microsoft:server-busy',
      times: 1,
    });
    const reading = sdk.read(sdk.consumer(), {}, '0');
    await eventually(() => reading.errors.length > 0);
    expect(reading.errors[0]?.code).toBe('ServerBusyError');
  });

  it('does not outlive the token of a connection', async () => {
    const service = await sdk.service();
    const { result } = await service.getFeedbackReceiver();
    result.on('message', () => undefined);
    result.on('error', () => undefined);
    const gone = new Promise<void>((resolve) => service.once('disconnect', () => resolve()));
    sdk.simulator.faults.add({ kind: 'clock-skew', ms: 7_200_000 });
    await gone;
  });
});

describe('the control port', () => {
  let control: ControlServer;

  beforeEach(async () => {
    control = await startControl(sdk.simulator, 0);
  });

  afterEach(async () => {
    await control.close();
  });

  const call = async (route: string, body?: unknown, headers = {}): Promise<[number, unknown]> => {
    const [method = '', path = ''] = route.split(' ');
    const response = await fetch(`http://127.0.0.1:${control.port}${path}`, {
      method,
      headers: { connection: 'close', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return [response.status, await response.json()];
  };

  it('tells where the hub is', async () => {
    const [status, body] = await call('GET /');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      hostName: sdk.simulator.hostName,
      connectionString: sdk.simulator.connectionString(),
    });
  });

  it('adds faults, lists them with how often they struck, and removes them', async () => {
    const [, added] = await call('POST /faults', { kind: 'rest-error', status: 503 });
    await expect(sdk.registry().get('d1')).rejects.toMatchObject({ name: 'ServiceUnavailableError' });
    expect(await call('GET /faults')).toMatchObject([200, [{ struck: 1, fault: { status: 503 } }]]);
    expect(await call(`DELETE /faults/${(added as { id: number }).id}`)).toEqual([200, { removed: true }]);
    expect(await call(`DELETE /faults/${(added as { id: number }).id}`)).toEqual([200, { removed: false }]);
    await sdk.registry().get('d1');
  });

  it('does what the library can', async () => {
    const device = await sdk.device('d1');
    const gone = new Promise<void>((resolve) => device.once('disconnect', () => resolve()));
    expect(await call('POST /devices/d1/drop')).toEqual([200, { dropped: true }]);
    await gone;
    expect((await call('PUT /routes', ['TwinChangeEvents']))[0]).toBe(200);
    expect((await call('PUT /quotas', { tier: 'S1' }))[0]).toBe(200);
    expect((await call('PUT /quotas', null))[0]).toBe(200);
    expect((await call('POST /time', { advanceMs: 1_000 }))[0]).toBe(200);
    expect((await call('POST /consumer-groups/muster'))[0]).toBe(200);
    const before = sdk.simulator.connectionString('service');
    expect((await call('POST /policies/service/keys'))[0]).toBe(200);
    expect(sdk.simulator.connectionString('service')).not.toBe(before);
    expect(await call('GET /devices/d1/connection-string')).toEqual([
      200,
      { connectionString: sdk.simulator.deviceConnectionString('d1') },
    ]);
  });

  it('says what is wrong, and is not for browsers', async () => {
    expect(await call('POST /faults', { kind: 'fire' })).toMatchObject([
      400,
      { error: expect.stringContaining('kind is one of') },
    ]);
    expect(await call('PUT /quotas', { tier: 'S9' })).toMatchObject([400, {}]);
    expect((await call('GET /nothing'))[0]).toBe(404);
    expect((await call('GET /', undefined, { origin: 'http://evil.example' }))[0]).toBe(403);
  });
});
