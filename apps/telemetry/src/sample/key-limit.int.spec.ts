import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, type JsonValue } from '@muster/contracts';
import {
  forgetLatest,
  getLatest,
  querySamples,
  storeSamples,
  type TelemetryMessage,
} from '@muster/contracts/telemetry/requests';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../app.module.js';
import { nowMicros } from './time.js';

const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;
const MOST = 5;
let nats: NatsServer;
let database: TestDatabase;
let service: RunningApp;
let bus: Bus;

beforeAll(async () => {
  [nats, database] = await Promise.all([startNats(), testDatabase({ name: 'telemetry', migrate })]);
  service = await start({
    MUSTER_DATABASE_URL: database.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'fatal',
    MUSTER_TELEMETRY_MAX_KEYS_PER_DEVICE: String(MOST),
  });
  bus = await connectBus({
    url: nats.url,
    name: 'spec',
    logger: createLogger({ service: 'spec', level: 'fatal' }),
  });
});
afterAll(async () => {
  await bus.close();
  await service.stop();
  await nats.stop();
  await database.drop();
});

let arrivals = 0;
const message = (deviceId: string, ...samples: JsonValue[]): TelemetryMessage => ({
  tenantId,
  deviceId,
  appVersion: 'v1',
  receivedAt: nowMicros() + (arrivals += 1),
  redelivered: false,
  duplicate: false,
  samples: samples.map((data) => ({ at: null, data })),
});
const store = async (...messages: TelemetryMessage[]) =>
  (await bus.request(storeSamples, { messages })).outcomes;
const latest = async (deviceId: string) =>
  Object.fromEntries(
    (await bus.request(getLatest, { tenantId, deviceId })).items.map(({ key, value }) => [key, value]),
  );
const historyOf = async (deviceId: string) =>
  (await bus.request(querySamples, { tenantId, deviceId })).series.map(({ key, points }) => [
    key,
    points.length,
  ]);
const wide = (from: number, count: number, value = 1): Record<string, JsonValue> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${from + n}`, value]));

describe('a device with as many keys as it may have', () => {
  it('is told which keys are not stored, and the rest of its message is, in latest values and history', async () => {
    const [full, other] = [newId(), newId()];
    expect(await store(message(full, wide(1, MOST)))).toEqual([{}]);
    const outcomes = await store(
      message(other, { a: 1 }),
      message(full, { k1: 2, new: 1 }),
      message(full, { k2: 2 }),
      message(full, { newer: 1 }),
    );
    expect(outcomes).toEqual([
      {},
      {
        code: 'telemetry-key-limit-reached',
        detail:
          'A device has at most 5 telemetry keys; not stored: "new". The rest of the message is stored.',
      },
      {},
      expect.objectContaining({ code: 'telemetry-key-limit-reached' }),
    ]);
    expect(await latest(full)).toEqual({ ...wide(1, MOST), k1: 2, k2: 2 });
    expect(await latest(other)).toEqual({ a: 1 });
    expect(await historyOf(full)).toEqual([
      ['k1', 2],
      ['k2', 2],
      ['k3', 1],
      ['k4', 1],
      ['k5', 1],
    ]);
  });

  it('is answered the same when the message comes again, and has it stored once', async () => {
    const id = newId();
    const first = message(id, wide(1, MOST + 2));
    const outcomes = await store(first);
    expect(outcomes).toEqual([
      expect.objectContaining({ detail: expect.stringContaining('"k6", "k7"') as unknown }),
    ]);
    expect(await store({ ...first, redelivered: true })).toEqual(outcomes);
    expect(await historyOf(id)).toEqual(Object.keys(wide(1, MOST)).map((key) => [key, 1]));
  });

  it('stays within the limit when many batches bring new keys at once', async () => {
    const ids = Array.from({ length: 4 }, newId);
    await store(...ids.map((id) => message(id, { k0: 0 })));
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        store(...ids.map((id) => message(id, { [`n${n}`]: n, k0: n })).sort(() => (n % 2 === 0 ? 1 : -1))),
      ),
    );
    for (const id of ids) {
      expect(Object.keys(await latest(id))).toHaveLength(MOST);
      expect(await historyOf(id)).toContainEqual(['k0', 21]);
    }
  });

  it('has room for a new one when an operator removes one, and its history stays', async () => {
    const [full, other] = [newId(), newId()];
    await store(message(full, wide(1, MOST)), message(other, wide(1, MOST)));
    expect(await store(message(full, { new: 1 }))).toMatchObject([{ code: 'telemetry-key-limit-reached' }]);
    const request = { tenantId, actor, deviceId: full, keys: ['k2', 'never sent'] };
    expect(await bus.request(forgetLatest, request)).toEqual({ removed: 1 });
    expect(await bus.request(forgetLatest, request)).toEqual({ removed: 0 });
    expect(await store(message(full, { new: 1 }))).toEqual([{}]);
    expect(Object.keys(await latest(full)).sort()).toEqual(['k1', 'k3', 'k4', 'k5', 'new']);
    expect(Object.keys(await latest(other))).toHaveLength(MOST);
    expect(await historyOf(full)).toContainEqual(['k2', 1]);
    // As many as before, and the one that went is a new one now.
    expect(await store(message(full, { k2: 1 }))).toMatchObject([{ code: 'telemetry-key-limit-reached' }]);
  });

  it('is rid of any key that can be stored, or of all', async () => {
    const id = newId();
    const odd = ['', 'x (0, 1)', ',', 'a/b?c#d', "it's {1}"];
    await store(message(id, Object.fromEntries(odd.map((key) => [key, 1]))));
    for (const [index, key] of odd.entries()) {
      expect(await bus.request(forgetLatest, { tenantId, actor, deviceId: id, keys: [key] })).toEqual({
        removed: 1,
      });
      expect(Object.keys(await latest(id))).toHaveLength(odd.length - index - 1);
    }
    await store(message(id, wide(1, 3)));
    expect(await bus.request(forgetLatest, { tenantId, actor, deviceId: id })).toEqual({ removed: 3 });
    expect(await latest(id)).toEqual({});
    // What is older than what was removed is the newest that is known of the key.
    await store(message(id, { k1: 7 }));
    expect(await latest(id)).toEqual({ k1: 7 });
    expect(await bus.request(forgetLatest, { tenantId, actor, deviceId: newId() })).toEqual({ removed: 0 });
  });

  it('loses none of what arrives while keys are removed', async () => {
    const id = newId();
    await store(message(id, { gone: 1, kept: 0 }));
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 4 === 0
          ? bus.request(forgetLatest, { tenantId, actor, deviceId: id, keys: ['gone'] })
          : store(message(id, { kept: n })),
      ),
    );
    expect(await latest(id)).toEqual({ kept: expect.any(Number) });
    expect(await historyOf(id)).toContainEqual(['kept', 16]);
  });

  it('is counted', async () => {
    expect(await service.ops.metrics.text()).toMatch(/muster_telemetry_keys_refused_total\{[^}]*\} [1-9]/);
  });
});
