import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDeviceType } from '@muster/contracts/device-registry/device-types.requests';
import {
  listFilterFields,
  listFilterValues,
  SAMPLED_DEVICES,
  summarizeFleet,
  type FilterValues,
} from '@muster/contracts/device-registry/filters.requests';
import type { JsonObject } from '@muster/contracts';
import { DeviceStates } from '../state/device-states.js';
import { learnSoftware } from '../software/device-software.js';
import { DEVICE_FIELDS } from '../device/device-filter.js';
import {
  code,
  actor,
  problem,
  startRegistry,
  tenantId,
  type RunningRegistry,
} from '../running-registry.fixture.js';

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
  await registry.createType({ name: 'thermostat' });
  await registry.createType({ name: 'meter' });
  const states = new DeviceStates(registry.database, 300_000);
  const add = async (
    deviceType: string,
    facts: {
      readonly folder?: string;
      readonly tags?: string[];
      readonly interface?: 'mqtt' | 'http';
      readonly metadata?: JsonObject;
      readonly reported?: JsonObject;
      readonly software?: string;
      readonly connected?: boolean;
      readonly seen?: boolean;
      readonly refused?: boolean;
    },
  ): Promise<void> => {
    const { reported, software, connected, seen, refused, ...device } = facts;
    const { id: deviceId } = await registry.provision({ deviceType, ...device });
    if (reported !== undefined) {
      const confirmation = refused === undefined ? null : { configId: 'c', rejected: refused };
      await states.replace([
        {
          tenantId,
          deviceId,
          version: 1,
          desired: {},
          reported,
          configId: 'c',
          dispatched: null,
          confirmation,
        },
      ]);
    }
    if (software !== undefined) {
      await learnSoftware(registry.database, [
        { tenantId, deviceId, software: 'default', softwareVersion: software, version: 1 },
      ]);
    }
    if (seen === true || connected !== undefined) {
      await registry.database.query(
        'INSERT INTO device_connectivity (tenant_id, device_id, connected, last_seen_at) VALUES ($1, $2, $3, now())',
        [tenantId, deviceId, connected],
      );
    }
  };
  await add('thermostat', {
    folder: '/paris',
    tags: ['roof', 'north'],
    metadata: { region: 'eu' },
    reported: { mode: 'eco', interval: 60, 'a=b': { list: [] } },
    software: '1.1',
    connected: true,
    refused: false,
  });
  await add('thermostat', {
    folder: '/paris',
    tags: ['roof'],
    metadata: { region: 'us' },
    reported: { mode: 'eco', interval: 300, off: null, on: true },
    software: '1.1',
    connected: false,
    refused: true,
  });
  await add('thermostat', { metadata: { region: 'eu' }, reported: { mode: 'boost' }, software: '1.2' });
  await add('meter', { interface: 'http', seen: true });
});

afterAll(() => registry.stop());

const values = (
  field: string,
  more: { prefix?: string; limit?: number; cursor?: string } = {},
): Promise<FilterValues> => registry.bus.request(listFilterValues, { tenantId, field, ...more });
const shown = async (field: string, more: { prefix?: string; limit?: number } = {}): Promise<unknown[]> =>
  (await values(field, more)).items.map(({ value, devices }) => [value, devices]);

describe('the fields of filters', () => {
  it('are all there, with the keys that devices have', async () => {
    const { items } = await registry.bus.request(listFilterFields, { tenantId });
    expect(items.map(({ name }) => name.replace('.<key>', ''))).toEqual(Object.keys(DEVICE_FIELDS));
    expect(items.find(({ name }) => name === 'reported.<key>')).toEqual({
      name: 'reported.<key>',
      kind: 'json',
      operators: ['==', '!=', '<', '<=', '>', '>=', '=in=', '=out=', '=exists='],
      indexed: ['==', '=in='],
      keys: ['mode', 'interval', 'a=b', 'off', 'on'],
      complete: true,
    });
    expect(items.find(({ name }) => name === 'metadata.<key>')).toMatchObject({ keys: ['region'] });
    expect(items.find(({ name }) => name === 'software.<key>')).toMatchObject({ keys: ['default'] });
    expect(items.find(({ name }) => name === 'interface')).toMatchObject({
      values: ['mqtt', 'http', 'iothub'],
    });
  });
});

describe('the values of a field', () => {
  it.each<[string, unknown[]]>([
    ['deviceType', [['thermostat', 3], ['meter', 1]]],
    ['folder', [['/', 2], ['/paris', 2]]],
    ['tags', [['roof', 2], ['north', 1]]],
    ['interface', [['mqtt', 3], ['http', 1]]],
    ['connected', [[false, 2], [true, 1]]],
    ['metadata.region', [['eu', 2], ['us', 1]]],
    ['software.default', [['1.1', 2], ['1.2', 1]]],
    ['syncState', [['in_sync', 1], ['none', 1], ['pending', 1], ['rejected', 1]]],
    ['reported.interval', [[300, 1], [60, 1]]],
    ['reported.off', [[null, 1]]],
    ['reported.on', [[true, 1]]],
    ['reported.a=b', []],
    ['desired.nothing', []],
  ])('of %s are %j', async (field, expected) => {
    expect(await shown(field)).toEqual(expected);
  }); // prettier-ignore

  it('can be asked for by how they begin, and come at most so many', async () => {
    expect(await shown('reported.mode', { prefix: 'bo' })).toEqual([['boost', 1]]);
    expect(await shown('reported.interval', { prefix: '6' })).toEqual([[60, 1]]);
    const first = await values('reported.mode', { limit: 1 });
    expect(first).toEqual({
      items: [{ value: 'eco', devices: 2 }],
      nextCursor: expect.any(String) as unknown,
      complete: false,
    });
    const cursor = first.nextCursor ?? '';
    expect(await values('reported.mode', { limit: 1, cursor })).toEqual({
      items: [{ value: 'boost', devices: 1 }],
      nextCursor: null,
      complete: true,
    });
    expect(await code(values('reported.interval', { cursor }))).toBe('invalid-request');
    const fields = await registry.bus.request(listFilterFields, { tenantId, limit: 2, count: true });
    const after = { tenantId, limit: 2, cursor: fields.nextCursor ?? '' };
    const next = await registry.bus.request(listFilterFields, after);
    expect([...fields.items, ...next.items].map(({ name }) => name)).toEqual([
      'id',
      'name',
      'deviceType',
      'appVersion',
    ]);
    expect(await values('reported.mode', { limit: 2 })).toMatchObject({ complete: true });
    expect(await shown('folder', { prefix: '/%' })).toEqual([]);
  });

  it.each([
    ['colour', 'must be a field of filters: id, name, '],
    ['metadata', 'must be metadata.<key>'],
    ['metadata.', 'must be metadata.<key>'],
    ['name.x', 'must be name, which has no keys'],
    ['constructor', 'must be a field of filters'],
    ['createdAt', 'must not be an id or a time'],
    ['group', 'must not be a group'],
  ])('of %s are refused: %s', async (field, message) => {
    const refused = await problem(values(field));
    expect(refused).toMatchObject({ code: 'invalid-request', errors: [{ path: 'field' }] });
    expect(refused.detail).toContain(message);
  });

  it('are those of a sample where there are very many devices', async () => {
    const large = { tenantId: 'large', actor };
    await registry.bus.request(createDeviceType, { ...large, deviceType: { name: 'large' } });
    await registry.database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO devices (tenant_id, id, name, device_type_id, app_version, interface, folder, tags, metadata, version,
           created_at)
         SELECT v.tenant_id, n::text, n::text, v.device_type_id, v.name, 'mqtt', '/', '{}', jsonb_build_object('half', n % 2),
           1, now()
         FROM app_versions v, generate_series(1, 40000) AS n WHERE v.tenant_id = 'large'`,
      );
    });
    await registry.database.query('ANALYZE devices');
    const { items, complete } = await registry.bus.request(
      listFilterValues,
      { tenantId: 'large', field: 'metadata.half' },
      { timeoutMs: 10_000 },
    );
    expect(complete).toBe(false);
    expect(items.map(({ value }) => value).sort()).toEqual([0, 1]);
    const seen = items.reduce((sum, { devices }) => sum + devices, 0);
    expect(seen).toBeGreaterThan(1_000);
    expect(seen).toBeLessThan(SAMPLED_DEVICES);
  });
});

describe('the summary of the fleet', () => {
  it('counts devices by what they are', async () => {
    expect(await registry.bus.request(summarizeFleet, { tenantId })).toEqual({
      total: 4,
      connectivity: { connected: 1, disconnected: 1, neverSeen: 1, unknown: 1 },
      syncStates: { in_sync: 1, pending: 1, dispatched: 0, rejected: 1, unconfirmed: 0, none: 1 },
      interfaces: { mqtt: 3, http: 1, iothub: 0 },
      deviceTypes: [
        { name: 'thermostat', devices: 3 },
        { name: 'meter', devices: 1 },
      ],
      appVersions: [
        { deviceType: 'thermostat', name: 'thermostat-v1', devices: 3 },
        { deviceType: 'meter', name: 'meter-v1', devices: 1 },
      ],
      software: [
        { software: 'default', version: '1.1', devices: 2 },
        { software: 'default', version: '1.2', devices: 1 },
      ],
    });
  });

  it('counts those of a filter alone, and of nothing nothing', async () => {
    const some = await registry.bus.request(summarizeFleet, {
      tenantId,
      filter: 'reported.mode==eco;syncState!=in_sync',
    });
    expect(some).toMatchObject({
      total: 1,
      syncStates: { rejected: 1, in_sync: 0 },
      software: [{ version: '1.1', devices: 1 }],
    });
    const none = await registry.bus.request(summarizeFleet, { tenantId, filter: 'name==nobody' });
    expect(none).toMatchObject({ total: 0, deviceTypes: [], interfaces: { mqtt: 0 } });
  });

  it('refuses a filter that cannot be read', async () => {
    const refused = await problem(registry.bus.request(summarizeFleet, { tenantId, filter: 'colour==red' }));
    expect(refused.code).toBe('invalid-filter');
  });
});
