import type { JsonObject } from '@muster/contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SyncFacts, SyncState } from '@muster/contracts/configuration/sync-state';
import { createDeviceType, listDeviceTypes } from '@muster/contracts/device-registry/device-types.requests';
import {
  listDevices,
  provisionDevice,
  type DeviceInput,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import { MAX_SELECTED_DEVICES, selectDevices } from '@muster/contracts/device-registry/selection.requests';
import { matches, readFilter } from '@muster/filter';
import { eventually } from '@muster/testing';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import pg from 'pg';
import { base, problem, startRegistry, tenantId, type RunningRegistry } from '../running-registry.fixture.js';
import { DeviceStates } from '../state/device-states.js';
import { learnSoftware } from '../software/device-software.js';
import { DEVICE_FIELDS } from './device-filter.js';

/** The page for operators: its fleet and its examples are what is tested here. */
const page = readFileSync(resolve(import.meta.dirname, '../../../../../docs/filters.md'), 'utf8');
const FLEET = JSON.parse(/```json\n(\[[^]*?\n\])\n```/.exec(page)?.[1] ?? '') as (DeviceInput & {
  readonly connected?: boolean;
  readonly lastSeenAt?: string;
  readonly software?: Readonly<Record<string, string>>;
  readonly syncState?: SyncState;
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
})[];
const EXAMPLES = [...page.matchAll(/^\| `([^`]+)` +\| ([^|`]+) \|$/gm)]
  .map(([, filter = '', finds = '']) => ({ filter, finds: finds.trim() }))
  .filter(({ filter }) => !/^[<=!]|^=/.test(filter) && /[=<>]/.test(filter));

let registry: RunningRegistry;
let devices: DeviceView[];

beforeAll(async () => {
  registry = await startRegistry();
  for (const name of new Set(FLEET.map(({ deviceType }) => deviceType))) {
    await registry.bus.request(createDeviceType, { ...base, deviceType: { name } });
  }
  const states = new DeviceStates(registry.database, 300_000);
  for (const {
    connected,
    lastSeenAt,
    software = {},
    syncState,
    desired = {},
    reported = {},
    ...device
  } of FLEET) {
    const { id } = await registry.bus.request(provisionDevice, { ...base, device });
    await registry.database.query(
      'INSERT INTO device_connectivity (tenant_id, device_id, connected, last_seen_at) VALUES ($1, $2, $3, $4)',
      [tenantId, id, connected, lastSeenAt],
    );
    await learnSoftware(
      registry.database,
      Object.entries(software).map(([name, softwareVersion], index) => ({
        tenantId,
        deviceId: id,
        software: name,
        softwareVersion,
        version: index + 1,
      })),
    );
    if (syncState !== undefined) {
      await states.replace([
        { tenantId, deviceId: id, version: 1, desired, reported, ...syncFactsOf(syncState) },
      ]);
    }
  }
  // The same names in another tenant, which no filter may find.
  const other = { ...base, tenantId: 'other' };
  await registry.bus.request(createDeviceType, {
    ...other,
    deviceType: { name: 'thermostat', appVersions: [{ name: 'other-v1' }] },
  });
  await registry.bus.request(provisionDevice, {
    ...other,
    device: { name: 'hall', deviceType: 'thermostat' },
  });
  devices = (await registry.bus.request(listDevices, { tenantId })).items;
});

afterAll(() => registry.stop());

/** Facts of which the state follows; the device was reached ten minutes or a second ago. */
const syncFactsOf = (syncState: SyncState): SyncFacts => {
  const reached = (msAgo: number) => ({
    configId: 'a',
    reachedAt: new Date(Date.now() - msAgo).toISOString(),
  });
  const facts = { configId: 'a', dispatched: null, confirmation: null };
  switch (syncState) {
    case 'in_sync':
    case 'rejected':
      return { ...facts, confirmation: { configId: 'a', rejected: syncState === 'rejected' } };
    case 'dispatched':
      return { ...facts, dispatched: reached(1_000) };
    case 'unconfirmed':
      return { ...facts, dispatched: reached(600_000) };
    case 'pending':
      return facts;
    case 'none':
      return { ...facts, configId: '' };
  }
};

const found = async (filter: string): Promise<string[]> =>
  (await registry.bus.request(listDevices, { tenantId, filter })).items.map(({ name }) => name);

const ofFleet = (device: string) => FLEET.find(({ name }) => name === device);

const inMemory = (filter: string): string[] =>
  devices
    .filter(({ connectivity, ...device }) =>
      matches(readFilter(filter, DEVICE_FIELDS), {
        ...device,
        ...connectivity,
        software: ofFleet(device.name)?.software,
        desired: ofFleet(device.name)?.desired,
        reported: ofFleet(device.name)?.reported,
      }),
    )
    .map(({ name }) => name);

describe('the page of filters', () => {
  it('has examples', () => {
    expect(EXAMPLES.length).toBeGreaterThan(30);
    expect(FLEET).toHaveLength(4);
  });

  it.each(EXAMPLES)('is right that $filter finds $finds', async ({ filter, finds }) => {
    expect((await found(filter)).join(', ')).toBe(finds);
    expect(inMemory(filter).join(', ')).toBe(finds);
  });

  it('names every field', () => {
    const fields = /## Fields\n([^]*?)\n## /.exec(page)?.[1] ?? '';
    for (const [name, { kind }] of Object.entries(DEVICE_FIELDS)) {
      expect(fields).toContain(kind === 'json' ? `\`${name}.<key>\`` : `\`${name}\``);
    }
  });

  it('has examples that can be combined: the database and memory agree', async () => {
    const filters = fc.letrec<{ filter: string; group: string }>((tie) => ({
      filter: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(...EXAMPLES.map(({ filter }) => filter)),
        tie('group'),
      ),
      group: fc
        .tuple(fc.constantFrom(';', ','), fc.array(tie('filter'), { minLength: 2, maxLength: 3 }))
        .map(([sign, operands]) => operands.map((operand) => `(${operand})`).join(sign)),
    })).group;
    await fc.assert(
      fc.asyncProperty(filters, async (filter) => {
        fc.pre(filter.length < 4096);
        expect(await found(filter)).toEqual(inMemory(filter));
      }),
      { numRuns: 60 },
    );
  });
});

describe('a list of devices by a filter', () => {
  it('comes in pages, in order, with its count', async () => {
    const request = { tenantId, filter: 'folder==/*', sort: '-name', limit: 3, count: true } as const;
    const first = await registry.bus.request(listDevices, request);
    expect(first).toMatchObject({ total: 4 });
    const second = await registry.bus.request(listDevices, { ...request, cursor: first.nextCursor ?? '' });
    expect(second).toMatchObject({ total: 4, nextCursor: null });
    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual([
      'pump 1',
      'hall',
      'cellar',
      'attic',
    ]);
  });

  it('refuses the cursor of another filter, or of none', async () => {
    const request = { tenantId, limit: 1 };
    const { nextCursor } = await registry.bus.request(listDevices, { ...request, filter: 'name==*' });
    for (const filter of ['name=="*"', undefined]) {
      const refused = await problem(
        registry.bus.request(listDevices, { ...request, filter, cursor: nextCursor ?? '' }),
      );
      expect(refused).toMatchObject({ code: 'invalid-request', errors: [{ path: 'cursor' }] });
    }
  });

  it.each([
    ['', 'position 1: found the end'],
    ['colour==red', 'position 1: found "colour", expected a known field: id, name, deviceType, '],
    ['interface==mqt', 'position 12: found "mqt", expected one of mqtt, http, iothub'],
    ['metadata.a-b==1', 'position 1: found "metadata.a-b", expected metadata.<key>'],
    ['name==a\0', 'position 8: found U+0000'],
  ])('refuses %j: %s', async (filter, message) => {
    for (const request of [
      registry.bus.request(listDevices, { tenantId, filter }),
      registry.bus.request(selectDevices, { tenantId, filter }),
    ]) {
      const { code, errors } = await problem(request);
      expect(code).toBe('invalid-filter');
      expect(errors).toEqual([{ path: 'filter', message: expect.stringContaining(message) as unknown }]);
    }
  });

  it.each([
    ['a list as long as may be', `name=in=(${Array.from({ length: 200 }, (_, n) => `a${n}*`).join()})`],
    ['as many comparisons as may be', Array.from({ length: 64 }, (_, n) => `metadata.k!=${n}`).join(';')],
    [
      'the last and the first time',
      'createdAt<2999-12-31T23:59:59.999-12:00;createdAt>1900-01-01T00:00:00+23:59',
    ],
    [
      'numbers at the edge',
      'metadata.floor!=1e308;metadata.floor!=-5e-324;metadata.floor<1.7976931348623157e308,name!=x',
    ],
    [
      'what SQL takes for its own',
      `name!="'; DROP TABLE devices; --";name!="$1";name!="\\\\";folder!=%_;tags!="{}"`,
    ],
    ['a type that does not exist', 'deviceType!=nothing,deviceType<A'],
    ['any character', 'name!="\u{1F600}\u2028\u202E\uFFFF\t\n";metadata.k!="\u007F"'],
  ])('answers %s', async (_what, filter) => {
    expect(await found(filter)).toEqual(inMemory(filter));
  });
});

describe('the ids of devices by a filter', () => {
  it('ascend over all pages, each once', async () => {
    const request = { tenantId, filter: 'tags=exists=true', limit: 2, count: true };
    const first = await registry.bus.request(selectDevices, request);
    expect(first).toMatchObject({ total: 3, next: first.deviceIds.at(-1) });
    const second = await registry.bus.request(selectDevices, { ...request, after: first.next ?? '' });
    expect(second).toMatchObject({ total: 3, next: null });
    const tagged = devices.filter(({ tags }) => tags.length > 0).map(({ id }) => id);
    expect([...first.deviceIds, ...second.deviceIds]).toEqual(tagged.sort());
  });

  it('are those of all devices without a filter', async () => {
    const { deviceIds, next } = await registry.bus.request(selectDevices, { tenantId });
    expect(deviceIds).toEqual(devices.map(({ id }) => id).sort());
    expect(next).toBeNull();
  });

  it('come at most so many at once', async () => {
    const refused = await problem(
      registry.bus.request(selectDevices, { tenantId, limit: MAX_SELECTED_DEVICES + 1 }),
    );
    expect(refused.code).toBe('invalid-request');
  });
});

describe('a page that is not found soon', () => {
  /** As the superuser: the service's role does not see what others run. */
  const gathering = async (client: pg.Client): Promise<boolean> => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_activity WHERE query LIKE '%found AS MATERIALIZED%' AND wait_event_type = 'Lock'`,
    );
    return rowCount === 1;
  };

  const waitingForDevices = async (tx: pg.PoolClient): Promise<number> =>
    (await tx.query(`SELECT FROM pg_locks WHERE relation = 'devices'::regclass AND NOT granted`)).rowCount ??
    0;

  it('is gathered, in the same order', async () => {
    const client = new pg.Client({ connectionString: registry.databaseUrl });
    await client.connect();
    try {
      await client.query('BEGIN; LOCK TABLE device_registry.devices'); // a walk that takes longer than it may
      const request = { tenantId, filter: 'folder==/*', sort: '-createdAt', limit: 3 } as const;
      const answer = registry.bus.request(listDevices, request, { timeoutMs: 10_000 });
      const watcher = new pg.Client({ connectionString: registry.databaseUrl });
      await watcher.connect();
      try {
        await eventually(() => gathering(watcher), { deadlineMs: 3_000, what: 'the devices are gathered' });
      } finally {
        await watcher.end();
        await client.query('ROLLBACK');
      }
      const { items } = await answer;
      expect(items.map(({ name }) => name)).toEqual(['pump 1', 'cellar', 'attic']);
    } finally {
      await client.end();
    }
  });

  it('leaves connections to everybody else, however many are asked for', async () => {
    await registry.database.transaction(async (tx) => {
      await tx.query('LOCK TABLE devices');
      const request = { tenantId, filter: 'name==*x*' };
      const answers = Array.from({ length: 60 }, () =>
        registry.bus.request(listDevices, request, { timeoutMs: 3_000 }).catch((error: unknown) => error),
      );
      await eventually(async () => (await waitingForDevices(tx)) >= 4, {
        deadlineMs: 3_000,
        what: 'as many filters as may be are answered',
      });
      const { items } = await registry.bus.request(listDeviceTypes, { tenantId }, { timeoutMs: 1_000 });
      expect(items).not.toHaveLength(0);
      await Promise.all(answers);
    });
  });

  it('is refused when that takes long too, and not as if the database were away', async () => {
    const refused = await registry.database.transaction(async (tx) => {
      await tx.query('LOCK TABLE devices');
      return problem(
        registry.bus.request(listDevices, { tenantId, filter: 'name==*x*' }, { timeoutMs: 10_000 }),
      );
    });
    expect(refused).toMatchObject({ code: 'filter-too-slow', status: 400, errors: [{ path: 'filter' }] });
    expect(refused.detail).toContain('longer than 4 s');
  });
});
