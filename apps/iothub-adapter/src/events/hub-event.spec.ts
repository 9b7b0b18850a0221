import { describe, expect, it } from '@jest/globals';
import { readHubEvent } from './hub-event.js';

const AT = Date.parse('2026-01-01T00:00:00.000Z');

const received = (source: string, body: object | string, properties: object = {}, system: object = {}) => ({
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  properties: { ...properties },
  systemProperties: {
    'iothub-message-source': source,
    'iothub-connection-device-id': 'one',
    'iothub-enqueuedtime': AT,
    ...system,
  },
  sequenceNumber: 4_711,
  enqueuedTimeUtc: new Date(0),
});

const of = { hubDeviceId: 'one', arrivedAt: AT * 1_000 + 711 };

describe('an event of a hub', () => {
  it('of telemetry is a message, as the device sent it', () => {
    expect(readHubEvent(received('Telemetry', '{"a":1}'))).toEqual({
      ...of,
      kind: 'message',
      payload: Buffer.from('{"a":1}'),
      resource: 'dcx/json',
    });
    expect(
      readHubEvent(received('Telemetry', '{}', { 'muster-resource': 'epmx/update/keys' })),
    ).toMatchObject({
      resource: 'epmx/update/keys',
    });
    expect(readHubEvent(received('Telemetry', '', { 'iothub-MessageType': 'Will' }))).toMatchObject({
      kind: 'nothing',
    });
  });

  it('of a twin is what the device reported, if it did', () => {
    const twin = (properties: object) => received('twinChangeEvents', { version: 3, properties });
    expect(readHubEvent(twin({ reported: { a: 1, b: null, $metadata: { a: {} }, $version: 2 } }))).toEqual({
      ...of,
      kind: 'reported',
      patch: { a: 1, b: null },
    });
    expect(readHubEvent(twin({ desired: { a: 1, $version: 2 } }))).toMatchObject({
      kind: 'reported',
      patch: {},
      desired: { keys: ['a'], whole: false, version: 2 },
    });
    expect(readHubEvent(twin({ reported: { $metadata: {}, $version: 2 } }))).toMatchObject({
      kind: 'nothing',
    });
    expect(readHubEvent(received('twinChangeEvents', { version: 3, tags: {} }))).toMatchObject({
      kind: 'nothing',
    });
  });

  it('of an identity says that it is there or not any more', () => {
    const lifecycle = (opType: string) => readHubEvent(received('deviceLifecycleEvents', {}, { opType }));
    expect(lifecycle('deleteDeviceIdentity')).toEqual({ ...of, kind: 'deleted' });
    expect(lifecycle('createDeviceIdentity')).toMatchObject({ kind: 'created' });
    expect(lifecycle('somethingNew')).toMatchObject({ kind: 'nothing' });
  });

  it('of a connection has the count of the hub', () => {
    const sequenceNumber = '000000000000000001D4B5E2C0000000';
    const connection = (opType: string) =>
      readHubEvent(received('deviceConnectionStateEvents', { sequenceNumber }, { opType }));
    expect(connection('deviceConnected')).toEqual({
      ...of,
      kind: 'connection',
      connected: true,
      sequence: sequenceNumber,
    });
    expect(connection('deviceDisconnected')).toMatchObject({ connected: false });
    expect(() => readHubEvent(received('deviceConnectionStateEvents', {}))).toThrow('no sequenceNumber');
  });

  it('of a source that is not known yet is nothing', () => {
    expect(readHubEvent(received('digitalTwinChangeEvents', {}))).toMatchObject({ kind: 'nothing' });
  });
});

describe('who a message is from', () => {
  it('is what the hub says, whatever the device writes', () => {
    const claims = { deviceId: 'two', 'iothub-connection-device-id': 'two', 'iothub-message-source': 'x' };
    expect(readHubEvent(received('Telemetry', { deviceId: 'two' }, claims))).toMatchObject({
      hubDeviceId: 'one',
    });
  });

  it('is nobody when the hub does not say it; its own events have it among their properties', () => {
    const unnamed = { 'iothub-connection-device-id': undefined };
    expect(() => readHubEvent(received('Telemetry', '{}', { deviceId: 'two' }, unnamed))).toThrow(
      'names no device',
    );
    const lifecycle = { deviceId: 'two', opType: 'deleteDeviceIdentity' };
    expect(readHubEvent(received('deviceLifecycleEvents', {}, lifecycle, unnamed))).toMatchObject({
      hubDeviceId: 'two',
    });
  });
});
