import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { AppError, eventStream, newId, type JsonObject } from '@muster/contracts';
import {
  configurationApplied,
  configurationDispatched,
  configurationRejected,
  desiredConfigurationChanged,
  reportedStateChanged,
} from '@muster/contracts/configuration/published';
import {
  changeDesired,
  getConfiguration,
  listConfigurationHistory,
  type ChangeDesired,
  type ListHistory,
} from '@muster/contracts/configuration/requests';
import {
  dueDocuments,
  fetchDocument,
  getReportedState,
  recordDispatched,
  reportApplied,
  reportState,
  type DeviceKey,
  type FetchDocument,
} from '@muster/contracts/configuration/documents.requests';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import { deviceDeleted, deviceProvisioned } from '@muster/contracts/device-registry/published';
import { connectBus, Consumes, Handles, NatsStrategy, type Bus, type Delivered } from '@muster/messaging';
import { createLogger, NestLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../app.module.js';
import { configIdOf } from './config-id.js';

const logger = createLogger({ service: 'spec', level: 'fatal' });
const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;

/** Stands for the registry, which is another app: what it answers, and what the service under test publishes. */
const inRegistry = new Set<string>();
let questions = 0;
let registryIsUnavailable = false;
const received: Delivered<{ version: number }>[] = [];

@Controller()
class Surroundings {
  @Handles(getDevice)
  get({ deviceId }: DeviceRef): Promise<DeviceView> {
    questions += 1;
    if (registryIsUnavailable) return Promise.reject(new AppError('unavailable', 'The database is away.'));
    if (!inRegistry.has(deviceId)) return Promise.reject(new AppError('device-not-found', 'No such device.'));
    return Promise.resolve(viewOf(deviceId));
  }

  @Consumes({
    durable: 'spec',
    events: [
      desiredConfigurationChanged,
      configurationDispatched,
      configurationApplied,
      configurationRejected,
      reportedStateChanged,
    ],
  })
  take(events: Delivered<{ version: number }>[]): Promise<void> {
    received.push(...events);
    return Promise.resolve();
  }
}

@Module({ controllers: [Surroundings] })
class SpecModule {}

const viewOf = (id: string): DeviceView => ({
  id,
  name: id,
  deviceType: 'thermostat',
  deviceTypeId: newId(),
  appVersion: 'thermostat-v1',
  interface: 'mqtt',
  folder: '/',
  tags: [],
  metadata: {},
  connectivity: { connected: false, since: null, lastSeenAt: null },
  version: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
});

/** A connection to PostgreSQL that can be cut, which no query of a test can do to its own server. */
const wireTo = async (url: string) => {
  const target = new URL(url);
  const upstreamPort = Number(target.port);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  target.port = String(port);
  return {
    url: target.href,
    mend: () => listen(port),
    cut: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
};

let nats: NatsServer;
let wire: Awaited<ReturnType<typeof wireTo>>;
let database: TestDatabase;
let service: RunningApp;
let bus: Bus;
let surroundings: { close(): Promise<unknown> };

beforeAll(async () => {
  [nats, database] = await Promise.all([startNats(), testDatabase({ name: 'configuration', migrate })]);
  wire = await wireTo(database.url);
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const registry = eventStream('device-registry');
  await bus.ensureStream({
    name: registry.name,
    subjects: registry.subjects,
    maxAgeMs: 3_600_000,
    maxBytes: 10_000_000,
  });
  service = await start({
    MUSTER_DATABASE_URL: wire.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'fatal',
    MUSTER_CONFIGURATION_UNCONFIRMED_AFTER_SECONDS: '60',
  });
  const app = await NestFactory.createMicroservice(SpecModule, {
    strategy: new NatsStrategy({ bus, service: 'device-registry', logger }),
    logger: new NestLogger(logger),
  });
  await app.listen();
  surroundings = app;
});

afterAll(async () => {
  await surroundings.close();
  await service.stop();
  await bus.close();
  await nats.stop();
  await wire.cut();
  await database.drop();
});

/** A device the registry has. */
const device = (): string => {
  const id = newId();
  inRegistry.add(id);
  return id;
};
const change = (deviceId: string, desired: JsonObject, more: Partial<ChangeDesired> = {}) =>
  bus.request(changeDesired, { tenantId, deviceId, actor, mode: 'merge', desired, ...more });
const view = (deviceId: string) => bus.request(getConfiguration, { tenantId, deviceId });
const fetch = (deviceId: string, more: Partial<FetchDocument> = {}) =>
  bus.request(fetchDocument, { tenantId, deviceId, interface: 'mqtt', ...more });
const report = (deviceId: string, configId: string, statusCode: number, reasonPhrase?: string) =>
  bus.request(reportApplied, {
    reports: [
      { tenantId, deviceId, interface: 'mqtt', configId, statusCode, ...(reasonPhrase && { reasonPhrase }) },
    ],
  });
const dispatch = (deviceId: string, configId: string, subscriber: boolean, at = new Date()) =>
  bus.request(recordDispatched, {
    dispatches: [{ tenantId, deviceId, configId, interface: 'mqtt', subscriber, at: at.toISOString() }],
  });
const due = async (...deviceIds: string[]) =>
  (await bus.request(dueDocuments, { devices: deviceIds.map((deviceId) => ({ tenantId, deviceId })) })).items;
const history = (deviceId: string, more: Partial<ListHistory> = {}) =>
  bus.request(listConfigurationHistory, { tenantId, deviceId, ...more });
const publishedOf = (deviceId: string, count: number) =>
  eventually(
    () => {
      const own = received.filter(({ entityId }) => entityId === deviceId);
      if (own.length < count) throw new Error(`${own.length} of ${count} events`);
      return own.sort((a, b) => a.data.version - b.data.version);
    },
    { what: 'the events are published', deadlineMs: 10_000 },
  );
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('changeDesired', () => {
  it('stores values of every kind and answers version, configId and state', async () => {
    const id = device();
    const desired = { a: 'text', b: 1.5, c: true, d: { deep: [1, null, 'x'] }, e: [1, 2] };
    const changed = await change(id, desired);
    expect(changed).toEqual({ version: 1, configId: configIdOf(desired), syncState: 'pending' });
    const { keys, ...rest } = await view(id);
    expect(rest).toEqual({ deviceId: id, ...changed });
    expect(keys['d']).toEqual({
      desired: { deep: [1, null, 'x'] },
      origin: 'device',
      desiredAt: expect.any(String) as unknown,
      desiredBy: actor,
      inSync: false,
    });
  });

  it('answers the same to the same change, and appends nothing', async () => {
    const id = device();
    const first = await change(id, { a: 1 }, { expectedVersion: 0 });
    expect(await change(id, { a: 1 }, { expectedVersion: 0 })).toEqual(first);
    expect((await history(id)).items).toHaveLength(1);
  });

  it('removes what replace does not name, and null removes', async () => {
    const id = device();
    await change(id, { a: 1, b: 2, c: 3 });
    await change(id, { a: 1, b: 2 }, { mode: 'replace' });
    await change(id, { b: null });
    expect(Object.keys((await view(id)).keys)).toEqual(['a']);
  });

  it('refuses another version than the expected one', async () => {
    const id = device();
    await change(id, { a: 1 });
    await expect(change(id, { a: 2 }, { expectedVersion: 7 })).rejects.toEqual(code('version-mismatch'));
  });

  it('refuses bad keys with their paths, and what is too large', async () => {
    const id = device();
    await expect(change(id, { 'a.b': 1 })).rejects.toMatchObject({
      code: 'invalid-configuration',
      errors: [{ path: 'desired.a.b' }],
    });
    await expect(change(id, { a: 'x'.repeat(9_000) })).rejects.toEqual(code('configuration-too-large'));
    await expect(change(id, { a: 'nul \0' })).rejects.toEqual(code('invalid-configuration'));
  });

  it('refuses a request that is malformed', async () => {
    await expect(change(device(), { a: 1 }, { mode: 'other' as 'merge' })).rejects.toEqual(
      code('invalid-request'),
    );
  });

  it('keeps every change of many at the same time', async () => {
    const id = device();
    await change(id, { start: true });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) => change(id, { [`k${n}`]: n })),
    );
    const done = outcomes.filter(({ status }) => status === 'fulfilled').length;
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(code('concurrent-change'));
    }
    expect(Object.keys((await view(id)).keys)).toHaveLength(done + 1);
    expect(done).toBeGreaterThan(0);
  });
});

describe('the way of a document', () => {
  it('goes from change over dispatch to confirmed and reported, and is published with source and version', async () => {
    const id = device();
    const { configId } = await change(id, { interval: 10 }, { reason: 'winter' });
    expect(await due(id)).toEqual([{ tenantId, deviceId: id, configId, config: { interval: 10 } }]);

    await dispatch(id, configId, false);
    expect((await view(id)).syncState).toBe('pending');
    await dispatch(id, configId, true);
    expect((await view(id)).syncState).toBe('dispatched');
    expect(await due(id)).toHaveLength(1);

    expect(await report(id, configId, 200)).toEqual({ outcomes: [{}] });
    const confirmed = await view(id);
    expect(confirmed.syncState).toBe('in_sync');
    expect(confirmed.keys['interval']).toMatchObject({ reported: 10, inSync: true });
    expect(await due(id)).toEqual([]);

    const events = await publishedOf(id, 5);
    expect(events.map(({ contract, data }) => [contract.type, data.version])).toEqual([
      ['io.muster.desired-configuration.changed.v1', 1],
      ['io.muster.configuration.dispatched.v1', 2],
      ['io.muster.configuration.dispatched.v1', 3],
      ['io.muster.configuration.applied.v1', 4],
      ['io.muster.reported-state.changed.v1', 5],
    ]);
    expect(events[0]?.data).toMatchObject({
      deviceId: id,
      configId,
      source: actor,
      reason: 'winter',
      changes: { interval: { to: 10 } },
    });
    expect(events[1]?.data).toMatchObject({
      subscriber: false,
      source: { kind: 'system', id: 'mqtt-adapter' },
    });
    expect(events[4]?.data).toMatchObject({ source: { kind: 'device', id } });
  });

  it('stops with a refusal until the document changes', async () => {
    const id = device();
    const { configId } = await change(id, { interval: 1 });
    await dispatch(id, configId, true);
    await report(id, configId, 422, 'too fast');
    expect(await view(id)).toMatchObject({
      syncState: 'rejected',
      rejection: { statusCode: 422, reasonPhrase: 'too fast' },
    });
    expect(await due(id)).toEqual([]);
    for (const asked of [{}, { configId }]) {
      expect(await fetch(id, asked)).toEqual({ unchanged: true, configId, config: null });
    }
    expect(await view(id)).toMatchObject({ syncState: 'rejected', keys: { interval: { desired: 1 } } });
    expect((await view(id)).keys['interval']).not.toHaveProperty('reported');
    await change(id, { interval: 2 });
    expect(await due(id)).toHaveLength(1);
    expect((await publishedOf(id, 4)).map(({ data }) => data.version)).toEqual([1, 2, 3, 4]);
  });

  it('goes on to the document without keys, which is due, confirmed and in sync', async () => {
    const id = device();
    const { configId } = await change(id, { interval: 1 });
    await report(id, configId, 200);
    const emptied = await change(id, { interval: null });
    expect(emptied).toMatchObject({ configId: '44136fa355b3678a1146ad16f7e8649e', syncState: 'pending' });
    expect(await due(id)).toEqual([{ tenantId, deviceId: id, configId: emptied.configId, config: {} }]);
    expect(await fetch(id, { configId })).toEqual({
      unchanged: false,
      configId: emptied.configId,
      config: {},
    });
    await report(id, emptied.configId, 200);
    expect(await view(id)).toMatchObject({ syncState: 'in_sync', keys: {} });
    expect(await due(id)).toEqual([]);
  });

  it('is unconfirmed when the device stays silent past the deadline', async () => {
    const id = device();
    const { configId } = await change(id, { interval: 1 });
    await dispatch(id, configId, true, new Date(Date.now() - 61_000));
    expect((await view(id)).syncState).toBe('unconfirmed');
  });
});

describe('fetchDocument', () => {
  it('gives the document, and nothing when the device names it, which confirms it', async () => {
    const id = device();
    const { configId } = await change(id, { interval: 10 });
    expect(await fetch(id)).toEqual({ unchanged: false, configId, config: { interval: 10 } });
    expect((await view(id)).syncState).toBe('dispatched');
    expect(await fetch(id, { configId })).toEqual({ unchanged: true, configId, config: null });
    expect((await view(id)).syncState).toBe('in_sync');
    const { items } = await history(id);
    expect(items.map(({ kind }) => kind)).toEqual(['reported', 'applied', 'dispatched', 'desired']);
    expect(items[1]).toMatchObject({ implicit: true });
  });

  it('has no document for a device without configuration', async () => {
    const id = device();
    expect(await fetch(id)).toEqual({ unchanged: false, configId: '', config: null });
    expect(await fetch(id, { configId: '' })).toEqual({ unchanged: true, configId: '', config: null });
    expect((await view(id)).syncState).toBe('none');
  });

  it('remembers that the device wants no pushes', async () => {
    const id = device();
    await change(id, { interval: 10 });
    await fetch(id, { observe: false });
    await fetch(id);
    expect(await due(id)).toEqual([]);
    await fetch(id, { observe: true });
    expect(await due(id)).toHaveLength(1);
  });
});

describe('the bulk requests', () => {
  it('answer each item for itself, in order, also items of one device', async () => {
    const [first, second] = [device(), device()];
    const a = await change(first, { a: 1 });
    await change(second, { a: 2 });
    const base = { tenantId, interface: 'mqtt' as const, statusCode: 200 };
    const { outcomes } = await bus.request(reportApplied, {
      reports: [
        { ...base, deviceId: first, configId: 'stray' },
        { ...base, deviceId: 'nobody', configId: 'x' },
        { ...base, deviceId: 'not an id\0', configId: 'x' },
        { ...base, deviceId: second, configId: 'nul \0' },
        { ...base, deviceId: first, configId: a.configId },
      ],
    });
    expect(outcomes.map((outcome) => outcome.code)).toEqual([
      undefined,
      'device-not-found',
      'device-not-found',
      undefined,
      undefined,
    ]);
    expect((await view(first)).syncState).toBe('in_sync');
    expect((await view(second)).syncState).toBe('pending');
  });

  it('append nothing when they are repeated', async () => {
    const ids = Array.from({ length: 20 }, device);
    const changed = await Promise.all(ids.map((id) => change(id, { a: 1 })));
    const at = new Date().toISOString();
    const dispatches = ids.map((deviceId, n) => ({
      tenantId,
      deviceId,
      configId: changed[n]!.configId,
      interface: 'mqtt' as const,
      subscriber: true,
      at,
    }));
    await bus.request(recordDispatched, { dispatches });
    await bus.request(recordDispatched, { dispatches });
    const reports = dispatches.map(({ deviceId, configId }) => ({
      tenantId,
      deviceId,
      configId,
      interface: 'mqtt' as const,
      statusCode: 200,
    }));
    await bus.request(reportApplied, { reports });
    await bus.request(reportApplied, { reports });
    for (const id of ids) expect((await history(id)).items).toHaveLength(4);
  });

  it('answer due documents in parts when they do not fit in a message', async () => {
    const ids = Array.from({ length: 500 }, device);
    const large = Object.fromEntries([1, 2, 3, 4].map((n) => [`k${n}`, 'x'.repeat(8_000)]));
    for (let from = 0; from < ids.length; from += 20) {
      await Promise.all(ids.slice(from, from + 20).map((id) => change(id, large)));
    }
    let devices: DeviceKey[] = ids.map((deviceId) => ({ tenantId, deviceId }));
    const answers: string[][] = [];
    while (devices.length > 0) {
      const { items, askAgain = [] } = await bus.request(dueDocuments, { devices }, { timeoutMs: 20_000 });
      answers.push(items.map(({ deviceId }) => deviceId));
      devices = askAgain;
    }
    expect(answers.flat()).toEqual(ids);
    // 16 MB, of which up to 700 KB go in a message.
    expect(answers.length).toBeGreaterThan(22);
  }, 60_000);
});

describe('dueDocuments because of a change', () => {
  it('leaves out who was sent the document since, until the next change', async () => {
    const id = device();
    const dueAfterChange = async () =>
      (await bus.request(dueDocuments, { devices: [{ tenantId, deviceId: id }], changed: true })).items
        .length;
    const first = await change(id, { a: 1 });
    expect(await dueAfterChange()).toBe(1);
    await dispatch(id, first.configId, false);
    expect(await dueAfterChange()).toBe(1);
    await dispatch(id, first.configId, true);
    expect([await dueAfterChange(), (await due(id)).length]).toEqual([0, 1]);
    await change(id, { a: 2 });
    expect(await dueAfterChange()).toBe(1);
  });
});

describe('reportState', () => {
  const say = (deviceId: string, reported: JsonObject) => ({
    tenantId,
    deviceId,
    interface: 'mqtt' as const,
    reported,
  });

  it('is merged, read back as it is stored, shown beside what is desired, and published', async () => {
    const id = device();
    await change(id, { interval: 10 });
    await bus.request(reportState, { reports: [say(id, { interval: 12, wifi: { ssid: 'x' } })] });
    const reports = [say(id, { wifi: { rssi: -60 } }), say(id, { gone: 1 }), say(id, { gone: null })];
    expect(await bus.request(reportState, { reports })).toEqual({ outcomes: [{}, {}, {}] });
    const values = { interval: 12, wifi: { ssid: 'x', rssi: -60 } };
    expect(await bus.request(getReportedState, { tenantId, deviceId: id })).toEqual({ reported: values });
    const { keys, syncState } = await view(id);
    expect(keys['interval']).toMatchObject({ desired: 10, reported: 12, inSync: false });
    expect(syncState).toBe('pending');
    const [, event] = await publishedOf(id, 2);
    expect(event?.data).toMatchObject({ source: { kind: 'device', id }, changes: { interval: { to: 12 } } });
  });

  it('refuses one without the others', async () => {
    const [good, bad] = [device(), device()];
    const reports = [say(bad, { status: 1 }), say(good, { a: 1 }), say('unheard-of', { a: 1 })];
    expect(await bus.request(reportState, { reports })).toMatchObject({
      outcomes: [{ code: 'invalid-configuration' }, {}, { code: 'device-not-found' }],
    });
    expect(await bus.request(getReportedState, { tenantId, deviceId: good })).toEqual({ reported: { a: 1 } });
    await expect(bus.request(getReportedState, { tenantId, deviceId: 'unheard-of' })).rejects.toEqual(
      code('device-not-found'),
    );
  });
});

describe('listConfigurationHistory', () => {
  it('tells from, to, source and reason per key, newest first', async () => {
    const id = device();
    await change(id, { a: 1, b: 1 });
    await change(id, { a: 2, b: null }, { reason: 'because' });
    const { items, nextCursor } = await history(id);
    expect(nextCursor).toBeNull();
    expect(items.map(({ key, from, to, version }) => ({ key, from, to, version }))).toEqual([
      { key: 'a', from: 1, to: 2, version: 2 },
      { key: 'b', from: 1, to: undefined, version: 2 },
      { key: 'a', from: undefined, to: 1, version: 1 },
      { key: 'b', from: undefined, to: 1, version: 1 },
    ]);
    expect(items[0]).toMatchObject({ kind: 'desired', source: actor, reason: 'because' });
  });

  it('pages through without losing or repeating an item, whatever the size of a page', async () => {
    const id = device();
    for (let n = 0; n < 5; n += 1) await change(id, { a: n, b: n, c: n });
    const all = (await history(id)).items;
    expect(all).toHaveLength(15);
    for (const limit of [1, 2, 3, 4, 7, 15]) {
      const found = [];
      let cursor: string | undefined;
      do {
        const page = await history(id, { limit, ...(cursor === undefined ? {} : { cursor }) });
        found.push(...page.items);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
      expect(found).toEqual(all);
    }
  });

  it('filters by key and by time, from inclusive, to exclusive', async () => {
    const id = device();
    await change(id, { a: 1, b: 1 });
    await eventually(() => change(id, { a: Date.now() }), { what: 'a later change' });
    const onlyB = (await history(id, { key: 'b' })).items;
    expect(onlyB.map(({ key }) => key)).toEqual(['b']);
    const at = onlyB[0]!.at;
    expect((await history(id, { key: 'b', from: at })).items).toHaveLength(1);
    expect((await history(id, { key: 'b', to: at })).items).toHaveLength(0);
  });

  it('refuses a cursor or a time it cannot read', async () => {
    const id = device();
    await expect(history(id, { cursor: 'nonsense' })).rejects.toEqual(code('invalid-request'));
    await expect(history(id, { from: '2026-W01' })).rejects.toEqual(code('invalid-request'));
  });
});

describe('devices', () => {
  it('that the registry does not know are not found, by any request', async () => {
    const id = newId();
    await expect(change(id, { a: 1 })).rejects.toEqual(code('device-not-found'));
    await expect(view(id)).rejects.toEqual(code('device-not-found'));
    await expect(fetch(id)).rejects.toEqual(code('device-not-found'));
    await expect(history(id)).rejects.toEqual(code('device-not-found'));
    expect((await report(id, 'x', 200)).outcomes).toMatchObject([{ code: 'device-not-found' }]);
    expect((await dispatch(id, 'x', true)).outcomes).toMatchObject([{ code: 'device-not-found' }]);
    expect(await due(id)).toEqual([]);
  });

  it('are asked for once when they are new', async () => {
    const id = device();
    const before = questions;
    await change(id, { a: 1 });
    await change(id, { a: 2 });
    expect(questions).toBe(before + 1);
  });

  it('are neither found nor denied while the registry cannot answer', async () => {
    registryIsUnavailable = true;
    try {
      await expect(view(device())).rejects.toEqual(code('unavailable'));
      expect((await report(device(), 'x', 200)).outcomes).toMatchObject([{ code: 'unavailable' }]);
    } finally {
      registryIsUnavailable = false;
    }
  });

  const event = (deviceId: string) => ({
    tenantId,
    entityId: deviceId,
    id: newId(),
    time: '2026-01-01T00:00:00.000Z',
  });
  const fact = (deviceId: string) => ({ deviceId, version: 1, at: '2026-01-01T00:00:00.000Z', actor });
  const publishDeleted = (deviceId: string) =>
    bus.publish(deviceDeleted, { ...event(deviceId), data: fact(deviceId) });
  const publishProvisioned = (deviceId: string) => {
    const { name, deviceTypeId, deviceType, appVersion, folder, tags, metadata } = viewOf(deviceId);
    return bus.publish(deviceProvisioned, {
      ...event(deviceId),
      data: {
        ...fact(deviceId),
        ...{ name, deviceTypeId, deviceType, appVersion, interface: 'mqtt', folder, tags, metadata },
      },
    });
  };

  it('are known from the event of their making, without asking', async () => {
    const id = newId();
    await publishProvisioned(id);
    await eventually(() => view(id), { what: 'the device is known' });
    const before = questions;
    await change(id, { a: 1 });
    expect(questions).toBe(before);
  });

  it('are gone after the event of their end, whatever comes later, with their history left', async () => {
    const id = device();
    await change(id, { a: 1 });
    await publishDeleted(id);
    await eventually(
      async () => {
        await expect(change(id, { a: 1 })).rejects.toEqual(code('device-not-found'));
        return true;
      },
      { what: 'the device is gone' },
    );
    await publishProvisioned(id);
    await publishDeleted(id);
    const other = newId();
    await publishProvisioned(other);
    await eventually(() => view(other), { what: 'the events were read' });
    await expect(view(id)).rejects.toEqual(code('device-not-found'));
    await expect(fetch(id)).rejects.toEqual(code('device-not-found'));
    expect((await report(id, 'x', 200)).outcomes).toMatchObject([{ code: 'device-not-found' }]);
    expect(await due(id)).toEqual([]);
    expect((await history(id)).items).toHaveLength(1);
  });
});

describe('a deletion that the projection of known devices has missed', () => {
  it('is stopped by the end of the stream', async () => {
    const id = device();
    await change(id, { a: 1 });
    await bus.publish(deviceDeleted, {
      tenantId,
      entityId: id,
      id: newId(),
      time: '2026-01-01T00:00:00.000Z',
      data: { deviceId: id, version: 2, at: '2026-01-01T00:00:00.000Z', actor },
    });
    const sql = new pg.Client({ connectionString: database.url });
    await sql.connect();
    try {
      await eventually(
        async () => {
          const { rowCount } = await sql.query(
            `SELECT 1 FROM configuration.events WHERE stream = $1 AND type = 'ConfigurationEnded'`,
            [`configuration-${id}`],
          );
          return rowCount === 1;
        },
        { what: 'the stream has ended' },
      );
      await sql.query('UPDATE configuration.known_devices SET deleted = false WHERE device_id = $1', [id]);
    } finally {
      await sql.end();
    }
    await expect(change(id, { a: 2 })).rejects.toEqual(code('device-not-found'));
    await expect(view(id)).rejects.toEqual(code('device-not-found'));
  });
});

describe('when a dependency is away', () => {
  it('requests are answered unavailable without the database, and done again when it is back', async () => {
    const id = device();
    await change(id, { a: 1 });
    await wire.cut();
    await expect(view(id)).rejects.toEqual(code('unavailable'));
    await expect(change(id, { a: 2 })).rejects.toEqual(code('unavailable'));
    await expect(report(id, 'x', 200)).rejects.toEqual(code('unavailable'));
    expect((await service.ops.health.ready()).failing.map((check) => check.name)).toContain('database');
    await wire.mend();
    await eventually(() => change(id, { a: 2 }), { what: 'the service works again', deadlineMs: 10_000 });
    await publishedOf(id, 2);
  });

  it('changes made are published after NATS comes back', async () => {
    const id = device();
    await change(id, { a: 1 });
    await publishedOf(id, 1);
    await nats.kill9();
    await nats.restart();
    await eventually(() => change(id, { a: 2 }), { what: 'the service answers again', deadlineMs: 15_000 });
    expect((await publishedOf(id, 2)).length).toBeGreaterThanOrEqual(2);
  });
});
