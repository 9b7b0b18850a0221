import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { JsonValue } from '@muster/contracts';
import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import { createEventStore, openDatabase, type Database, type EventStore } from '@muster/event-store';
import { Steps, type DeviceTargets } from '@muster/jobs';
import { testDatabase, type TestDatabase } from '@muster/testing';
import { migrate } from '../app.module.js';
import { anna } from '../campaign/campaigns.fixture.js';
import { supervisionList } from './supervision-list.projection.js';
import type { CampaignSettings } from '../providers.js';
import { SupervisionHandlers } from './supervision.handlers.js';
import { supervision, type SupervisionCommand } from './supervision.decider.js';
import { SupervisedDevices } from './supervised-devices.js';

const tenantId = 'default';
const at = '2026-01-01T00:00:00.000Z';

let server: TestDatabase;
let database: Database;
let store: EventStore;
let devices: SupervisedDevices;
let handlers: SupervisionHandlers;
let nth = 0;
let id = '';

beforeAll(async () => {
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  database = openDatabase({ url: server.url, schema: 'campaign_orchestrator', poolSize: 2, name: 'spec' });
  store = createEventStore(database, { projections: [supervisionList] });
  devices = new SupervisedDevices(database, store);
  const unused = undefined as unknown; // nothing is opened by a request here
  handlers = new SupervisionHandlers(
    database,
    store,
    new Steps(database),
    unused as DeviceTargets,
    unused as CampaignSettings,
  );
}, 30_000);

afterAll(async () => {
  await database.close();
  await server.drop();
});

const execute = (command: SupervisionCommand) =>
  store.execute(supervision, { tenantId, id, command, metadata: { actor: anna } });
const names = (count: number): string[] => Array.from({ length: count }, (_none, place) => `${id}-${place}`);

/** An open one of this many devices, which shall report version 2. */
beforeEach(async () => {
  nth += 1;
  id = `s${nth}`;
  await execute({
    ...{ type: 'OpenSupervision', name: 'n', campaignId: null, target: { filter: '' }, configurations: {} },
    ...{ expectedStates: { version: 2 }, expectedFrom: 'any', by: anna, at },
  });
  await database.transaction((tx) =>
    devices.add(
      tx,
      { tenantId, supervisionId: id },
      names(4).map((one) => ({ id: one, name: one, interface: 'mqtt' })),
    ),
  );
  await execute({ type: 'ResolveSupervision', total: 4, by: anna, at });
});

let stateVersion = 0;
const says = (place: number, version?: JsonValue, more: Partial<DeviceState> = {}): DeviceState => ({
  deviceId: `${id}-${place}`,
  ended: false,
  version: (stateVersion += 1),
  configId: '',
  desired: {},
  withdrawn: {},
  reported: version === undefined ? {} : { version: { value: version, at, statedAt: at } },
  ...more,
});
const take = (...states: readonly DeviceState[]) => takeBy(['version'], ...states);
const takeBy = (keys: readonly string[], ...states: readonly DeviceState[]) =>
  database.transaction((tx) => devices.take(tx, tenantId, { states, keys }));
const valuesOf = async () => (await handlers.values({ tenantId, supervisionId: id })).keys;
const withReason = async (reason: 'drift' | 'state_mismatch' | 'removed') => {
  const page = await handlers.devices({ tenantId, supervisionId: id, reason, count: true });
  expect(page.total).toBe(page.items.length);
  return page.items.map(({ deviceId }) => deviceId);
};

describe('what the devices of a supervision report', () => {
  it('is counted by key and value, and moves with them', async () => {
    const nothing = { values: [], others: 0, none: 0, unknown: 4 };
    expect(await valuesOf()).toEqual([{ key: 'version', expected: 2, ...nothing }]);
    await take(says(0, 1), says(1, 1), says(2, 2), says(3));
    expect(await valuesOf()).toEqual([
      {
        key: 'version',
        expected: 2,
        values: [
          { value: 1, devices: 2 },
          { value: 2, devices: 1 },
        ],
        others: 0,
        none: 1,
        unknown: 0,
      },
    ]);
    const last = says(1, 2);
    await take(says(0, 2), last);
    await take(last);
    expect(await valuesOf()).toMatchObject([{ values: [{ value: 2, devices: 3 }], none: 1 }]);
    await take(says(2, undefined, { ended: true }));
    expect(await valuesOf()).toMatchObject([{ values: [{ value: 2, devices: 2 }], none: 1, unknown: 1 }]);
  });

  it('is one value whatever the order of its fields, and is not shown where it is long', async () => {
    await take(
      says(0, { a: 1, b: null }),
      says(1, { b: null, a: 1 }),
      says(2, 'x'.repeat(1_500)),
      says(3, null),
    );
    const [key] = await valuesOf();
    expect(key?.values).toHaveLength(3);
    expect(key?.values[0]).toEqual({ value: { a: 1, b: null }, devices: 2 });
    expect(key?.values).toContainEqual({ cut: true, devices: 1 });
    expect(key?.values).toContainEqual({ value: null, devices: 1 });
  });

  it('is shown for twenty values, and counted for all', async () => {
    await database.transaction((tx) =>
      devices.add(
        tx,
        { tenantId, supervisionId: id },
        names(30).map((one) => ({ id: one, name: one, interface: 'mqtt' })),
      ),
    );
    await take(...names(30).map((_name, place) => says(place, `v${place}`)));
    const [key] = await valuesOf();
    expect(key).toMatchObject({ others: 10, none: 0, unknown: 0 });
    expect(key?.values).toHaveLength(20);
  });

  it('is forgotten with the supervision', async () => {
    await take(says(0, 1));
    await devices.forget(tenantId, id, 100);
    const { rowCount } = await database.query('SELECT FROM supervision_values WHERE supervision_id = $1', [
      id,
    ]);
    expect(rowCount).toBe(0);
  });
});

describe('the devices of a supervision by a reason', () => {
  it('are those that have it among theirs', async () => {
    await take(says(0, 2), says(1, 1), says(2, 2), says(3, 2));
    await take(says(0, 1), says(2, undefined, { ended: true }));
    expect(await withReason('state_mismatch')).toEqual([`${id}-0`, `${id}-1`]);
    expect(await withReason('drift')).toEqual([`${id}-0`]);
    expect(await withReason('removed')).toEqual([`${id}-2`]);
  });
});

describe('the verdicts of a supervision', () => {
  it('take the value in effect for the desired one, be it a default', async () => {
    id = `${id}-values`;
    await execute({
      ...{ type: 'OpenSupervision', name: 'n', campaignId: null, target: { filter: '' } },
      ...{ configurations: { fan: 3 }, expectedStates: {}, expectedFrom: 'any', by: anna, at },
    });
    const [same = '', own = '', other = '', none = ''] = names(4);
    await database.transaction((tx) =>
      devices.add(
        tx,
        { tenantId, supervisionId: id },
        names(4).map((one) => ({ id: one, name: one, interface: 'mqtt' })),
      ),
    );
    await execute({ type: 'ResolveSupervision', total: 4, by: anna, at });
    const desires = (place: number, value: number, origin: 'device-type' | 'device') =>
      says(place, undefined, {
        desired: {
          fan: { value, origin, at, by: { kind: origin === 'device' ? 'user' : 'default', id: 'x' } },
        },
        reported: { fan: { value: 3, at, statedAt: at } },
      });
    const states = [
      desires(0, 3, 'device-type'),
      desires(1, 3, 'device'),
      desires(2, 4, 'device-type'),
      says(3),
    ];
    await takeBy(['fan'], ...states);
    // Twice is once.
    await takeBy(['fan'], ...states);
    const { items } = await handlers.devices({ tenantId, supervisionId: id });
    expect(items.map(({ deviceId, verdict, desired }) => ({ deviceId, verdict, desired }))).toEqual([
      { deviceId: same, verdict: 'valid', desired: true },
      { deviceId: own, verdict: 'valid', desired: true },
      { deviceId: other, verdict: 'invalid', desired: false },
      { deviceId: none, verdict: 'unknown', desired: false },
    ]);
  });

  it('wait for their own keys, where a device was asked for those of another one', async () => {
    const device = `${id}-0`;
    const later = `${id}-later`;
    const run = (command: SupervisionCommand) =>
      store.execute(supervision, { tenantId, id: later, command, metadata: { actor: anna } });
    await run({
      ...{ type: 'OpenSupervision', name: 'n', campaignId: null, target: { filter: '' } },
      ...{ configurations: { door: 'shut' }, expectedStates: {}, expectedFrom: 'any', by: anna, at },
    });
    await database.transaction((tx) =>
      devices.add(tx, { tenantId, supervisionId: later }, [{ id: device, name: device, interface: 'mqtt' }]),
    );
    await run({ type: 'ResolveSupervision', total: 1, by: anna, at });
    const verdictOf = async (supervisionId: string) =>
      (await handlers.devices({ tenantId, supervisionId })).items.map(({ verdict }) => verdict);

    // The device was asked for its version when only the first was open.
    const state = says(0, 2);
    expect(await take(state)).toEqual([device]);
    expect([(await verdictOf(id))[0], ...(await verdictOf(later))]).toEqual(['valid', 'unknown']);
    expect(await devices.unjudged(tenantId, later, 10)).toEqual([device]);

    const door = { value: 'open', origin: 'device', at, by: { kind: 'user', id: 'x' } } as const;
    expect(await takeBy(['version', 'door'], { ...state, desired: { door } })).toEqual([]);
    expect(await verdictOf(later)).toEqual(['invalid']);
  });
});

describe('a supervision', () => {
  it('is renamed by whoever has seen it, as long as it is open', async () => {
    const rename = (name: string, expectedVersion?: number) =>
      handlers.edit({
        tenantId,
        supervisionId: id,
        actor: anna,
        edit: { name },
        ...(expectedVersion === undefined ? {} : { expectedVersion }),
      });
    expect(await rename('spring', 2)).toMatchObject({ name: 'spring', version: 3, status: 'open' });
    await expect(rename('summer', 2)).rejects.toThrow('version-mismatch');
    await execute({ type: 'CloseSupervision', by: anna, at });
    await expect(rename('summer')).rejects.toThrow('supervision-closed');
  });
});
