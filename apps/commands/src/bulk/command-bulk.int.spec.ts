import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, eventStream, newId } from '@muster/contracts';
import {
  previewCommandBulk,
  startCommandBulk,
  type CommandBulkInput,
} from '@muster/contracts/commands/bulk.requests';
import { createCommand, listCommands, reportResults } from '@muster/contracts/commands/requests';
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
import { deviceDeleted } from '@muster/contracts/device-registry/published';
import {
  awaitState,
  type AwaitState,
  type StateAwaited,
} from '@muster/contracts/device-registry/state.requests';
import {
  previewTarget,
  type PreviewTarget,
  type TargetPreview,
} from '@muster/contracts/device-registry/targets.requests';
import { retryCommandsJob } from '@muster/contracts/jobs/owner.requests';
import { commandsJobChanged, type JobChanged } from '@muster/contracts/jobs/published';
import { connectBus, Consumes, Handles, NatsStrategy, type Bus, type Delivered } from '@muster/messaging';
import { createLogger, NestLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../app.module.js';

const logger = createLogger({ service: 'spec', level: 'fatal' });
const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;

/** Stands for the registry, which is another app; a filter is the beginning of the ids that it means. */
const inRegistry = new Set<string>();
const jobs = new Map<string, JobChanged>();
/** Filters that somebody waited for. */
const asked: (string | undefined)[] = [];

@Controller()
class Surroundings {
  @Handles(getDevice)
  get({ deviceId }: DeviceRef): Promise<DeviceView> {
    return inRegistry.has(deviceId)
      ? Promise.resolve(viewOf(deviceId))
      : Promise.reject(new AppError('device-not-found', 'No such device.'));
  }

  @Handles(selectDevices)
  select({ filter, after = '', limit = 5_000 }: SelectDevices): Promise<SelectedDevices> {
    const rest = meantBy(filter).filter((id) => id > after);
    const deviceIds = rest.slice(0, Math.min(limit, 300));
    return Promise.resolve({
      deviceIds,
      next: rest.length > deviceIds.length ? (deviceIds.at(-1) ?? null) : null,
    });
  }

  @Handles(awaitState)
  caughtUp({ filter }: AwaitState): Promise<StateAwaited> {
    asked.push(filter);
    return Promise.resolve({ asOf: new Date().toISOString() });
  }

  @Handles(previewTarget)
  preview({ target: { deviceIds, filter } }: PreviewTarget): Promise<TargetPreview> {
    const found = deviceIds?.filter((id) => inRegistry.has(id)) ?? meantBy(filter);
    return Promise.resolve({ matched: found.length, sample: [], byDeviceType: { engine: found.length } });
  }

  @Consumes({ durable: 'spec', events: [commandsJobChanged] })
  take(events: Delivered<JobChanged>[]): Promise<void> {
    for (const { data } of events) {
      const known = jobs.get(data.jobId);
      const errors = [...(known?.errors ?? []), ...(data.errors ?? [])];
      if (known === undefined || known.version < data.version) jobs.set(data.jobId, { ...data, errors });
    }
    return Promise.resolve();
  }
}

@Module({ controllers: [Surroundings] })
class SpecModule {}

const meantBy = (filter = ''): string[] => [...inRegistry].filter((id) => id.startsWith(filter)).sort();

const viewOf = (id: string): DeviceView => ({
  id,
  name: id,
  deviceType: 'engine',
  deviceTypeId: 't1',
  appVersion: 'engine-v1',
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
let bus: Bus;
let service: RunningApp;
let surroundings: { close(): Promise<unknown> };

beforeAll(async () => {
  [nats, database] = await Promise.all([startNats(), testDatabase({ name: 'commands', migrate })]);
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  const { name, subjects } = eventStream('device-registry');
  await bus.ensureStream({ name, subjects, maxAgeMs: 3_600_000, maxBytes: 10_000_000 });
  service = await start({
    MUSTER_DATABASE_URL: database.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'fatal',
    MUSTER_COMMANDS_OUTSTANDING: '2',
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
  await database.drop();
});

/** Devices of a fleet of their own, whose filter is its name. */
const fleet = (count: number): { filter: string; ids: string[] } => {
  const filter = `f${newId().replaceAll('-', '')}`;
  const ids = Array.from({ length: count }, (_, n) => `${filter}-${String(n).padStart(5, '0')}`);
  for (const id of ids) inRegistry.add(id);
  return { filter, ids };
};
const begin = (bulk: CommandBulkInput, idempotencyKey?: string) =>
  bus.request(startCommandBulk, {
    tenantId,
    actor,
    bulk,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });
const ended = (jobId: string | null) =>
  eventually(
    () => {
      const job = jobs.get(jobId ?? '');
      if (job?.endedAt === undefined) throw new Error(`the job is ${job?.status ?? 'not there'}`);
      return job;
    },
    { what: 'the job has ended', deadlineMs: 20_000 },
  );
const commandsOf = async (deviceId: string) =>
  (await bus.request(listCommands, { tenantId, deviceId })).items;
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('commands for many devices', () => {
  it('are one for each device of a filter, by whoever wanted them', async () => {
    const { filter, ids } = fleet(1_200);
    const bulk = { target: { filter }, type: 'reboot', payload: { delay: 5 }, ttlSeconds: 600 };
    const { jobId } = await begin({ ...bulk, expectedCount: 1_200 });
    expect(await ended(jobId)).toMatchObject({ status: 'success', total: 1_200, done: 1_200, failed: 0 });
    for (const id of [ids[0], ids[599], ids.at(-1)]) {
      const [one, ...others] = await commandsOf(id ?? '');
      expect(others).toEqual([]);
      expect(one).toMatchObject({
        id: 'reboot:1',
        status: 'pending',
        payload: { delay: 5 },
        createdBy: actor,
      });
      expect(Date.parse(one?.expiresAt ?? '') - Date.parse(one?.createdAt ?? '')).toBe(600_000);
    }
  });

  it('tell a payload of null from none, and are begun once for one key', async () => {
    const { ids } = fleet(2);
    const key = newId();
    const bulk = { target: { deviceIds: ids }, type: 'a', payload: null };
    const { jobId } = await begin(bulk, key);
    expect(await begin(bulk, key)).toEqual({ jobId });
    await ended(jobId);
    await ended((await begin({ target: { deviceIds: ids }, type: 'b' })).jobId);
    const [b, a, ...others] = await commandsOf(ids[0] ?? '');
    expect(others).toEqual([]);
    expect([a, 'payload' in (b ?? {})]).toEqual([
      expect.objectContaining({ type: 'a', payload: null }),
      false,
    ]);
  });

  it('have an error for each device that cannot have one, and are tried again for these alone', async () => {
    const { ids } = fleet(4);
    const [full = '', gone = ''] = ids;
    for (let n = 0; n < 2; n += 1) {
      await bus.request(createCommand, { tenantId, actor, deviceId: full, type: 'reboot' });
    }
    await bus.request(createCommand, { tenantId, actor, deviceId: gone, type: 'reboot' });
    await bus.publish(deviceDeleted, {
      ...{ tenantId, entityId: gone, id: newId(), time: new Date().toISOString() },
      data: { deviceId: gone, version: 2, at: new Date().toISOString(), actor },
    });
    await eventually(async () => {
      const answer = bus.request(listCommands, { tenantId, deviceId: gone });
      return answer.then(
        () => false,
        () => true,
      );
    });
    const unknown = 'never-was';
    const { jobId } = await begin({ target: { deviceIds: [...ids, unknown] }, type: 'reboot' });
    const job = await ended(jobId);
    expect(job).toMatchObject({ status: 'failed', total: 5, done: 5, failed: 3 });
    const codes = job.errors?.map((error) => [error.item, error.code]).sort();
    expect(codes).toEqual(
      [
        [full, 'too-many-commands'],
        [gone, 'device-not-found'],
        [unknown, 'device-not-found'],
      ].sort(),
    );
    await bus.request(reportResults, {
      results: [{ tenantId, deviceId: full, type: 'reboot', id: 1, statusCode: 200 }],
    });
    const again = await bus.request(retryCommandsJob, { tenantId, actor, jobId: jobId });
    expect(await ended(again.jobId)).toMatchObject({ total: 3, failed: 2, retryOf: jobId });
    expect(await commandsOf(full)).toHaveLength(3);
    expect(await commandsOf(ids[2] ?? '')).toHaveLength(1);
  });

  it('are refused at once where every device would refuse them, and where more match than expected', async () => {
    const { filter } = fleet(3);
    const target = { filter };
    const refused: [Partial<CommandBulkInput>, string][] = [
      [{ type: 'status' }, 'invalid-request'],
      [{ payload: 'x'.repeat(70_000) }, 'payload-too-large'],
      [{ payload: { a: '\0' } }, 'invalid-payload'],
      [{ ttlSeconds: 10_000_000 }, 'invalid-request'],
      [{ expectedCount: 2 }, 'more-devices-than-expected'],
    ];
    for (const [wrong, name] of refused) {
      const bulk = { target, type: 'reboot', ...wrong };
      await expect(begin(bulk)).rejects.toEqual(code(name));
      await expect(bus.request(previewCommandBulk, { tenantId, bulk })).rejects.toEqual(code(name));
    }
    const preview = await bus.request(previewCommandBulk, { tenantId, bulk: { target, type: 'reboot' } });
    expect(preview.matched).toBe(3);
  });
});
