import { describe, expect, it } from '@jest/globals';
import { Done } from '@muster/contracts';
import { BulkChangeInput } from '@muster/contracts/configuration/bulk.requests';
import { HistoryPage } from '@muster/contracts/configuration/requests';
import { RecordConnectivity } from '@muster/contracts/device-registry/connectivity.requests';
import { DeviceRef, ProvisionDevice } from '@muster/contracts/device-registry/devices.requests';
import { StoreSamples } from '@muster/contracts/telemetry/requests';
import { invalidFields } from './invalid-fields.js';

const actor = { kind: 'api-key', id: 'local-admin' };
const provision = (device: object) => ({ tenantId: 'default', actor, device });

describe('the rules of a contract', () => {
  it('finds nothing to say about a valid request', () => {
    const device = { name: 'd', deviceType: 't', position: { latitude: 1, longitude: 2 } };
    expect(invalidFields(ProvisionDevice, provision(device), 'refuse')).toEqual([]);
    expect(invalidFields(Done, {}, 'refuse')).toEqual([]);
  });

  it('names a field by its path from the root', () => {
    expect(invalidFields(ProvisionDevice, provision({ name: 7, deviceType: 't' }), 'refuse')).toContainEqual({
      path: 'device.name',
      message: 'must be a string',
    });
    const device = { name: 'd', deviceType: 't', position: { latitude: 100, longitude: 0 } };
    expect(invalidFields(ProvisionDevice, provision(device), 'refuse')[0]?.path).toBe(
      'device.position.latitude',
    );
  });

  it('refuses unknown fields in requests, at every depth, and passes them over in replies', () => {
    const value = provision({ name: 'd', deviceType: 't', colour: 'red' });
    expect(invalidFields(ProvisionDevice, value, 'refuse')).toEqual([
      { path: 'device.colour', message: 'is not a known field' },
    ]);
    expect(invalidFields(ProvisionDevice, value, 'ignore')).toEqual([]);
  });

  it.each(['__proto__', 'constructor', 'toString'])('sees a field named %s for what it is', (name) => {
    const value: unknown = JSON.parse(`{"tenantId":"t","deviceId":"d","${name}":{"tenantId":"other"}}`);
    expect(invalidFields(DeviceRef, value, 'refuse')).toEqual([
      { path: name, message: 'is not a known field' },
    ]);
    expect(invalidFields(DeviceRef, value, 'ignore')).toEqual([]);
  });

  it.each([[null], [[]], ['text'], [7], [undefined]])('refuses %j as a body', (value) => {
    expect(invalidFields(Done, value, 'refuse')).toEqual([{ path: '', message: 'must be an object' }]);
  });

  describe('of a nested object', () => {
    const device = { name: 'd', deviceType: 't' };

    it.each(['refuse', 'ignore'] as const)('ask for it when it is missing or null (%s)', (unknown) => {
      const required = [{ path: 'actor', message: 'is required' }];
      expect(invalidFields(ProvisionDevice, { tenantId: 'default', device }, unknown)).toEqual(required);
      expect(invalidFields(ProvisionDevice, { ...provision(device), actor: null }, unknown)).toEqual(
        required,
      );
    });

    it('ask for it in the items of a list', () => {
      const item = { key: 'k', desired: 1, at: '2026-01-01T00:00:00Z' };
      expect(invalidFields(HistoryPage, { items: [item], nextCursor: null }, 'ignore')).toContainEqual({
        path: 'items.0.source',
        message: 'is required',
      });
    });

    it.each([[undefined], [null]])('let an optional one be %j', (position) => {
      expect(invalidFields(ProvisionDevice, provision({ ...device, position }), 'refuse')).toEqual([]);
    });

    it.each([['text'], [7], [[]], [[{ latitude: 1, longitude: 2 }]]])(
      'refuse %j in its place',
      (position) => {
        expect(invalidFields(ProvisionDevice, provision({ ...device, position }), 'refuse')).toEqual([
          { path: 'device.position', message: 'must be an object' },
        ]);
      },
    );

    it.each([[null], ['text'], [[]]])('refuse %j as an item', (item) => {
      expect(invalidFields(RecordConnectivity, { reports: [item] }, 'refuse')).toEqual([
        { path: 'reports.0', message: 'must be an object' },
      ]);
    });

    it.each([[undefined], [null], ['text']])('say once what must be there instead of %j', (value) => {
      expect(invalidFields(RecordConnectivity, { reports: value }, 'refuse')).toContainEqual({
        path: 'reports',
        message: 'must be an array',
      });
      const target = invalidFields(BulkChangeInput, { target: value }, 'refuse');
      expect(target.filter(({ path }) => path === 'target')).toEqual([
        { path: 'target', message: 'must be an object' },
      ]);
    });
  });

  it('does not copy what no rule describes', () => {
    const data = { deep: { er: 1 } };
    const messages = [
      {
        tenantId: 't',
        deviceId: 'd',
        appVersion: 'v',
        receivedAt: 1,
        redelivered: false,
        duplicate: false,
        samples: [{ at: null, data }],
      },
    ];
    expect(invalidFields(StoreSamples, { messages }, 'refuse')).toEqual([]);
    expect(messages[0]?.samples[0]?.data).toBe(data);
  });
});
