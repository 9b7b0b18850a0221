import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, newId } from '@muster/contracts';
import {
  previewBulkChange,
  startBulkChange,
  type BulkChangeInput,
} from '@muster/contracts/configuration/bulk.requests';
import { changeDesired, getConfiguration } from '@muster/contracts/configuration/requests';
import {
  getDevice,
  type DeviceRef,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import {
  selectDevices,
  type SelectDevices,
  type SelectedDevices,
} from '@muster/contracts/device-registry/selection.requests';
import {
  previewTarget,
  type PreviewTarget,
  type TargetPreview,
} from '@muster/contracts/device-registry/targets.requests';
import {
  awaitState,
  type AwaitState,
  type StateAwaited,
} from '@muster/contracts/device-registry/state.requests';
import { configurationJobChanged, type JobChanged } from '@muster/contracts/jobs/published';
import { openDatabase, type Database } from '@muster/event-store';
import { connectBus, Consumes, Handles, NatsStrategy, type Bus, type Delivered } from '@muster/messaging';
import { createLogger, NestLogger } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import pg from 'pg';
import { migrate } from '../app.module.js';

const logger = createLogger({ service: 'spec', level: 'fatal' });
const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;

/** Stands for the registry, which is another app. */
const inRegistry = new Set<string>();
let registryIsAway = false;
const told: JobChanged[] = [];
/** How often the registry was asked to have heard of everything. */
let caughtUp = 0;

@Controller()
class Surroundings {
  @Handles(getDevice)
  get({ deviceId }: DeviceRef): Promise<DeviceView> {
    if (registryIsAway) return Promise.reject(new AppError('unavailable', 'The registry is away.'));
    return inRegistry.has(deviceId)
      ? Promise.resolve(viewOf(deviceId))
      : Promise.reject(new AppError('device-not-found', 'No such device.'));
  }

  @Handles(selectDevices)
  select({ filter, after = '', limit = 5_000 }: SelectDevices): Promise<SelectedDevices> {
    if (filter !== 'all') return Promise.reject(unreadable());
    const size = Math.min(limit, 1_000);
    const rest = [...inRegistry].sort().filter((id) => id > after);
    const deviceIds = rest.slice(0, size);
    return Promise.resolve({ deviceIds, next: rest.length > size ? (deviceIds.at(-1) ?? null) : null });
  }

  @Handles(awaitState)
  caughtUp({ filter }: AwaitState): Promise<StateAwaited> {
    if (filter !== 'all') return Promise.reject(unreadable());
    caughtUp += 1;
    return Promise.resolve({ asOf: new Date().toISOString() });
  }

  @Handles(previewTarget)
  preview({ target: { deviceIds, filter } }: PreviewTarget): Promise<TargetPreview> {
    if (deviceIds === undefined && filter !== 'all') return Promise.reject(unreadable());
    const found = deviceIds?.filter((id) => inRegistry.has(id)) ?? [...inRegistry];
    return Promise.resolve({ matched: found.length, sample: [], byDeviceType: { thermostat: found.length } });
  }

  @Consumes({ durable: 'spec', events: [configurationJobChanged] })
  take(events: Delivered<JobChanged>[]): Promise<void> {
    told.push(...events.map(({ data }) => data));
    return Promise.resolve();
  }
}

@Module({ controllers: [Surroundings] })
class SpecModule {}

/** What the registry says of every filter but `all`, the one that it knows. */
const unreadable = (): AppError => {
  const message = 'position 3: "==" was expected';
  return new AppError('invalid-filter', message, { errors: [{ path: 'filter', message }] });
};

const viewOf = (id: string): DeviceView => ({
  id,
  name: id,
  deviceType: 'thermostat',
  deviceTypeId: 't1',
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
let server: TestDatabase;
let database: Database;
let bus: Bus;
let surroundings: { close(): Promise<unknown> };
let service: ChildProcess;

/** The service as a process of its own, which can be killed. One chunk at a time, so that its order is known. */
const startService = async (): Promise<void> => {
  service = spawn(process.execPath, [join(import.meta.dirname, '../main.js')], {
    env: {
      PATH: process.env['PATH'],
      MUSTER_DATABASE_URL: server.url,
      MUSTER_NATS_URL: nats.url,
      MUSTER_LOG_LEVEL: 'fatal',
      MUSTER_CONFIGURATION_JOB_CONCURRENCY: '1',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const asked = () =>
    bus
      .request(getConfiguration, { tenantId, deviceId: 'nobody' })
      .catch((error: unknown) => error instanceof AppError && error.code === 'device-not-found');
  await eventually(asked, { deadlineMs: 20_000, what: 'the service answers' });
};
const endService = async (signal: NodeJS.Signals): Promise<void> => {
  const gone = once(service, 'exit');
  service.kill(signal);
  await gone;
};

beforeAll(async () => {
  nats = await startNats();
  server = await testDatabase({
    name: 'configuration',
    migrate,
  });
  database = openDatabase({ url: server.url, schema: 'configuration', poolSize: 2, name: 'spec' });
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const app = await NestFactory.createMicroservice(SpecModule, {
    strategy: new NatsStrategy({ bus, service: 'device-registry', logger }),
    logger: new NestLogger(logger),
  });
  await app.listen();
  surroundings = app;
  await startService();
}, 40_000);

afterEach(() => {
  inRegistry.clear();
  registryIsAway = false;
});

afterAll(async () => {
  await endService('SIGTERM');
  await surroundings.close();
  await bus.close();
  await database.close();
  await nats.stop();
  await server.drop();
});

const devices = (count: number): string[] => {
  const ids = Array.from({ length: count }, newId);
  ids.forEach((id) => inRegistry.add(id));
  return ids;
};
const bulk = (change: BulkChangeInput, idempotencyKey?: string) =>
  bus.request(startBulkChange, {
    tenantId,
    actor,
    bulkChange: change,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
const newest = (jobId: string): JobChanged | undefined =>
  told
    .filter((job) => job.jobId === jobId)
    .sort((a, b) => a.version - b.version)
    .at(-1);
const ended = (jobId: string): Promise<JobChanged> =>
  eventually(
    () => {
      const job = newest(jobId);
      if (job?.endedAt === undefined) throw new Error(JSON.stringify(job));
      return job;
    },
    { deadlineMs: 20_000, what: 'the job has ended' },
  );
const problem = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => {
      throw new Error('nothing was thrown');
    },
    (error: unknown) => {
      if (error instanceof AppError) return error;
      throw error;
    },
  );
interface Change {
  device: string;
  source: string;
  reason: string | null;
}
/** Every change of desired values of these devices, oldest first. */
const changesOf = async (ids: readonly string[]): Promise<Change[]> => {
  const { rows } = await database.query<Change>(
    `SELECT replace(stream, 'configuration-', '') AS device, data->'source'->>'id' AS source, data->>'reason' AS reason
     FROM events WHERE type = 'DesiredConfigurationChanged' AND stream = ANY($1) ORDER BY stream, version`,
    [ids.map((id) => `configuration-${id}`)],
  );
  return rows;
};

describe('startBulkChange', () => {
  it('changes the devices that are named, each once, with who wanted it and why', async () => {
    const ids = devices(600);
    const { jobId } = await bulk({
      target: { deviceIds: [...ids, ...ids.slice(0, 10)] },
      desired: { interval: 60 },
      reason: 'quieter',
    });
    expect(await ended(jobId)).toMatchObject({ status: 'success', total: 600, done: 600, actor });
    const changes = await changesOf(ids);
    expect(changes.map(({ device }) => device)).toEqual([...ids].sort());
    expect(new Set(changes.map(({ reason }) => reason))).toEqual(new Set([`quieter (job ${jobId})`]));
    const again = await bulk({ target: { deviceIds: ids }, desired: { interval: 60 } });
    expect(await ended(again.jobId)).toMatchObject({ status: 'success', done: 600 });
    expect(await changesOf(ids)).toHaveLength(600);
  });

  it('changes the devices a filter means, over several pages', async () => {
    const ids = devices(1_200);
    const before = caughtUp;
    const { jobId } = await bulk({ target: { filter: 'all' }, desired: { mode: 'eco' }, mode: 'replace' });
    expect(await ended(jobId)).toMatchObject({ status: 'success', total: 1_200 });
    expect(await changesOf(ids)).toHaveLength(1_200);
    // Once, and before the first page.
    expect(caughtUp).toBe(before + 1);
  });

  it('tells of every device that could not be changed, and why', async () => {
    const [known = '', full = ''] = devices(2);
    const big = { a: 'x'.repeat(8_000), b: 'x'.repeat(8_000), c: 'x'.repeat(8_000), d: 'x'.repeat(8_000) };
    await bus.request(changeDesired, { tenantId, deviceId: full, actor, mode: 'merge', desired: big });
    const unknown = newId();
    const { jobId } = await bulk({
      target: { deviceIds: [known, full, unknown] },
      desired: { e: 'x'.repeat(1_000) },
    });
    expect(await ended(jobId)).toMatchObject({ status: 'failed', total: 3, done: 3, failed: 2 });
    const errors = told.filter((job) => job.jobId === jobId).flatMap((job) => job.errors ?? []);
    expect(new Map(errors.map(({ item, code }) => [item, code]))).toEqual(
      new Map([
        [full, 'configuration-too-large'],
        [unknown, 'device-not-found'],
      ]),
    );
    expect(await changesOf([known])).toHaveLength(1);
  });

  it('gives the same job to the same idempotency key', async () => {
    const change: BulkChangeInput = { target: { deviceIds: devices(1) }, desired: { a: 1 } };
    const key = newId();
    const first = await bulk(change, key);
    expect(await bulk(change, key)).toEqual(first);
    expect((await problem(bulk({ ...change, desired: { a: 2 } }, key))).code).toBe('idempotency-key-reused');
    await ended(first.jobId);
  });

  it('refuses at once what no device could take', async () => {
    const target = { filter: 'all' };
    const refused = async (change: BulkChangeInput) => {
      const { code, errors } = await problem(bulk(change));
      return [code, errors?.[0]?.path];
    };
    expect(await refused({ target, desired: { 'a b': 1 } })).toEqual([
      'invalid-configuration',
      'bulkChange.desired.a b',
    ]);
    expect(await refused({ target, desired: {} })).toEqual(['invalid-request', 'bulkChange.desired']);
    expect(await refused({ target, desired: { a: 'x'.repeat(9_000) } })).toEqual([
      'configuration-too-large',
      undefined,
    ]);
    expect(await refused({ target: {}, desired: { a: 1 } })).toEqual([
      'invalid-request',
      'bulkChange.target',
    ]);
    expect(await refused({ desired: { a: 1 } } as unknown as BulkChangeInput)).toEqual([
      'invalid-request',
      'bulkChange.target',
    ]);
    expect(await refused({ target: { filter: 'all', deviceIds: ['x'] }, desired: { a: 1 } })).toEqual([
      'invalid-request',
      'bulkChange.target',
    ]);
    expect(await refused({ target: { deviceIds: ['a.b'] }, desired: { a: 1 } })).toEqual([
      'invalid-request',
      'bulkChange.target.deviceIds',
    ]);
    expect(await refused({ target: { filter: 'a=1' }, desired: { a: 1 } })).toEqual([
      'invalid-filter',
      'bulkChange.target.filter',
    ]);
    const many = Array.from({ length: 20_001 }, (_none, nth) => `d${nth}`);
    expect((await problem(bulk({ target: { deviceIds: many }, desired: { a: 1 } }))).detail).toContain(
      '20000',
    );
  });

  it('refuses more devices than were expected, and says how many match', async () => {
    const ids = devices(12);
    const desired = { expected: 1 };
    const refused = async (change: Omit<BulkChangeInput, 'desired'>) => {
      const { code, detail } = await problem(bulk({ ...change, desired }));
      return [code, detail];
    };
    const told12 = [
      'more-devices-than-expected',
      '12 devices match now, and expectedCount is 11. Nothing was changed.',
    ];
    expect(await refused({ target: { filter: 'all' }, expectedCount: 11 })).toEqual(told12);
    expect(await refused({ target: { deviceIds: ids }, expectedCount: 11 })).toEqual(told12);
    expect(await changesOf(ids)).toEqual([]);
    // Of those that are named only the ones that exist are counted, as a preview counts them.
    for (const change of [
      { target: { filter: 'all' }, expectedCount: 12 },
      { target: { filter: 'all' }, expectedCount: 500 },
      { target: { deviceIds: [...ids, newId()] }, expectedCount: 12 },
    ]) {
      const { jobId } = await bulk({ ...change, desired });
      expect(await ended(jobId)).toMatchObject({ done: change.target.filter === undefined ? 13 : 12 });
    }
    expect(await changesOf(ids)).toHaveLength(12);
  });

  it('does nothing when more match by the time it begins', async () => {
    const first = devices(2_000);
    registryIsAway = true;
    // Bulk changes have an order: this one keeps the next from beginning.
    const before = await bulk({ target: { deviceIds: [newId()] }, desired: { a: 1 } });
    const { jobId } = await bulk({
      target: { filter: 'all' },
      desired: { a: 2 },
      expectedCount: first.length,
    });
    const later = devices(1);
    registryIsAway = false;
    await ended(before.jobId);
    expect(await ended(jobId)).toMatchObject({
      status: 'failed',
      total: null,
      done: 0,
      reason: {
        code: 'more-devices-than-expected',
        detail: '2001 devices match now, and expectedCount is 2000. Nothing was changed.',
      },
    });
    expect(await changesOf([...first, ...later])).toEqual([]);
  }, 30_000);

  it('gives the first answer to a repetition, even if it would be refused by now', async () => {
    devices(2);
    const change: BulkChangeInput = { target: { filter: 'all' }, desired: { a: 1 }, expectedCount: 2 };
    const key = newId();
    const first = await bulk(change, key);
    devices(1);
    expect(await bulk(change, key)).toEqual(first);
    expect((await problem(bulk(change))).code).toBe('more-devices-than-expected');
    await ended(first.jobId);
  });

  it('waits while the registry is away, and says so', async () => {
    const ids = devices(3);
    registryIsAway = true;
    const { jobId } = await bulk({ target: { deviceIds: ids }, desired: { a: 1 } });
    await eventually(() => newest(jobId)?.status === 'waiting', {
      what: 'the job waits',
      deadlineMs: 10_000,
    });
    expect(newest(jobId)?.reason).toMatchObject({ code: 'unavailable' });
    registryIsAway = false;
    expect(await ended(jobId)).toMatchObject({ status: 'success', done: 3 });
  }, 30_000);

  it('changes every device once when it is killed in between, and leaves alone what a user changed since', async () => {
    const ids = devices(1_200);
    const [first = '', held = ''] = [ids[3], ids[700]];
    const desired = { a: 0 };
    await bus.request(changeDesired, { tenantId, deviceId: held, actor, mode: 'merge', desired });
    // The second chunk has changed many devices when it comes to wait for this one.
    const holder = await database.dedicated();
    await holder.query('BEGIN');
    await holder.query(`SELECT 1 FROM streams WHERE stream = $1 FOR UPDATE`, [`configuration-${held}`]);

    const { jobId } = await bulk({ target: { deviceIds: ids }, desired: { a: 1 } });
    // Not from the job's events: while a transaction is open, the relay tells of none that came after it.
    const firstChunk = () => database.query('SELECT 1 FROM job_chunks WHERE job_id = $1 AND done', [jobId]);
    await eventually(async () => (await firstChunk()).rowCount === 1, { what: 'the first chunk is done' });
    // The service's own role may not see what others wait for.
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    const waiting = () =>
      admin.query(
        `SELECT 1 FROM pg_stat_activity WHERE application_name = 'configuration' AND wait_event_type = 'Lock'`,
      );
    await eventually(async () => (await waiting()).rowCount !== 0, { what: 'the second chunk waits' });
    await admin.end();
    await bus.request(changeDesired, {
      tenantId,
      deviceId: first,
      actor: { kind: 'user', id: 'bert' },
      mode: 'merge',
      desired: { a: 99 },
    });
    await endService('SIGKILL');
    await holder.query('ROLLBACK');
    await holder.end();
    expect(await changesOf(ids.slice(500, 700))).toEqual([]);

    await startService();
    expect(await ended(jobId)).toMatchObject({ status: 'success', total: 1_200, done: 1_200 });
    const own = (await changesOf(ids)).filter(({ reason }) => reason === `job ${jobId}`);
    expect(own.map(({ device }) => device)).toEqual([...ids].sort());
    expect((await changesOf([first])).map(({ source }) => source)).toEqual(['anna', 'bert']);
    const { keys } = await bus.request(getConfiguration, { tenantId, deviceId: first });
    expect(keys['a']?.desired).toBe(99);
  }, 60_000);
});

describe('previewBulkChange', () => {
  const preview = (bulkChange: BulkChangeInput) => bus.request(previewBulkChange, { tenantId, bulkChange });

  it('tells what would be changed, and writes nothing', async () => {
    const ids = devices(3);
    const jobs = () => database.query('SELECT FROM job_work');
    const before = (await jobs()).rowCount;
    const found = { matched: 3, byDeviceType: { thermostat: 3 } };
    expect(await preview({ target: { filter: 'all' }, desired: { a: 1 } })).toMatchObject(found);
    expect(await preview({ target: { deviceIds: [...ids, ...ids] }, desired: { a: 1 } })).toMatchObject(
      found,
    );
    expect((await jobs()).rowCount).toBe(before);
    expect(await changesOf(ids)).toEqual([]);
  });

  it('is refused with what the change would be refused with', async () => {
    devices(3);
    const changes: BulkChangeInput[] = [
      { target: {}, desired: { a: 1 } },
      { target: { filter: 'all' }, desired: {} },
      { target: { filter: 'a=1' }, desired: { a: 1 } },
      { target: { filter: 'all' }, desired: { 'a b': 1 } },
      { target: { filter: 'all' }, desired: { a: 1 }, expectedCount: 2 },
    ];
    for (const change of changes) {
      const told = async (asking: Promise<unknown>) => {
        const { code, detail, errors } = await problem(asking);
        return { code, detail, errors };
      };
      expect(await told(preview(change))).toEqual(await told(bulk(change)));
    }
  });
});
