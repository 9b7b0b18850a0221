import { describe, expect, it } from '@jest/globals';
import { IsString } from 'class-validator';
import { Done } from '@muster/contracts';
import { CreateCommand } from '@muster/contracts/commands/requests';
import { BulkChangeInput } from '@muster/contracts/configuration/bulk.requests';
import { HistoryPage } from '@muster/contracts/configuration/requests';
import { ReportConnections } from '@muster/contracts/device-registry/connectivity.requests';
import { DeviceRef, EditDevice, ProvisionDevice } from '@muster/contracts/device-registry/devices.requests';
import { ListJobs } from '@muster/contracts/jobs/requests';
import { StoreSamples } from '@muster/contracts/telemetry/requests';
import { invalidFields, withoutNulls } from './invalid-fields.js';

const actor = { kind: 'api-key', id: 'local-admin' };
const door = { door: 'd', isNew: true, leaseSeconds: 15 };
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
      message: 'must be a string, is a number',
    });
    const device = { name: 'd', deviceType: 't', position: { latitude: 100, longitude: 0 } };
    expect(invalidFields(ProvisionDevice, provision(device), 'refuse')[0]?.path).toBe(
      'device.position.latitude',
    );
  });

  it('says of a list what it must not hold twice', () => {
    const device = { name: 'd', deviceType: 't', tags: ['a', 'b', 'a'] };
    expect(invalidFields(ProvisionDevice, provision(device), 'refuse')).toEqual([
      { path: 'device.tags', message: 'must not hold the same value twice' },
    ]);
  });

  it('refuses unknown fields in requests, at every depth, and passes them over in replies', () => {
    const value = provision({ name: 'd', deviceType: 't', colour: 'red' });
    expect(invalidFields(ProvisionDevice, value, 'refuse')).toEqual([
      { path: 'device.colour', message: 'is not a known field' },
    ]);
    expect(invalidFields(ProvisionDevice, value, 'ignore')).toEqual([]);
  });

  describe('about null where a field may be missing', () => {
    const edit = (to: object) => ({ tenantId: 'default', actor, deviceId: 'd', edit: to });
    const command = { tenantId: 'default', actor, deviceId: 'd', type: 'blink', payload: null };

    it('take it for nothing, at every depth, and leave it where it is a value', () => {
      const asked = { ...provision({ name: 'd', deviceType: 't', position: null }), idempotencyKey: null };
      expect(invalidFields(ProvisionDevice, asked, 'refuse')).toEqual([]);
      expect(withoutNulls(ProvisionDevice, asked)).toStrictEqual(provision({ name: 'd', deviceType: 't' }));
      expect(withoutNulls(CreateCommand, { ...command, ttlSeconds: null })).toStrictEqual(command);
    });

    it('refuse it in a patch for what cannot be removed, and leave it where it removes', () => {
      expect(invalidFields(EditDevice, edit({ name: null }), 'refuse')).toEqual([
        { path: 'edit.name', message: 'must not be null' },
      ]);
      expect(invalidFields(EditDevice, edit({ name: null }), 'ignore')).toEqual([]);
      const removal = edit({ position: null });
      expect(invalidFields(EditDevice, removal, 'refuse')).toEqual([]);
      expect(withoutNulls(EditDevice, removal)).toStrictEqual(edit({ position: null }));
    });
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

    it.each([
      ['text', 'text'],
      [7, 'a number'],
      [[], 'an array'],
      [[{ latitude: 1, longitude: 2 }], 'an array'],
    ])('refuse %j in its place', (position, kind) => {
      expect(invalidFields(ProvisionDevice, provision({ ...device, position }), 'refuse')).toEqual([
        { path: 'device.position', message: `must be an object, is ${kind}` },
      ]);
    });

    it.each([
      [null, 'null'],
      ['text', 'text'],
      [[], 'an array'],
    ])('refuse %j as an item', (item, kind) => {
      expect(invalidFields(ReportConnections, { ...door, reports: [item] }, 'refuse')).toEqual([
        { path: 'reports.0', message: `must be an object, is ${kind}` },
      ]);
    });

    it.each([
      [undefined, 'is required', 'is required'],
      [null, 'must be an array, is null', 'must be an object, is null'],
      ['text', 'must be an array, is text', 'must be an object, is text'],
    ])('say once what must be there instead of %j', (value, list, object) => {
      expect(invalidFields(ReportConnections, { ...door, reports: value }, 'refuse')).toContainEqual({
        path: 'reports',
        message: list,
      });
      const target = invalidFields(BulkChangeInput, { target: value }, 'refuse');
      expect(target.filter(({ path }) => path === 'target')).toEqual([{ path: 'target', message: object }]);
    });
  });

  it.each([
    [{ deviceType: 't' }, 'device.name', 'is required'],
    [{ name: null, deviceType: 't' }, 'device.name', 'must be a string, is null'],
    [{ name: 'd', deviceType: ['t'] }, 'device.deviceType', /, is an array$/],
    [
      { name: 'd', deviceType: 't', position: { latitude: '48', longitude: 2 } },
      'device.position.latitude',
      'must be a number, is text',
    ],
    [{ name: 'd', deviceType: 't', tags: 'roof' }, 'device.tags', 'must be an array, is text'],
    [{ name: 'd', deviceType: 't', appVersion: 7 }, 'device.appVersion', 'must be a string, is a number'],
    [
      { name: 'd', deviceType: 't', tags: ['a', '#'] },
      'device.tags',
      /^each value must match (?!.*is an array)/,
    ],
    [
      { name: 'd', deviceType: 't', interface: true },
      'device.interface',
      /^must be one of .*, is a boolean$/,
    ],
    [{ name: 'd', deviceType: 't', interface: 'fax' }, 'device.interface', /^must be one of .*(?<!is text)$/],
  ])('tells of %j the field, the rule and the kind of value', (device, path, message) => {
    const faults = invalidFields(ProvisionDevice, provision(device), 'refuse');
    expect(faults.filter((fault) => fault.path === path)).toEqual([
      { path, message: typeof message === 'string' ? message : expect.stringMatching(message) },
    ]);
  });

  it('names the item of a list that is of the wrong kind', () => {
    class Named {
      @IsString({ each: true })
      names!: string[];
    }
    expect(invalidFields(Named, { names: ['a', 7, null] }, 'refuse')).toEqual([
      { path: 'names.1', message: 'must be a string, is a number' },
    ]);
  });

  it.each([
    [1.5, 'must be an integer number'],
    ['1', 'must be an integer number, is text'],
    [0, 'must not be less than 1'],
  ])('tells of %j in the place of a whole number what is wrong with it', (limit, message) => {
    expect(invalidFields(ListJobs, { tenantId: 't', limit }, 'refuse')).toEqual([{ path: 'limit', message }]);
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
