import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, eventStream, newId } from '@muster/contracts';
import { configurationJobChanged, type JobChanged } from '@muster/contracts/jobs/published';
import { getJob, listJobErrors, listJobs, type JobDetails } from '@muster/contracts/jobs/requests';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, start } from '../app.module.js';

const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;

let nats: NatsServer;
let server: TestDatabase;
let app: RunningApp;
let bus: Bus;

beforeAll(async () => {
  nats = await startNats();
  server = await testDatabase({
    name: 'campaign-orchestrator',
    migrate: async (url) => {
      await migrate(url);
    },
  });
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
  const stream = eventStream('configuration');
  await bus.ensureStream({
    name: stream.name,
    subjects: [stream.subject],
    maxAgeMs: 3_600_000,
    maxBytes: 10_000_000,
  });
});

afterAll(async () => {
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
    expect(first.items).toEqual([error('a'), error('b')]);
    const second = await bus.request(listJobErrors, { ...request, cursor: first.nextCursor ?? '' });
    expect(second).toEqual({ items: [error('c')], nextCursor: null });
    expect(await code(bus.request(listJobErrors, { tenantId, jobId: 'nobody' }))).toBe('job-not-found');
  });
});
