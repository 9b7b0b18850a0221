import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, eventStream, newId, type JsonValue } from '@muster/contracts';
import { listCommandActs } from '@muster/contracts/audit/requests';
import { eraseCommands } from '@muster/contracts/commands/erasure.requests';
import {
  commandAnsweredLate,
  commandCancelled,
  commandCreated,
  commandExecuted,
  commandExpired,
  commandFailed,
  commandSent,
  type CommandAnswered,
  type CommandFact,
} from '@muster/contracts/commands/published';
import {
  cancelCommand,
  claimCommands,
  createCommand,
  dueCommands,
  fetchCommands,
  getCommand,
  listCommands,
  recordCommandsDispatched,
  reportResults,
  type ClaimCommands,
  type CommandView,
  type CreateCommand,
  type DueCommand,
  type DueCommandList,
  type DueCommandsOf,
  type FetchCommands,
  type ListCommands,
} from '@muster/contracts/commands/requests';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import { deviceDeleted, deviceProvisioned } from '@muster/contracts/device-registry/published';
import { openDatabase, rebuildProjections, type Database } from '@muster/event-store';
import {
  connectBus,
  Consumes,
  Handles,
  NatsStrategy,
  subscribeLive,
  type Bus,
  type Delivered,
} from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../app.module.js';
import { commandQueue } from './command-queue.decider.js';
import { commands } from './commands.projection.js';

const logger = createLogger({ service: 'spec', level: 'silent' });
const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;

/** Stands for the registry, which is another app: what it answers, and what the service under test publishes. */
const inRegistry = new Set<string>();
const received: Delivered<CommandFact>[] = [];

@Controller()
class Surroundings {
  @Handles(getDevice)
  get({ deviceId }: DeviceRef): Promise<DeviceView> {
    return inRegistry.has(deviceId)
      ? Promise.resolve(viewOf(deviceId))
      : Promise.reject(new AppError('device-not-found', 'No such device.'));
  }

  @Consumes({
    durable: 'spec',
    events: [
      commandCreated,
      commandSent,
      commandExecuted,
      commandFailed,
      commandExpired,
      commandCancelled,
      commandAnsweredLate,
    ],
  })
  take(events: Delivered<CommandFact>[]): Promise<void> {
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

let nats: NatsServer;
let database: TestDatabase;
let service: RunningApp;
let replica: RunningApp;
let own: Database;
let bus: Bus;
let surroundings: { close(): Promise<unknown> };

beforeAll(async () => {
  [nats, database] = await Promise.all([startNats(), testDatabase({ name: 'commands', migrate })]);
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const registry = eventStream('device-registry');
  await bus.ensureStream({
    name: registry.name,
    subjects: registry.subjects,
    maxAgeMs: 3_600_000,
    maxBytes: 10_000_000,
  });
  const env = {
    MUSTER_DATABASE_URL: database.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'fatal',
    MUSTER_COMMANDS_OUTSTANDING: '20',
    MUSTER_COMMANDS_EXPIRE_EVERY_MS: '50',
    MUSTER_COMMANDS_POOL_SIZE: '4',
  };
  // Two replicas: what one has decided the other must know, and both expire.
  [service, replica] = await Promise.all([start(env), start(env)]);
  const strategy = new NatsStrategy({ bus, service: 'device-registry', logger });
  const app = await NestFactory.createMicroservice(SpecModule, { strategy, logger: false });
  await app.listen();
  surroundings = app;
  own = openDatabase({ url: database.url, schema: 'commands', poolSize: 2, name: 'spec' });
});

afterAll(async () => {
  await surroundings.close();
  await service.stop();
  await replica.stop();
  await bus.close();
  await nats.stop();
  await own.close();
  await database.drop();
});

/** A device the registry has. */
const device = (): string => {
  const id = newId();
  inRegistry.add(id);
  return id;
};
const create = (deviceId: string, more: Partial<CreateCommand> = {}) =>
  bus.request(
    createCommand,
    { tenantId, deviceId, actor, type: 'reboot', ...more },
    { timeoutMs: 10_000 }, // some specs create hundreds at once
  );
const get = (deviceId: string, commandId: string) =>
  bus.request(getCommand, { tenantId, deviceId, commandId });
const list = (deviceId: string, more: Partial<ListCommands> = {}) =>
  bus.request(listCommands, { tenantId, deviceId, ...more });
const cancel = (deviceId: string, commandId: string) =>
  bus.request(cancelCommand, { tenantId, deviceId, commandId, actor });
const fetch = (deviceId: string, more: Partial<FetchCommands> = {}) =>
  bus.request(fetchCommands, { tenantId, deviceId, ...more });
const due = (...devices: Partial<DueCommandsOf>[]) =>
  bus.request(dueCommands, { devices: devices.map((one) => ({ tenantId, deviceId: '', ...one })) });
const report = async (
  deviceId: string,
  id: number,
  statusCode: number,
  more: { type?: string; reasonPhrase?: string; payload?: JsonValue } = {},
) => {
  const results = [{ tenantId, deviceId, type: 'reboot', id, statusCode, ...more }];
  return (await bus.request(reportResults, { results })).outcomes[0];
};
const publishedOf = (deviceId: string, count: number) =>
  eventually(
    () => {
      const events = received.filter(({ entityId }) => entityId === deviceId);
      return events.length >= count && events.sort((a, b) => a.data.version - b.data.version);
    },
    { what: 'the events are published', deadlineMs: 10_000 },
  );
const deleteDevice = (deviceId: string) =>
  bus.publish(deviceDeleted, {
    tenantId,
    entityId: deviceId,
    id: newId(),
    time: new Date().toISOString(),
    data: { deviceId, version: 2, at: new Date().toISOString(), actor },
  });
const idsOf = ({ items }: { items: { id: string | number }[] }) => items.map(({ id }) => id);
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('createCommand', () => {
  it('answers the pending command, which lasts a minute', async () => {
    const id = device();
    const command = await create(id, { payload: { delay: 5 } });
    expect(command).toEqual({
      id: 'reboot:1',
      deviceId: id,
      type: 'reboot',
      number: 1,
      status: 'pending',
      payload: { delay: 5 },
      createdAt: expect.any(String) as unknown,
      createdBy: actor,
      expiresAt: new Date(Date.parse(command.createdAt) + 60_000).toISOString(),
    });
    expect(await get(id, 'reboot:1')).toEqual(command);
  });

  it('numbers per device and type, from 1, without gaps or doubles under load', async () => {
    const id = device();
    const made = await Promise.all([
      ...Array.from({ length: 15 }, () => create(id)),
      ...Array.from({ length: 5 }, () => create(id, { type: 'close-door' })),
    ]);
    const numbers = (type: string) =>
      made
        .filter((command) => command.type === type)
        .map(({ number }) => number)
        .sort((a, b) => a - b);
    expect(numbers('reboot')).toEqual(Array.from({ length: 15 }, (_, index) => index + 1));
    expect(numbers('close-door')).toEqual([1, 2, 3, 4, 5]);
    expect((await create(device())).number).toBe(1);
  });

  it('gives the first answer again for the same key, and refuses another body', async () => {
    const id = device();
    const idempotencyKey = newId();
    const first = await create(id, { idempotencyKey, payload: [1] });
    expect(await create(id, { idempotencyKey, payload: [1] })).toEqual(first);
    await expect(create(id, { idempotencyKey, payload: [2] })).rejects.toEqual(
      code('idempotency-key-reused'),
    );
    expect((await list(id)).items).toHaveLength(1);
  });

  it('refuses for a device the registry does not have', async () => {
    await expect(create(newId())).rejects.toEqual(code('device-not-found'));
  });

  it('refuses what cannot be a type, because of the topics', async () => {
    const id = device();
    for (const type of ['', '12', 'status', 'error', 'a.b', 'a/b', 'x'.repeat(65)]) {
      await expect(create(id, { type })).rejects.toEqual(code('invalid-request'));
    }
    expect((await create(id, { type: '1a' })).id).toBe('1a:1');
  });

  it('refuses a longer time to live than a week', async () => {
    await expect(create(device(), { ttlSeconds: 604_801 })).rejects.toEqual(code('invalid-request'));
    const command = await create(device(), { ttlSeconds: 604_800 });
    expect(Date.parse(command.expiresAt) - Date.parse(command.createdAt)).toBe(604_800_000);
  });

  it('refuses a payload that is too large, too deep or cannot be stored', async () => {
    const id = device();
    await expect(create(id, { payload: 'x'.repeat(65_535) })).rejects.toEqual(code('payload-too-large'));
    await create(id, { payload: 'x'.repeat(65_534) });
    const deep = JSON.parse('['.repeat(40) + ']'.repeat(40)) as JsonValue;
    await expect(create(id, { payload: deep })).rejects.toEqual(code('invalid-payload'));
    await expect(create(id, { payload: { a: '\0' } })).rejects.toEqual(code('invalid-payload'));
  });

  it('refuses one more than may be outstanding, until one is finished', async () => {
    const id = device();
    for (let count = 0; count < 20; count += 1) await create(id);
    await expect(create(id)).rejects.toEqual(code('too-many-commands'));
    await report(id, 7, 200);
    expect((await create(id)).number).toBe(21);
  });
});

describe('getCommand', () => {
  it('does not find what never was', async () => {
    const id = device();
    await create(id);
    for (const commandId of ['reboot:2', 'other:1', 'nonsense', 'reboot:0']) {
      await expect(get(id, commandId)).rejects.toEqual(code('command-not-found'));
    }
    await expect(get(newId(), 'reboot:1')).rejects.toEqual(code('device-not-found'));
  });

  it('tells a payload and a result of null from none', async () => {
    const id = device();
    await create(id, { payload: null });
    await create(id);
    await report(id, 1, 200, { payload: null });
    await report(id, 2, 200);
    expect(await get(id, 'reboot:1')).toMatchObject({ payload: null, result: null });
    const without = await get(id, 'reboot:2');
    expect('payload' in without || 'result' in without).toBe(false);
  });
});

describe('reportResults', () => {
  it('ends a command, and keeps the first result', async () => {
    const id = device();
    await create(id);
    await create(id);
    expect(await report(id, 1, 200, { reasonPhrase: 'OK', payload: { took: 3 } })).toEqual({});
    expect(await report(id, 1, 500)).toEqual({});
    expect(await report(id, 2, 418, { payload: 'teapot' })).toEqual({});
    expect(await get(id, 'reboot:1')).toMatchObject({
      status: 'executed',
      statusCode: 200,
      reasonPhrase: 'OK',
      result: { took: 3 },
      finishedAt: expect.any(String) as unknown,
    });
    expect(await get(id, 'reboot:2')).toMatchObject({ status: 'failed', statusCode: 418, result: 'teapot' });
    expect((await fetch(id)).items).toEqual([]);
  });

  it('has an outcome for every item: the others are not touched by a bad one', async () => {
    const [one, two] = [device(), device()];
    await create(one);
    await create(one);
    await create(two);
    const item = { tenantId, type: 'reboot', statusCode: 200 };
    const { outcomes } = await bus.request(reportResults, {
      results: [
        { ...item, deviceId: one, id: 1 },
        { ...item, deviceId: one, id: 99 },
        { ...item, deviceId: newId(), id: 1 },
        { ...item, deviceId: two, id: 1, payload: 'x'.repeat(65_535) },
        { ...item, deviceId: one, id: 2, statusCode: 9 },
        { ...item, deviceId: one, id: 2, payload: { k: '\0' } },
        { ...item, deviceId: one, id: 2, statusCode: 500 },
      ],
    });
    expect(outcomes.map((outcome) => outcome.code)).toEqual([
      undefined,
      'command-not-found',
      'command-not-found',
      'payload-too-large',
      'invalid-payload',
      undefined,
      undefined,
    ]);
    expect(await get(one, 'reboot:2')).toMatchObject({ status: 'executed', result: { k: '\ufffd' } });
    expect((await get(two, 'reboot:1')).status).toBe('pending');
  });

  it('keeps the first result for a command that is expired or cancelled as late, and its status', async () => {
    const id = device();
    const first = await create(id, { ttlSeconds: 1 });
    const second = await create(id);
    await cancel(id, second.id);
    await eventually(async () => (await get(id, 'reboot:1')).status === 'expired');
    expect(await report(id, 1, 200, { payload: { took: 99 } })).toEqual({});
    expect(await report(id, 1, 500, { payload: 'again' })).toEqual({});
    expect(await report(id, 2, 409, { reasonPhrase: 'no', payload: null })).toEqual({});
    const [expired, cancelled] = [await get(id, 'reboot:1'), await get(id, 'reboot:2')];
    expect(expired).toMatchObject({
      status: 'expired',
      finishedAt: first.expiresAt,
      late: true,
      statusCode: 200,
      result: { took: 99 },
    });
    expect(expired.answeredAt! > first.expiresAt).toBe(true);
    expect(cancelled).toMatchObject({ status: 'cancelled', late: true, statusCode: 409, result: null });
    const told = (await publishedOf(id, 6)).filter(({ contract }) => contract === commandAnsweredLate);
    expect(told.map(({ data }) => data)).toMatchObject([
      { number: 1, statusCode: 200, result: { took: 99 }, at: expired.answeredAt },
      { number: 2, statusCode: 409, reasonPhrase: 'no', result: null },
    ]);
  });

  it('takes a reason of null for none', async () => {
    const id = device();
    await create(id);
    expect(await report(id, 1, 200, { reasonPhrase: null as never })).toEqual({});
    expect(await get(id, 'reboot:1')).not.toHaveProperty('reasonPhrase');
  });
});

describe('cancelCommand', () => {
  it('ends a pending command, and does nothing the second time', async () => {
    const id = device();
    const { id: commandId } = await create(id);
    const cancelled = await cancel(id, commandId);
    expect(cancelled.status).toBe('cancelled');
    expect(await cancel(id, commandId)).toEqual(cancelled);
    expect(await Promise.all([1, 2, 3].map(() => cancel(id, commandId)))).toEqual([
      cancelled,
      cancelled,
      cancelled,
    ]);
    expect((await fetch(id)).items).toEqual([]);
    expect(await publishedOf(id, 2)).toHaveLength(2);
  });

  it('refuses one that is finished or never was', async () => {
    const id = device();
    await create(id);
    await report(id, 1, 500);
    await expect(cancel(id, 'reboot:1')).rejects.toEqual(code('command-finished'));
    await expect(cancel(id, 'reboot:2')).rejects.toEqual(code('command-not-found'));
    await expect(cancel(newId(), 'reboot:1')).rejects.toEqual(code('device-not-found'));
    await create(id, { ttlSeconds: 1 });
    await eventually(async () => (await get(id, 'reboot:2')).status === 'expired');
    await expect(cancel(id, 'reboot:2')).rejects.toEqual(code('command-finished'));
  });
});

describe('listCommands', () => {
  it('shows the newest first, in pages', async () => {
    const id = device();
    for (let count = 0; count < 5; count += 1) await create(id, { type: count % 2 === 0 ? 'a' : 'b' });
    const pages: (string | number)[][] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await list(id, { limit: 2, ...(cursor === undefined ? {} : { cursor }) });
      pages.push(idsOf(page));
      cursor = page.nextCursor;
    }
    expect(pages).toEqual([['a:3', 'b:2'], ['a:2', 'b:1'], ['a:1']]);
  });

  it('filters by status and type', async () => {
    const id = device();
    for (const type of ['a', 'a', 'b', 'a']) await create(id, { type });
    await report(id, 1, 200, { type: 'a' });
    await report(id, 1, 500, { type: 'b' });
    await cancel(id, 'a:2');
    expect(idsOf(await list(id, { status: 'executed' }))).toEqual(['a:1']);
    expect(idsOf(await list(id, { status: 'failed' }))).toEqual(['b:1']);
    expect(idsOf(await list(id, { status: 'cancelled' }))).toEqual(['a:2']);
    expect(idsOf(await list(id, { status: 'pending', type: 'a' }))).toEqual(['a:3']);
    expect(idsOf(await list(id, { type: 'b', status: 'pending' }))).toEqual([]);
  });

  it('keeps a page within a message, however large the payloads are', async () => {
    const id = device();
    const payload = 'x'.repeat(60_000);
    for (let count = 0; count < 15; count += 1) await create(id, { payload });
    const first = await list(id);
    expect(first.items).toHaveLength(11);
    const second = await list(id, { cursor: first.nextCursor ?? '' });
    expect(idsOf(second)).toEqual(['reboot:4', 'reboot:3', 'reboot:2', 'reboot:1']);
    expect(second.nextCursor).toBeNull();
  });

  it('refuses a cursor that is none and a device that is none', async () => {
    await expect(list(device(), { cursor: 'nonsense' })).rejects.toEqual(code('invalid-request'));
    await expect(list(newId())).rejects.toEqual(code('device-not-found'));
    expect(await list(device())).toEqual({ items: [], nextCursor: null });
  });
});

describe('fetchCommands', () => {
  it('gives what is outstanding of a type, oldest first, again and again', async () => {
    const id = device();
    await create(id, { payload: { a: 1 } });
    await create(id);
    await create(id, { type: 'other' });
    const expected = {
      items: [
        { type: 'reboot', id: 1, payload: { a: 1 } },
        { type: 'reboot', id: 2 },
      ],
      truncated: false,
    };
    expect(await fetch(id, { type: 'reboot' })).toMatchObject(expected);
    expect(await fetch(id, { type: 'reboot' })).toMatchObject(expected);
    expect((await fetch(id)).items.map(({ type, id: number }) => `${type} ${number}`)).toEqual([
      'reboot 1',
      'reboot 2',
      'other 1',
    ]);
    expect(await fetch(id, { type: 'none' })).toEqual({ items: [], truncated: false });
    await expect(fetch(newId())).rejects.toEqual(code('device-not-found'));
  });

  it('says when there is more than fits in a message', async () => {
    const id = device();
    for (let count = 0; count < 13; count += 1) await create(id, { payload: 'x'.repeat(60_000) });
    const { items, truncated } = await fetch(id);
    expect(idsOf({ items })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(truncated).toBe(true);
  });
});

describe('what was given out', () => {
  const dispatched = (deviceId: string, id: number, subscriber: boolean) =>
    bus.request(recordCommandsDispatched, {
      dispatches: [{ tenantId, deviceId, type: 'reboot', id, interface: 'mqtt', subscriber }],
    });

  it('is sent, because the device asked or somebody was there for the push; told once each', async () => {
    const id = device();
    for (let count = 0; count < 3; count += 1) await create(id);
    await dispatched(id, 1, true);
    await dispatched(id, 2, false);
    expect((await list(id)).items.map(({ status }) => status)).toEqual(['pending', 'pending', 'sent']);
    expect(idsOf(await list(id, { status: 'sent' }))).toEqual(['reboot:1']);
    expect((await list(id, { status: 'pending', count: true })).total).toBe(2);
    const { sentAt } = await get(id, 'reboot:1');
    await fetch(id, { type: 'reboot', interface: 'http' });
    await fetch(id, { interface: 'http' });
    expect((await list(id)).items.map(({ status }) => status)).toEqual(['sent', 'sent', 'sent']);
    expect((await get(id, 'reboot:1')).sentAt).toBe(sentAt);
    const told = (await publishedOf(id, 6)).filter(({ contract }) => contract === commandSent);
    expect(told.map(({ data }) => data)).toMatchObject([
      { number: 1, commandId: 'reboot:1', interface: 'mqtt', at: sentAt },
      { number: 2, interface: 'http' },
      { number: 3, interface: 'http' },
    ]);
  });

  it('is still outstanding, and keeps when it was sent when it has ended', async () => {
    const id = device();
    for (let count = 0; count < 3; count += 1) await create(id, { ttlSeconds: count === 2 ? 1 : 60 });
    await fetch(id, { interface: 'mqtt' });
    expect(idsOf(await fetch(id))).toEqual([1, 2, 3]);
    await report(id, 1, 200);
    await cancel(id, 'reboot:2');
    await eventually(async () => (await get(id, 'reboot:3')).status === 'expired');
    const { items } = await list(id);
    expect(items.map(({ status, sentAt }) => [status, sentAt !== undefined])).toEqual([
      ['expired', true],
      ['cancelled', true],
      ['executed', true],
    ]);
    expect(items[2]?.answeredAt).toBe(items[2]?.finishedAt);
  });
});

describe('claimCommands', () => {
  const claim = async (
    deviceId: string,
    ids: number[],
    reason: ClaimCommands['reason'],
    reachableAt?: string,
  ) => {
    const claims = ids.map((id) => ({
      tenantId,
      deviceId,
      type: 'reboot',
      id,
      ...(reachableAt === undefined ? {} : { reachableAt }),
    }));
    return (await bus.request(claimCommands, { claims, reason })).granted;
  };
  const release = (deviceId: string, id: number) =>
    bus.request(recordCommandsDispatched, {
      dispatches: [{ tenantId, deviceId, type: 'reboot', id, interface: 'mqtt', subscriber: false }],
    });
  const since = (agoMs = 0) => new Date(Date.now() - agoMs).toISOString();
  /** ISO; later than all that was done before, and earlier than all that is done after. */
  const aMomentLater = async () => {
    await sleep(2);
    const at = since();
    await sleep(2);
    return at;
  };

  it('grants a command once to those for whom the device became reachable at the same time', async () => {
    const id = device();
    await create(id);
    const reachableAt = since(5);
    const granted = await Promise.all(
      Array.from({ length: 8 }, () => claim(id, [1], 'reachable', reachableAt)),
    );
    expect(granted.flat().filter(Boolean)).toHaveLength(1);
    expect(idsOf(await due({ deviceId: id, reachableAt }))).toEqual([]);
    // It has become reachable anew, or nobody knows since when.
    expect(await claim(id, [1], 'reachable', since())).toEqual([true]);
    expect(await claim(id, [1], 'reachable')).toEqual([true]);
    expect(idsOf(await due({ deviceId: id, reachableAt: since() }))).toEqual([1]);
  });

  it('grants a new command to its creation or to who becomes reachable, not to both', async () => {
    const id = device();
    const reachableAt = since(5);
    for (let count = 0; count < 3; count += 1) await create(id);
    expect(await claim(id, [1], 'creation')).toEqual([true]);
    expect(await claim(id, [1, 2], 'reachable', reachableAt)).toEqual([false, true]);
    expect(await claim(id, [1, 2, 3], 'creation')).toEqual([false, false, true]);
  });

  it('grants again what nobody was there for', async () => {
    const id = device();
    const reachableAt = since(5);
    await create(id);
    await claim(id, [1], 'creation');
    await release(id, 1);
    expect(idsOf(await due({ deviceId: id, reachableAt }))).toEqual([1]);
    expect(await claim(id, [1], 'reachable', reachableAt)).toEqual([true]);
  });

  it('grants nothing that is finished, was never given out, or, because of a change, was sent', async () => {
    const id = device();
    for (let count = 0; count < 4; count += 1) await create(id, { ttlSeconds: count === 2 ? 1 : 60 });
    await report(id, 1, 200);
    await cancel(id, 'reboot:2');
    await fetch(id, { interface: 'mqtt' });
    await eventually(async () => (await get(id, 'reboot:3')).status === 'expired');
    expect(await claim(id, [1, 2, 3, 9], 'reachable')).toEqual([false, false, false, false]);
    expect(await claim(id, [4], 'changed')).toEqual([false]);
    await create(id);
    // Whatever was claimed by a process that died.
    expect(await claim(id, [5], 'creation')).toEqual([true]);
    expect(await claim(id, [5], 'changed', since(60_000))).toEqual([false]);
    expect(await claim(id, [5], 'changed')).toEqual([true]);
    expect(await claim(id, [5], 'changed', since())).toEqual([true]);
  });

  it('is taken into account by a device that asks to observe, and takes what was asked for into account', async () => {
    const id = device();
    const reachableAt = since(5);
    for (let count = 0; count < 2; count += 1) await create(id);
    await claim(id, [1], 'reachable', reachableAt);
    const asks = { type: 'reboot', interface: 'mqtt', reachableAt } as const;
    const given = [];
    for (const more of [{ observe: true }, { observe: true }, {}, { observe: true, reachableAt: since() }]) {
      given.push(idsOf(await fetch(id, { ...asks, ...more })));
    }
    // Asked twice, it is answered twice: the first answer may be lost. So is who does not say that it observes.
    expect(given).toEqual([[2], [2], [1, 2], [1, 2]]);
    expect(await claim(id, [2], 'reachable', reachableAt)).toEqual([false]);
    expect(await claim(id, [2], 'reachable', since())).toEqual([true]);
  });

  it('counts as given when it was sent, to who became reachable after the claim, and waits until that is known', async () => {
    const id = device();
    for (let count = 0; count < 2; count += 1) await create(id);
    await claim(id, [1, 2], 'creation');
    const reachableAt = await aMomentLater();
    const sentAt = await aMomentLater();
    const asked = fetch(id, { type: 'reboot', interface: 'mqtt', observe: true, reachableAt });
    const claimed = claim(id, [1, 2], 'reachable', reachableAt);
    const reached = { tenantId, deviceId: id, type: 'reboot', id: 1, interface: 'mqtt', at: sentAt } as const;
    await bus.request(recordCommandsDispatched, { dispatches: [{ ...reached, subscriber: true }] });
    // One of the two gets what reached nobody.
    await release(id, 2);
    const given = [idsOf(await asked), await claimed];
    expect([
      [[], [false, true]],
      [[2], [false, false]],
    ]).toContainEqual(given);
  });

  it('does not wait for ever for who died after the claim', async () => {
    const id = device();
    await create(id);
    await claim(id, [1], 'creation');
    expect(await claim(id, [1], 'reachable', await aMomentLater())).toEqual([true]);
  });

  it('gives a command once to a device that asks to observe and is pushed to at the same time', async () => {
    const ids = Array.from({ length: 20 }, device);
    await Promise.all(ids.map((id) => create(id)));
    const reachableAt = since(5);
    const times = await Promise.all(
      ids.map(async (id) => {
        const [asked, [pushed]] = await Promise.all([
          fetch(id, { type: 'reboot', interface: 'mqtt', observe: true, reachableAt }),
          claim(id, [1], 'reachable', reachableAt),
        ]);
        return asked.items.length + (pushed === true ? 1 : 0);
      }),
    );
    expect(times).toEqual(ids.map(() => 1));
  });
});

describe('dueCommands', () => {
  const dueOf = async (id: string) =>
    (await due({ deviceId: id })).items.map((item: DueCommand) => `${item.type} ${item.id}`);

  it('gives what is outstanding, for many devices at once, and nothing for unknown ones', async () => {
    const [one, two] = [device(), device()];
    await create(two, { payload: null });
    await create(one);
    expect(await due({ deviceId: two }, { deviceId: newId() }, { deviceId: one })).toMatchObject({
      items: [
        { tenantId, deviceId: two, type: 'reboot', id: 1, payload: null },
        { tenantId, deviceId: one, type: 'reboot', id: 1 },
      ],
    });
    expect((await due({ deviceId: one, tenantId: 'other' })).items).toEqual([]);
  });

  it('leaves out a type the device does not observe, until it does', async () => {
    const id = device();
    await create(id, { type: 'a' });
    await create(id, { type: 'b' });
    await fetch(id, { type: 'a', observe: false });
    expect(await dueOf(id)).toEqual(['b 1']);
    await fetch(id, { type: 'a' });
    expect(await dueOf(id)).toEqual(['b 1']);
    await fetch(id, { type: 'a', observe: true });
    expect(await dueOf(id)).toEqual(['a 1', 'b 1']);
  });

  it('remembers the wish before there is a command', async () => {
    const id = device();
    await fetch(id, { type: 'a', observe: false });
    await create(id, { type: 'a' });
    expect(await dueOf(id)).toEqual([]);
    expect((await fetch(id)).items).toHaveLength(1);
  });

  it('takes a wish without a type for all types, the later wish being the one that counts', async () => {
    const id = device();
    await fetch(id, { type: 'a', observe: true });
    await fetch(id, { observe: false });
    await create(id, { type: 'a' });
    await create(id, { type: 'b' });
    expect(await dueOf(id)).toEqual([]);
    await fetch(id, { type: 'b', observe: true });
    expect(await dueOf(id)).toEqual(['b 1']);
    await fetch(id, { observe: true });
    expect(await dueOf(id)).toEqual(['a 1', 'b 1']);
  });

  it('goes on where an answer was full, until everything was given once', async () => {
    const ids = [device(), device(), device()];
    for (const deviceId of ids) {
      for (let count = 0; count < 8; count += 1) await create(deviceId, { payload: 'x'.repeat(60_000) });
    }
    const seen: string[] = [];
    let answers = 0;
    for (let ask: DueCommandsOf[] | undefined = ids.map((deviceId) => ({ tenantId, deviceId })); ask;) {
      const answer: DueCommandList = await bus.request(dueCommands, { devices: ask });
      seen.push(...answer.items.map((item) => `${item.deviceId} ${item.id}`));
      ask = answer.askAgain;
      answers += 1;
    }
    expect(seen).toEqual(ids.flatMap((id) => [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `${id} ${number}`)));
    expect(answers).toBe(3);
  });

  it('goes on also where commands are many and small', async () => {
    const ids = Array.from({ length: 75 }, device);
    await Promise.all(
      ids.map(async (deviceId) => {
        for (let count = 0; count < 20; count += 1) await create(deviceId);
      }),
    );
    const first = await bus.request(dueCommands, {
      devices: ids.map((deviceId) => ({ tenantId, deviceId })),
    });
    const rest = await bus.request(dueCommands, { devices: first.askAgain ?? [] });
    const all = [...first.items, ...rest.items].map((item) => `${item.deviceId} ${item.id}`);
    expect(first.items.length).toBeLessThan(1_500);
    expect(rest.askAgain).toBeUndefined();
    expect(all).toEqual(ids.flatMap((id) => Array.from({ length: 20 }, (_, index) => `${id} ${index + 1}`)));
  }, 60_000);
});

describe('recordCommandsDispatched', () => {
  const sent = async (deviceId: string, ids: number[], more: object = {}) =>
    (
      await bus.request(recordCommandsDispatched, {
        dispatches: ids.map((id) => ({
          tenantId,
          deviceId,
          type: 'reboot',
          id,
          interface: 'mqtt' as const,
          subscriber: true,
          ...more,
        })),
      })
    ).outcomes;
  const dueAfterChange = async (deviceId: string) =>
    idsOf(await bus.request(dueCommands, { devices: [{ tenantId, deviceId }], changed: true }));

  it('leaves what was sent out of what is due because of a change, not of what is due to who comes back', async () => {
    const id = device();
    for (let count = 0; count < 3; count += 1) await create(id);
    expect(await sent(id, [1, 2])).toEqual([{}, {}]);
    expect(await sent(id, [3], { subscriber: false })).toEqual([{}]);
    expect([await dueAfterChange(id), idsOf(await due({ deviceId: id }))]).toEqual([[3], [1, 2, 3]]);
    const { items } = await list(id);
    expect(items.map(({ status }) => status)).toEqual(['pending', 'sent', 'sent']);
  });

  it('may be repeated, and come after the result or for what never was', async () => {
    const id = device();
    await create(id);
    await report(id, 1, 200);
    expect(await sent(id, [1, 1, 99])).toEqual([{}, {}, {}]);
    expect(await sent(newId(), [1])).toEqual([{}]);
    expect((await get(id, 'reboot:1')).status).toBe('executed');
  });
});

describe('expiry', () => {
  it('ends a command nobody answered, and says so once', async () => {
    const id = device();
    const command = await create(id, { ttlSeconds: 1 });
    const [, expired] = await publishedOf(id, 2);
    expect(expired).toMatchObject({
      contract: commandExpired,
      data: { commandId: command.id, at: command.expiresAt, source: { kind: 'system', id: 'commands' } },
    });
    expect(await get(id, command.id)).toMatchObject({ status: 'expired', finishedAt: command.expiresAt });
    expect(await report(id, 1, 200)).toEqual({});
    await create(id);
    expect((await publishedOf(id, 4)).map(({ contract }) => contract.verb)).toEqual([
      'created',
      'expired',
      'answered-late',
      'created',
    ]);
  });

  it('does not depend on the timer: reads and decisions look at the time', async () => {
    const id = device();
    // As if no replica were running: its lock is taken.
    await own.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('muster expiry commands', 0))`);
      await create(id, { ttlSeconds: 1 });
      await create(id);
      await eventually(async () => (await get(id, 'reboot:1')).status === 'expired');
      expect(await get(id, 'reboot:1')).toHaveProperty('finishedAt');
      expect(idsOf(await list(id, { status: 'expired' }))).toEqual(['reboot:1']);
      expect(idsOf(await list(id, { status: 'pending' }))).toEqual(['reboot:2']);
      expect(idsOf(await fetch(id))).toEqual([2]);
      expect(idsOf(await due({ deviceId: id }))).toEqual([2]);
      await expect(cancel(id, 'reboot:1')).rejects.toEqual(code('command-finished'));
      const { rows } = await own.query('SELECT status FROM commands WHERE device_id = $1 AND number = 1', [
        id,
      ]);
      expect(rows).toEqual([{ status: 'pending' }]);
      expect(await report(id, 1, 200)).toEqual({});
    });
    expect((await get(id, 'reboot:1')).status).toBe('expired');
  });
});

describe('a deleted device', () => {
  it('has its commands cancelled, takes no more, and shows none', async () => {
    const id = device();
    await create(id);
    await report(id, 1, 200);
    await create(id);
    await create(id, { type: 'other' });
    await fetch(id, { observe: false });
    inRegistry.delete(id);
    await deleteDevice(id);
    const cancelled = (await publishedOf(id, 6)).filter(({ contract }) => contract === commandCancelled);
    expect(cancelled.map(({ data }) => data.source)).toEqual([actor, actor]);
    await expect(get(id, 'reboot:1')).rejects.toEqual(code('device-not-found'));
    await expect(list(id)).rejects.toEqual(code('device-not-found'));
    await expect(create(id)).rejects.toEqual(code('device-not-found'));
    await expect(create(id, { type: 'new' })).rejects.toEqual(code('device-not-found'));
    await expect(fetch(id, { observe: true })).rejects.toEqual(code('device-not-found'));
    expect((await due({ deviceId: id })).items).toEqual([]);
    expect(await report(id, 2, 200)).toEqual({});
  });

  it('is deleted twice without harm, and was never known before', async () => {
    const id = newId();
    await deleteDevice(id);
    await deleteDevice(id);
    await eventually(async () => {
      const { rowCount } = await own.query('SELECT FROM known_devices WHERE device_id = $1 AND deleted', [
        id,
      ]);
      return rowCount === 1;
    });
    await expect(create(id)).rejects.toEqual(code('device-not-found'));
  });

  it('is known from its event, without asking the registry', async () => {
    const deviceId = newId();
    const { name, deviceType, deviceTypeId, appVersion, folder, tags, metadata } = viewOf(deviceId);
    await bus.publish(deviceProvisioned, {
      tenantId,
      entityId: deviceId,
      id: newId(),
      time: new Date().toISOString(),
      data: {
        ...{ deviceId, version: 1, at: new Date().toISOString(), actor, interface: 'mqtt' },
        ...{ name, deviceType, deviceTypeId, appVersion, folder, tags, metadata },
      },
    });
    await eventually(async () => create(deviceId).catch(() => undefined));
  });
});

it('takes null in an optional field for absent', async () => {
  const id = device();
  const none = null as never;
  const command = await create(id, { ttlSeconds: none, idempotencyKey: none });
  expect(Date.parse(command.expiresAt) - Date.parse(command.createdAt)).toBe(60_000);
  expect((await fetch(id, { type: none, observe: none })).items).toHaveLength(1);
  expect((await due({ deviceId: id, after: none })).items).toHaveLength(1);
  const page = await list(id, { status: none, type: none, cursor: none, limit: none });
  expect(page).toMatchObject({ items: [command], nextCursor: null });
});

describe('published events', () => {
  it('tell the whole life of a command, and reach who waits for its end live', async () => {
    const id = device();
    const live: Delivered<CommandAnswered>[] = [];
    const subscription = await subscribeLive(bus, {
      events: [commandExecuted, commandFailed, commandExpired, commandCancelled],
      tenantId,
      entityId: id,
      logger,
      onEvent: (event) => live.push(event as Delivered<CommandAnswered>),
    });
    const command = await create(id, { payload: { a: 1 } });
    await report(id, 1, 201, { reasonPhrase: 'done', payload: [1] });
    await eventually(() => live.length === 1);
    subscription.stop();
    expect(live[0]?.data).toMatchObject({ commandId: command.id, statusCode: 201, result: [1] });
    const fact = { deviceId: id, commandId: 'reboot:1', commandType: 'reboot', number: 1 };
    const [first, second] = await publishedOf(id, 2);
    expect(first?.contract).toBe(commandCreated);
    expect(first?.data).toEqual({
      ...fact,
      version: 1,
      at: command.createdAt,
      source: actor,
      payload: { a: 1 },
      expiresAt: command.expiresAt,
    });
    expect(second?.contract).toBe(commandExecuted);
    expect(second?.data).toEqual({
      ...fact,
      version: 2,
      at: (await get(id, command.id)).finishedAt,
      source: { kind: 'device', id },
      statusCode: 201,
      reasonPhrase: 'done',
      result: [1],
    });
  });
});

describe('the tables', () => {
  it('can be rebuilt from the events', async () => {
    const id = device();
    for (const type of ['a', 'a', 'b']) await create(id, { type, payload: { type } });
    await report(id, 1, 500, { type: 'a', payload: null });
    await cancel(id, 'b:1');
    await fetch(id, { type: 'a', observe: false });
    const dispatch = { tenantId, deviceId: id, type: 'a', interface: 'mqtt', subscriber: true } as const;
    await bus.request(recordCommandsDispatched, { dispatches: [{ ...dispatch, id: 2 }] });
    await report(id, 1, 200, { type: 'b', payload: { late: true } });
    const read = async () => ({
      commands: (await own.query('SELECT * FROM commands WHERE device_id = $1 ORDER BY position', [id])).rows,
      queues: (await own.query('SELECT * FROM command_queues WHERE device_id = $1 ORDER BY type', [id])).rows,
    });
    const before = await read();
    expect(before.commands).toHaveLength(3);
    expect(before.commands.map(({ sent_at: sentAt }) => sentAt !== null)).toEqual([false, true, false]);
    await rebuildProjections(own, [commands], [commandQueue]);
    expect(await read()).toEqual(before);
    const view: CommandView = await get(id, 'a:1');
    expect(view).toMatchObject({ status: 'failed', result: null });
  });
});

describe('readiness', () => {
  it('looks at everything the service needs', async () => {
    expect(await service.ops.health.ready()).toEqual({ ready: true, failing: [] });
  });
});

describe('the acts of a device', () => {
  const acts = async (deviceId: string) => {
    const { items } = await bus.request(listCommandActs, { tenantId, deviceId, limit: 10 });
    return items.map(({ action, resource }) => [action, resource.id]);
  };

  it('are still told when the device and its commands are erased', async () => {
    const id = device();
    for (const type of ['reboot', 'blink']) await create(id, { type });
    await create(device());
    const before = await acts(id);
    expect(before).toEqual([
      ['CommandCreated', id],
      ['CommandCreated', id],
    ]);
    await publishedOf(id, 2);
    await eventually(async () => {
      await bus.request(eraseCommands, { tenantId, deviceIds: [id], actor });
      const { rows } = await own.query('SELECT FROM command_queues WHERE device_id = $1', [id]);
      return rows.length === 0;
    });
    expect(await acts(id)).toEqual(before);
  });
});
