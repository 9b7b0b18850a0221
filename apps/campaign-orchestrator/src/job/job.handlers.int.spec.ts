import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, eventStream, newId } from '@muster/contracts';
import {
  cancelConfigurationJob,
  jobOwners,
  retryConfigurationJob,
} from '@muster/contracts/jobs/owner.requests';
import {
  configurationJobChanged,
  jobsChanged,
  type JobChanged,
  type JobStands,
} from '@muster/contracts/jobs/published';
import {
  cancelJob,
  getJob,
  listJobErrors,
  listJobs,
  retryJob,
  type CancelJob,
  type JobDetails,
  type JobErrorPage,
  type JobRetried,
  type RetryJob,
} from '@muster/contracts/jobs/requests';
import { openDatabase } from '@muster/event-store';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger, NestLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../app.module.js';
import { JobList } from './job-list.js';

const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;

/** Stands for configuration, which is another app: its answers, and what it was asked. */
const owner: { stands: Map<string, JobStands>; asked: RetryJob[] } = { stands: new Map(), asked: [] };

@Controller()
class Owner {
  @Handles(cancelConfigurationJob)
  cancel({ jobId, actor: cancelledBy }: CancelJob): Promise<JobStands> {
    const stands = owner.stands.get(jobId);
    return stands === undefined
      ? Promise.reject(new AppError('job-finished', 'The job has ended.'))
      : Promise.resolve({ ...stands, cancelledBy });
  }

  @Handles(retryConfigurationJob)
  retry(request: RetryJob): Promise<JobRetried> {
    owner.asked.push(request);
    return Promise.resolve({ jobId: 'again' });
  }
}

@Module({ controllers: [Owner] })
class OwnerModule {}

let nats: NatsServer;
let configuration: { close(): Promise<unknown> };
let server: TestDatabase;
let app: RunningApp;
let bus: Bus;

beforeAll(async () => {
  nats = await startNats();
  server = await testDatabase({ name: 'campaign-orchestrator', migrate });
  app = await start({
    MUSTER_DATABASE_URL: server.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'silent',
  });
  bus = await connectBus({
    url: nats.url,
    name: 'spec',
    logger: createLogger({ service: 'spec', level: 'silent' }),
  });
  const logger = createLogger({ service: 'spec', level: 'silent' });
  const owning = await NestFactory.createMicroservice(OwnerModule, {
    strategy: new NatsStrategy({ bus, service: 'configuration', logger }),
    logger: new NestLogger(logger),
  });
  await owning.listen();
  configuration = owning;
  const stream = eventStream('configuration');
  await bus.ensureStream({
    name: stream.name,
    subjects: stream.subjects,
    maxAgeMs: 3_600_000,
    maxBytes: 10_000_000,
  });
});

afterAll(async () => {
  await configuration.close();
  await bus.close();
  await app.stop();
  await nats.stop();
  await server.drop();
});

const at = '2026-11-21T10:00:00.000Z';
const change = (jobId: string, version: number, rest: Partial<JobChanged> = {}): JobChanged => ({
  jobId,
  kind: 'configuration-bulk',
  status: 'in_progress',
  total: 10,
  done: version,
  failed: 0,
  actor,
  createdAt: at,
  version,
  at,
  ...rest,
});
const publish = (data: JobChanged, tenant = tenantId): Promise<void> =>
  bus.publish(configurationJobChanged, {
    tenantId: tenant,
    entityId: data.jobId,
    id: newId(),
    time: at,
    data,
  });
const find = (jobId: string): Promise<JobDetails> => bus.request(getJob, { tenantId, jobId });
const reached = (jobId: string, done: number): Promise<boolean> =>
  eventually(async () => (await find(jobId)).done === done, { what: `${jobId} is at ${done}` });
const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

describe('getJob', () => {
  it('answers where the job stands, with its children', async () => {
    const [jobId, child] = [newId(), newId()];
    await publish(change(child, 1, { parent: jobId, kind: 'part' }));
    await publish(
      change(jobId, 3, {
        status: 'waiting',
        startedAt: at,
        reason: { code: 'unavailable', detail: 'Nobody answers.' },
      }),
    );
    await reached(jobId, 3);
    expect(await find(jobId)).toEqual({
      id: jobId,
      kind: 'configuration-bulk',
      status: 'waiting',
      total: 10,
      done: 3,
      failed: 0,
      createdBy: actor,
      createdAt: at,
      startedAt: at,
      reason: { code: 'unavailable', detail: 'Nobody answers.' },
      children: [{ id: child, kind: 'part', status: 'in_progress', total: 10, done: 1, failed: 0 }],
    });
    expect(await find(child)).toMatchObject({ parent: jobId, children: [] });
  });

  it('keeps the newest when events come in another order, and again', async () => {
    const jobId = newId();
    const end = change(jobId, 5, { status: 'success', done: 10, endedAt: at });
    for (const data of [change(jobId, 2), end, change(jobId, 4), end, change(jobId, 1)]) await publish(data);
    const last = newId();
    await publish(change(last, 1));
    await reached(last, 1);
    expect(await find(jobId)).toMatchObject({ status: 'success', done: 10, endedAt: at });
  });

  it('waits for a job whose id was given out a moment ago', async () => {
    const jobId = newId();
    const asking = find(jobId);
    await publish(change(jobId, 1));
    expect(await asking).toMatchObject({ id: jobId });
  });

  it('says at once that there is no such job when the id is old, or none of ours', async () => {
    const began = Date.now();
    for (const jobId of ['0190a000-0000-7000-8000-000000000000', 'a\u0000b', "' OR 1=1"]) {
      expect(await code(find(jobId))).toBe('job-not-found');
    }
    expect(Date.now() - began).toBeLessThan(1_000);
  });

  it('gives up waiting before the caller does', async () => {
    expect(await code(find(newId()))).toBe('job-not-found');
  });

  it('knows nothing of the jobs of another tenant', async () => {
    const jobId = newId();
    await publish(change(jobId, 1), 'other');
    expect(await code(find(jobId))).toBe('job-not-found');
  });
});

describe('listJobs', () => {
  it('pages through them, newest first, by kind and status', async () => {
    const kind = `kind-${newId().slice(-6)}`;
    const ids = Array.from({ length: 5 }, newId);
    for (const [index, jobId] of ids.entries()) {
      await publish(change(jobId, 1, { kind, status: index === 2 ? 'failed' : 'success' }));
    }
    await reached(ids.at(-1) ?? '', 1);
    const found: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof list>> = await list({ kind, limit: 2, cursor });
      found.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(found).toEqual([...ids].reverse());
    const failed = await list({ kind, status: 'failed' });
    expect(failed.items.map(({ id }) => id)).toEqual([ids[2]]);
    expect(await code(list({ cursor: 'bm9uc2Vuc2U' }))).toBe('invalid-request');
  });
});

describe('listJobs, counted and by parent', () => {
  it('says how many there are, of all pages', async () => {
    const [parent, ...children] = Array.from({ length: 4 }, newId);
    await publish(change(parent ?? '', 1));
    for (const jobId of children) await publish(change(jobId, 1, { parent: parent ?? '' }));
    await reached(children.at(-1) ?? '', 1);
    const page = await bus.request(listJobs, { tenantId, parent: parent ?? '', limit: 2, count: true });
    expect(page.items.map(({ id }) => id)).toEqual([...children].reverse().slice(0, 2));
    expect(page.total).toBe(3);
    expect((await bus.request(listJobs, { tenantId, parent: 'nobody', count: true })).total).toBe(0);
    expect(await bus.request(listJobs, { tenantId, limit: 1 })).not.toHaveProperty('total');
  });
});

describe('cancelJob', () => {
  it('is passed on to the service that runs the job, and the list knows the answer at once', async () => {
    const jobId = newId();
    const running = change(jobId, 3, { kind: 'k' });
    await publish(running);
    await reached(jobId, 3);
    owner.stands.set(jobId, { ...running, version: 4, status: 'cancelling' });
    const bert = { kind: 'user', id: 'bert' } as const;
    const answer = await bus.request(cancelJob, { tenantId, jobId, actor: bert });
    expect(answer).toMatchObject({ id: jobId, status: 'cancelling', cancelledBy: bert, createdBy: actor });
    expect(await find(jobId)).toEqual(answer);
  });

  it('answers as that service does, and knows what there is not', async () => {
    const jobId = newId();
    await publish(change(jobId, 1));
    await reached(jobId, 1);
    expect(await code(bus.request(cancelJob, { tenantId, jobId, actor }))).toBe('job-finished');
    const old = '0190a000-0000-7000-8000-000000000000';
    expect(await code(bus.request(cancelJob, { tenantId, jobId: old, actor }))).toBe('job-not-found');
    expect(await code(bus.request(retryJob, { tenantId, jobId: old, actor }))).toBe('job-not-found');
  });
});

describe('retryJob', () => {
  it('is passed on with its idempotency key', async () => {
    const jobId = newId();
    await publish(change(jobId, 1));
    const request = { tenantId, jobId, actor, idempotencyKey: 'once' };
    expect(await bus.request(retryJob, request)).toEqual({ jobId: 'again' });
    expect(owner.asked).toEqual([request]);
  });
});

describe('retention', () => {
  const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();

  it('forgets jobs that ended long ago in rounds of bounded size, a parent with its children', async () => {
    const [many = '', parent = '', child = '', recent = '', open = ''] = Array.from({ length: 5 }, newId);
    const over = (days: number) => ({ status: 'failed', endedAt: daysAgo(days) }) as const;
    await publish(change(many, 1, over(40)));
    await publish(change(parent, 1, over(31)));
    await publish(change(child, 1, { ...over(50), parent }));
    await publish(change(recent, 1, over(29)));
    await publish(change(open, 1));
    await reached(open, 1);
    const database = openDatabase({
      url: server.url,
      schema: 'campaign_orchestrator',
      poolSize: 1,
      name: 'retention spec',
    });
    await database.query(
      `INSERT INTO job_errors (tenant_id, job_id, item, code, detail)
       SELECT $1, $2, 'item-' || n, 'device-not-found', 'No such device.' FROM generate_series(1, 25000) n`,
      [tenantId, many],
    );
    const counts = async (): Promise<readonly unknown[]> => {
      const { rows } = await database.query<{ errors: number; jobs: string[] }>(
        `SELECT (SELECT count(*)::integer FROM job_errors WHERE job_id = $2) AS errors,
                array(SELECT job_id FROM jobs WHERE job_id = ANY($1) ORDER BY job_id) AS jobs`,
        [[many, parent, child, recent, open], many],
      );
      return [rows[0]?.errors, rows[0]?.jobs];
    };
    const jobs = new JobList(database);
    const all = [many, parent, child, recent, open].sort();
    expect(await jobs.forgetEnded(30)).toBe(true);
    expect(await counts()).toEqual([15_000, all]);
    expect(await jobs.forgetEnded(30)).toBe(true);
    expect(await counts()).toEqual([5_000, all]);
    expect(await jobs.forgetEnded(30)).toBe(false);
    expect(await counts()).toEqual([0, [recent, open].sort()]);
    await database.close();
  });
});

it('every service whose jobs are followed can be asked to cancel and to retry', () => {
  expect(Object.keys(jobOwners).sort()).toEqual(jobsChanged.map(({ service }) => service).sort());
});

const list = ({
  cursor,
  ...rest
}: {
  kind?: string;
  status?: 'failed';
  limit?: number;
  cursor?: string | null;
}) => bus.request(listJobs, { tenantId, ...rest, ...(cursor == null ? {} : { cursor }) });

describe('listJobErrors', () => {
  it('pages through the errors of all events of the job, each item once', async () => {
    const jobId = newId();
    const error = (item: string) => ({ item, code: 'device-not-found', detail: 'No such device.' });
    await publish(change(jobId, 3, { errors: [error('c'), error('a')] }));
    await publish(change(jobId, 2, { errors: [error('b')] }));
    await publish(change(jobId, 3, { errors: [error('c'), error('a')] }));
    await reached(jobId, 3);
    const request = { tenantId, jobId, limit: 2 };
    const first = await eventually(async () => {
      const page = await bus.request(listJobErrors, request);
      return page.items[1]?.item === 'b' && page;
    });
    const of = (item: string) => ({ ...error(item), jobId });
    expect(first.items).toEqual([of('a'), of('b')]);
    const second = await bus.request(listJobErrors, { ...request, cursor: first.nextCursor ?? '' });
    expect(second).toEqual({ items: [of('c')], nextCursor: null });
    expect(await code(bus.request(listJobErrors, { tenantId, jobId: 'nobody' }))).toBe('job-not-found');
  });

  it('tells those of its parts, each with the job of which it is an item', async () => {
    const [jobId, one, two, other] = [newId(), newId(), newId(), newId()];
    const error = (item: string) => ({ item, code: 'device-not-found', detail: 'No such device.' });
    await publish(change(jobId, 1, { errors: [error('z')] }));
    await publish(change(one, 1, { parent: jobId, errors: [error('b'), error('c')] }));
    await publish(change(two, 1, { parent: jobId, errors: [error('a'), error('b')] }));
    await publish(change(other, 1, { errors: [error('a')] }));
    await reached(other, 1);
    const errors = async (limit: number) => {
      const found: string[] = [];
      let cursor: string | null = null;
      do {
        const page: JobErrorPage = await bus.request(listJobErrors, {
          ...{ tenantId, jobId, limit, count: true },
          ...(cursor === null ? {} : { cursor }),
        });
        expect(page.total).toBe(5);
        found.push(...page.items.map((item) => `${item.jobId} ${item.item}`));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return found;
    };
    const all = [`${jobId} z`, `${one} b`, `${one} c`, `${two} a`, `${two} b`];
    for (const limit of [1, 2, 3, 50]) expect(await errors(limit)).toEqual(all);
    const ofPart = await bus.request(listJobErrors, { tenantId, jobId: one });
    expect(ofPart.items.map(({ item }) => item)).toEqual(['b', 'c']);
  });
});
