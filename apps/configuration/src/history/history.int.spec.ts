import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, eventStream, newId, type JsonObject } from '@muster/contracts';
import {
  changeDesired,
  eraseConfigurationHistory,
  getConfiguration,
  listConfigurationHistory,
  type GetConfiguration,
  type HistoryItem,
  type ListHistory,
} from '@muster/contracts/configuration/requests';
import {
  fetchDocument,
  recordDispatched,
  reportApplied,
} from '@muster/contracts/configuration/documents.requests';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import { deviceDeleted } from '@muster/contracts/device-registry/published';
import { openDatabase, type Database } from '@muster/event-store';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger, NestLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../app.module.js';

const logger = createLogger({ service: 'spec', level: 'fatal' });
const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;
const inRegistry = new Set<string>();

/** Stands for the registry, which is another app. */
@Controller()
class Registry {
  @Handles(getDevice)
  get({ deviceId: id }: DeviceRef): Promise<DeviceView> {
    if (!inRegistry.has(id)) return Promise.reject(new AppError('device-not-found', 'No such device.'));
    return Promise.resolve({
      id,
      name: id,
      deviceType: 'thermostat',
      deviceTypeId: 'thermostat',
      appVersion: 'thermostat-v1',
      interface: 'mqtt',
      folder: '/',
      tags: [],
      metadata: {},
      connectivity: { connected: false, since: null, lastSeenAt: null },
      version: 1,
      createdAt: '2026-01-01T00:00:00.000Z',
    });
  }
}

@Module({ controllers: [Registry] })
class SpecModule {}

let nats: NatsServer;
let test: TestDatabase;
let database: Database;
let service: RunningApp;
let bus: Bus;
let registry: { close(): Promise<unknown> };

beforeAll(async () => {
  [nats, test] = await Promise.all([startNats(), testDatabase({ name: 'configuration', migrate })]);
  database = openDatabase({ url: test.url, schema: 'configuration', poolSize: 2, name: 'spec' });
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const { name, subjects } = eventStream('device-registry');
  await bus.ensureStream({ name, subjects, maxAgeMs: 3_600_000, maxBytes: 10_000_000 });
  const app = await NestFactory.createMicroservice(SpecModule, {
    strategy: new NatsStrategy({ bus, service: 'device-registry', logger }),
    logger: new NestLogger(logger),
  });
  await app.listen();
  registry = app;
  service = await start({
    MUSTER_DATABASE_URL: test.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'fatal',
    MUSTER_CONFIGURATION_UNCONFIRMED_AFTER_SECONDS: '60',
  });
});

afterAll(async () => {
  await registry.close();
  await service.stop();
  await bus.close();
  await nats.stop();
  await database.close();
  await test.drop();
});

const device = (): string => {
  const id = newId();
  inRegistry.add(id);
  return id;
};
/** Resolves when the deletion has arrived. */
const remove = async (deviceId: string): Promise<void> => {
  inRegistry.delete(deviceId);
  const at = new Date().toISOString();
  await bus.publish(deviceDeleted, {
    tenantId,
    entityId: deviceId,
    id: newId(),
    time: at,
    data: { deviceId, version: 2, at, actor },
  });
  await eventually(() => ended(deviceId), { what: 'the configuration ends' });
};
const ended = async (deviceId: string): Promise<boolean> => {
  const { rows } = await database.query<{ ended: boolean }>(
    `SELECT (state->>'ended')::boolean AS ended FROM streams WHERE stream = $1`,
    [`configuration-${deviceId}`],
  );
  return rows[0]?.ended === true;
};
const change = (deviceId: string, desired: JsonObject) =>
  bus.request(changeDesired, { tenantId, deviceId, actor, mode: 'merge', desired });
const past = (deviceId: string, when: Pick<GetConfiguration, 'version' | 'at'>) =>
  bus.request(getConfiguration, { tenantId, deviceId, ...when }, { timeoutMs: 10_000 });
const view = (deviceId: string) => past(deviceId, {});
const apply = (deviceId: string, configId: string, statusCode = 200) =>
  bus.request(reportApplied, {
    reports: [{ tenantId, deviceId, interface: 'mqtt', configId, statusCode }],
  });
const dispatch = (deviceId: string, configId: string) =>
  bus.request(recordDispatched, {
    dispatches: [
      { tenantId, deviceId, configId, interface: 'http', subscriber: true, at: new Date().toISOString() },
    ],
  });
const history = (deviceId: string, more: Partial<ListHistory> = {}) =>
  bus.request(listConfigurationHistory, { tenantId, deviceId, ...more });
const erase = (deviceId: string) => bus.request(eraseConfigurationHistory, { tenantId, actor, deviceId });
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('the past of a configuration', () => {
  it('is what the stream makes of it up to a version, syncState included', async () => {
    const id = device();
    const { configId: first } = await change(id, { a: 1 }); // 1
    await dispatch(id, first); // 2
    await apply(id, first); // 3, and 4: a is reported
    const { configId: second } = await change(id, { a: 2, b: true }); // 5
    await dispatch(id, second); // 6
    await apply(id, second, 400); // 7

    expect(await past(id, { version: 0 })).toMatchObject({
      version: 0,
      configId: '',
      syncState: 'none',
      keys: {},
    });
    expect(await past(id, { version: 1 })).toMatchObject({
      version: 1,
      configId: first,
      syncState: 'pending',
    });
    expect(await past(id, { version: 2 })).toMatchObject({ syncState: 'dispatched' });
    expect(await past(id, { version: 4 })).toMatchObject({
      version: 1,
      syncState: 'in_sync',
      keys: { a: { desired: 1, reported: 1, inSync: true } },
    });
    expect(await past(id, { version: 5 })).toMatchObject({
      version: 5,
      configId: second,
      syncState: 'pending',
      keys: { a: { desired: 2, reported: 1 }, b: { desired: true } },
    });
    const now = await view(id);
    expect(now.syncState).toBe('rejected');
    expect(await past(id, { version: 7 })).toEqual(now);
    await expect(past(id, { version: 8 })).rejects.toMatchObject({
      code: 'configuration-version-not-found',
      detail: 'The last version of this configuration is 7.',
    });
  });

  it('is what was known at a time, silence included', async () => {
    const id = device();
    const { configId } = await change(id, { a: 1 });
    await dispatch(id, configId);
    const [sent, changed] = (await history(id)).items;
    const at = (item: HistoryItem | undefined, plusMs: number) =>
      new Date(Date.parse(item?.at ?? '') + plusMs).toISOString();
    expect(await past(id, { at: at(changed, -1) })).toMatchObject({
      version: 0,
      syncState: 'none',
      keys: {},
    });
    expect(await past(id, { at: at(changed, 0) })).toMatchObject({ version: 1, configId });
    expect(await past(id, { at: at(sent, 1) })).toMatchObject({ syncState: 'dispatched' });
    expect(await past(id, { at: '2000-01-01T00:00:00Z' })).toMatchObject({ version: 0, keys: {} });
    // A time to come is now; what lies further back than the deadline of 60 s was unconfirmed by then.
    expect(await past(id, { at: at(sent, 3_600_000) })).toMatchObject({ syncState: 'dispatched' });
    await database.query(
      `UPDATE events SET data = jsonb_set(jsonb_set(data, '{changedAt}', '"2026-01-01T00:00:00.000Z"'),
         '{dispatchedAt}', '"2026-01-01T00:00:00.000Z"') WHERE stream = $1`,
      [`configuration-${id}`],
    );
    expect(await past(id, { at: '2026-01-01T00:00:30Z' })).toMatchObject({ syncState: 'dispatched' });
    expect(await past(id, { at: '2026-01-01T00:02:00Z' })).toMatchObject({ syncState: 'unconfirmed' });
  });

  it('is refused for two questions at once, a time that is none, and a device that never was', async () => {
    const id = device();
    await change(id, { a: 1 });
    const at = new Date().toISOString();
    await expect(past(id, { version: 1, at })).rejects.toMatchObject({
      code: 'invalid-request',
      errors: [{ path: 'at' }],
    });
    await expect(past(id, { at: '2026-W01' })).rejects.toEqual(code('invalid-request'));
    await expect(past(newId(), { version: 0 })).rejects.toEqual(code('device-not-found'));
    await expect(past(newId(), { version: 1 })).rejects.toEqual(code('device-not-found'));
    await expect(past(newId(), { at })).rejects.toEqual(code('device-not-found'));
    expect(await past(device(), { at })).toMatchObject({ version: 0, keys: {} });
  });

  it('is read of a stream of any length', async () => {
    const id = device();
    await change(id, { n: 0 });
    await database.query(
      `INSERT INTO events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata)
       SELECT tenant_id, stream, n, aggregate, type, schema_version,
         jsonb_set(data, '{changes,n,to}', to_jsonb(n)), metadata
       FROM events, generate_series(2, 2600) n WHERE stream = $1 AND version = 1`,
      [`configuration-${id}`],
    );
    for (const version of [500, 501, 1_000, 2_600]) {
      expect(await past(id, { version })).toMatchObject({ version, keys: { n: { desired: version } } });
    }
    await expect(past(id, { version: 2_601 })).rejects.toEqual(code('configuration-version-not-found'));
  });

  it('stays readable when the device is deleted, until then', async () => {
    const id = device();
    await change(id, { a: 1 });
    const alive = new Date().toISOString();
    await remove(id);
    expect(await past(id, { version: 1 })).toMatchObject({ keys: { a: { desired: 1 } } });
    expect(await past(id, { at: alive })).toMatchObject({ version: 1 });
    await expect(past(id, { version: 2 })).rejects.toEqual(code('device-not-found'));
    await expect(past(id, { at: '2100-01-01T00:00:00Z' })).rejects.toEqual(code('device-not-found'));
  });
});

describe('the history', () => {
  it('says when a change was confirmed and by which way, the same on every page and for every key', async () => {
    const id = device();
    const { configId: one } = await change(id, { a: 1, b: 1 });
    await dispatch(id, one);
    await bus.request(fetchDocument, { tenantId, deviceId: id, interface: 'http', configId: one });
    await change(id, { a: 2 });
    const { configId: three } = await change(id, { a: 3, b: 3 });
    await apply(id, three);
    await change(id, { a: 4 });
    await change(id, { a: 3 });

    const { items } = await history(id);
    const applied = items.filter(({ kind }) => kind === 'applied').map(({ at }) => at);
    const desired = items.filter(({ kind }) => kind === 'desired');
    const last = desired[0];
    expect(desired.map(({ key, to, confirmedAt }) => [key, to, confirmedAt])).toEqual([
      ['a', 3, last?.at], // what it had confirmed before, and nothing was sent to it since
      ['a', 4, undefined],
      ['a', 3, applied[0]],
      ['b', 3, applied[0]],
      ['a', 2, undefined],
      ['a', 1, applied[1]],
      ['b', 1, applied[1]],
    ]);
    expect(new Set(items.map(({ kind, interface: by }) => `${kind} ${by ?? ''}`))).toEqual(
      new Set([
        'desired ',
        'reported mqtt',
        'applied mqtt',
        'dispatched http',
        'applied http',
        'reported http',
      ]),
    );

    for (const limit of [1, 2, 3, 5]) {
      const paged: HistoryItem[] = [];
      for (let cursor: string | undefined; ;) {
        const page = await history(id, { limit, ...(cursor === undefined ? {} : { cursor }) });
        paged.push(...page.items);
        if (page.nextCursor === null) break;
        cursor = page.nextCursor;
      }
      expect(paged).toEqual(items);
    }
    expect((await history(id, { key: 'b' })).items).toEqual(items.filter(({ key }) => key === 'b'));
  });

  it.each(['["history","9999999999","end"]', '["history","1"]', '["jobs","1","end"]', 'x'])(
    'refuses the cursor %s, which is none',
    async (text) => {
      const cursor = Buffer.from(text).toString('base64url');
      const listed = bus.request(listConfigurationHistory, { tenantId, deviceId: device(), cursor });
      await expect(listed).rejects.toEqual(code('invalid-request'));
    },
  );

  it('is erased on purpose, of a deleted device only, as often as one likes', async () => {
    const id = device();
    await change(id, { a: 1 });
    await expect(erase(id)).rejects.toEqual(code('device-exists'));
    expect((await history(id)).items).toHaveLength(1);
    await remove(id);
    expect((await history(id)).items).toHaveLength(1);
    expect(await erase(id)).toEqual({});
    const { rows } = await database.query('SELECT 1 FROM events WHERE stream = $1', [`configuration-${id}`]);
    expect(rows).toEqual([]);
    expect(await erase(id)).toEqual({});
    await expect(history(id)).rejects.toEqual(code('device-not-found'));
    await expect(past(id, { version: 1 })).rejects.toEqual(code('device-not-found'));
    const never = newId();
    expect(await erase(never)).toEqual({});
    const { rows: acts } = await database.query<{ stream: string }>(
      `SELECT stream FROM acts WHERE type = 'ConfigurationHistoryErased' AND stream = ANY($1)`,
      [[id, never].map((one) => `configuration-${one}`)],
    );
    expect(acts).toEqual([{ stream: `configuration-${id}` }]);
  });

  it('is not erased before the end of the stream is in it', async () => {
    const id = device();
    await change(id, { a: 1 });
    inRegistry.delete(id);
    await database.query('DELETE FROM known_devices WHERE device_id = $1', [id]);
    await expect(erase(id)).rejects.toEqual(code('unavailable'));
    expect((await history(id)).items).toHaveLength(1);
  });
});
