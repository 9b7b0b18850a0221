import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type ApiAnswer, type Platform } from '@muster/testing';

interface Job {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly total: number | null;
  readonly done: number;
  readonly failed: number;
  readonly retryOf?: string;
  readonly createdBy: { readonly kind: string; readonly id: string };
}

const DEVICES = 1_200;
const AT_ONCE = 16;

let platform: Platform;
let ids: string[] = [];

beforeAll(async () => {
  platform = await startPlatform();
  await platform.api('POST', '/device-types', { name: 'radiator' });
  ids = Array.from({ length: DEVICES }, () => '');
  let next = 0;
  const create = async (): Promise<void> => {
    for (let nth = next++; nth < DEVICES; nth = next++) {
      const created = await platform.api('POST', '/devices', {
        name: `radiator-${nth}`,
        deviceType: 'radiator',
        tags: nth < 800 ? ['roof'] : ['cellar'],
      });
      expect(created.status).toBe(201);
      ids[nth] = (created.body as { id: string }).id;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, create));
}, 120_000);

afterAll(async () => {
  await platform.stop();
});

const bulk = (body: object, headers?: Readonly<Record<string, string>>): Promise<ApiAnswer> =>
  platform.api('POST', '/configuration/bulk', body, headers);
const jobOf = async (jobId: string): Promise<Job> => {
  const answer = await platform.api('GET', `/jobs/${jobId}`);
  expect(answer.status).toBe(200);
  return answer.body as Job;
};
const ended = (jobId: string): Promise<Job> =>
  eventually(
    async () => {
      const job = await jobOf(jobId);
      if (!['success', 'failed', 'cancelled'].includes(job.status)) throw new Error(JSON.stringify(job));
      return job;
    },
    { deadlineMs: 30_000, what: 'the job has ended' },
  );
const started = (answer: ApiAnswer): string => {
  expect([answer.status, answer.body]).toEqual([202, { jobId: expect.any(String) as unknown }]);
  const { jobId } = answer.body as { jobId: string };
  expect(answer.headers.get('location')).toBe(`/api/v1/jobs/${jobId}`);
  return jobId;
};
const refused = async (method: string, path: string): Promise<readonly unknown[]> => {
  const { status, body } = await platform.api(method, path);
  return [status, (body as { code: string }).code];
};
const desiredOf = async (id: string | undefined): Promise<unknown> => {
  const { body } = await platform.api('GET', `/devices/${id ?? ''}/configuration`);
  return (body as { keys: Record<string, { desired?: unknown }> }).keys['interval']?.desired;
};

describe('POST /configuration/bulk', () => {
  it('changes the devices of a filter and no others, and shows how far it is', async () => {
    const body = { target: { filter: 'tags=in=(roof)' }, desired: { interval: 60 }, reason: 'winter' };
    const jobId = started(await bulk(body, { 'idempotency-key': 'once' }));
    // The answer of a moment ago is known at once.
    expect(await jobOf(jobId)).toMatchObject({ id: jobId, kind: 'configuration-bulk', children: [] });
    expect(started(await bulk(body, { 'idempotency-key': 'once' }))).toBe(jobId);
    expect(await ended(jobId)).toMatchObject({ status: 'success', total: 800, done: 800, failed: 0 });
    expect(await desiredOf(ids[0])).toBe(60);
    expect(await desiredOf(ids[799])).toBe(60);
    expect(await desiredOf(ids[800])).toBeUndefined();
    const history = await platform.api('GET', `/devices/${ids[5] ?? ''}/configuration/history?key=interval`);
    expect(history.body).toMatchObject({
      items: [{ kind: 'desired', to: 60, reason: `winter (job ${jobId})` }],
    });
  });

  it('lists the devices that could not be changed, page by page, and does the others', async () => {
    const nobody = ['nobody-1', 'nobody-2', 'nobody-3'];
    const body = { target: { deviceIds: [...ids, ...nobody] }, desired: { interval: 90 } };
    const jobId = started(await bulk(body));
    const job = await ended(jobId);
    expect(job).toMatchObject({ status: 'failed', total: DEVICES + 3, done: DEVICES + 3, failed: 3 });
    const first = await platform.api('GET', `/jobs/${jobId}/errors?limit=2`);
    const { items, nextCursor } = first.body as { items: object[]; nextCursor: string };
    const rest = await platform.api('GET', `/jobs/${jobId}/errors?limit=2&cursor=${nextCursor}`);
    const errors = [...items, ...(rest.body as { items: object[] }).items];
    expect(errors).toEqual(
      nobody.map((item) => ({ item, code: 'device-not-found', detail: 'No such device.', jobId })),
    );
    expect(await desiredOf(ids[1_199])).toBe(90);
  });

  it('is listed with the other jobs, newest first', async () => {
    const all = await platform.api('GET', '/jobs?kind=configuration-bulk');
    const { items } = all.body as { items: Job[] };
    expect(items.map(({ status, done }) => [status, done])).toEqual([
      ['failed', DEVICES + 3],
      ['success', 800],
    ]);
    const failed = await platform.api('GET', '/jobs?status=failed');
    expect((failed.body as { items: Job[] }).items).toEqual(items.slice(0, 1));
  });

  it('tells with preview=true what it would do, and does nothing', async () => {
    const body = { target: { filter: 'tags==roof' }, desired: { previewed: true } };
    const preview = (more?: object) =>
      platform.api('POST', '/configuration/bulk?preview=true', { ...body, ...more });
    const { status, body: found, headers } = await preview();
    expect(status).toBe(200);
    expect(headers.get('location')).toBeNull();
    expect(found).toMatchObject({ matched: 800, byDeviceType: { radiator: 800 } });
    expect((found as { sample: object[] }).sample[0]).toMatchObject({ name: 'radiator-0', folder: '/' });
    // What a person has seen is what is done, or nothing.
    const { status: refusedWith, body: problem } = await bulk({ ...body, expectedCount: 799 });
    expect(refusedWith).toBe(409);
    expect(problem).toMatchObject({
      code: 'more-devices-than-expected',
      detail: '800 devices match now, and expectedCount is 799. Nothing was changed.',
    });
    expect((await preview({ expectedCount: 799 })).body).toMatchObject({
      code: 'more-devices-than-expected',
    });
    const { body: configuration } = await platform.api('GET', `/devices/${ids[0] ?? ''}/configuration`);
    expect((configuration as { keys: object }).keys).not.toHaveProperty('previewed');
    const jobId = started(await bulk({ ...body, expectedCount: 800 }));
    expect(await ended(jobId)).toMatchObject({ status: 'success', done: 800 });
  });

  it('says at once what is wrong with a request, and where', async () => {
    const desired = { interval: 60 };
    const problem = async (body: object) => {
      const { status, body: answer } = await bulk(body);
      const { code, errors } = answer as { code: string; errors?: { path: string }[] };
      return [status, code, errors?.[0]?.path];
    };
    expect(await problem({ target: {}, desired })).toEqual([400, 'invalid-request', 'target']);
    expect(await problem({ target: { deviceIds: ids }, desired: {} })).toEqual([
      400,
      'invalid-request',
      'desired',
    ]);
    expect(await problem({ target: { filter: 'tags=in=(' }, desired })).toEqual([
      400,
      'invalid-filter',
      'target.filter',
    ]);
    // An empty filter, as an empty form field gives it, must not mean the whole fleet.
    expect(await problem({ target: { filter: '' }, desired })).toEqual([
      400,
      'invalid-filter',
      'target.filter',
    ]);
    expect(await problem({ target: { deviceIds: ids }, desired: { 'a b': 1 } })).toEqual([
      400,
      'invalid-configuration',
      'desired.a b',
    ]);
    expect(await problem({ target: { deviceIds: ids }, desired: { a: 'x'.repeat(10_000) } })).toEqual([
      413,
      'configuration-too-large',
      undefined,
    ]);
    expect((await platform.api('GET', '/jobs/nobody')).status).toBe(404);
    expect((await platform.api('GET', '/jobs?status=lost')).status).toBe(400);
  });

  it('does only the items that failed when it is retried', async () => {
    const { body } = await platform.api('GET', '/jobs?kind=configuration-bulk&status=failed&count=true');
    const { items, total } = body as { items: Job[]; total: number };
    expect(total).toBe(1);
    const [failed] = items;
    const retry = () =>
      platform.api('POST', `/jobs/${failed?.id ?? ''}/retry`, undefined, { 'idempotency-key': 'again' });
    const again = started(await retry());
    expect(started(await retry())).toBe(again);
    expect(await ended(again)).toMatchObject({ status: 'failed', retryOf: failed?.id, total: 3, failed: 3 });
    const { body: errors } = await platform.api('GET', `/jobs/${again}/errors`);
    expect((errors as { items: { item: string }[] }).items.map(({ item }) => item)).toEqual([
      'nobody-1',
      'nobody-2',
      'nobody-3',
    ]);
    const well = await platform.api('GET', '/jobs?status=success&limit=1');
    const done = (well.body as { items: Job[] }).items[0]?.id ?? '';
    expect(await refused('POST', `/jobs/${done}/retry`)).toEqual([409, 'job-without-failures']);
    expect(await refused('POST', `/jobs/${done}/cancel`)).toEqual([409, 'job-finished']);
    expect(await refused('POST', '/jobs/nobody/cancel')).toEqual([404, 'job-not-found']);
    expect(await refused('POST', '/jobs/nobody/retry')).toEqual([404, 'job-not-found']);
  });

  it('changes no device after the cancel was answered, but for the chunk in hand', async () => {
    // Half of the fleet in the first chunks, half in the last, and names of nobody between them.
    const nobody = Array.from({ length: 15_000 }, (_none, nth) => `nobody-${nth}`);
    const jobId = started(
      await bulk({
        target: { deviceIds: [...ids.slice(0, 600), ...nobody, ...ids.slice(600)] },
        desired: { interval: 999 },
      }),
    );
    const waiting = started(await bulk({ target: { deviceIds: ids.slice(0, 2) }, desired: { interval: 7 } }));
    await eventually(async () => (await jobOf(jobId)).done > 0, { what: 'a chunk is through' });
    const answer = await platform.api('POST', `/jobs/${jobId}/cancel`);
    expect(answer.status).toBe(200);
    const told = answer.body as Job;
    expect(['cancelling', 'cancelled']).toContain(told.status);
    const job = await ended(jobId);
    expect(job).toMatchObject({ status: 'cancelled', total: 15_000 + DEVICES });
    // Two workers, each with one chunk of 500 at most.
    expect(job.done - told.done).toBeLessThanOrEqual(1_000);
    expect(job.failed).toBeLessThanOrEqual(job.done);
    // What was waiting for it goes on, and is the only change these devices have seen.
    expect((await ended(waiting)).status).toBe('success');
    expect(await desiredOf(ids[0])).toBe(7);
    const values = await Promise.all(ids.map(desiredOf));
    const changed = values.filter((value) => value === 999).length;
    expect(changed).toBeLessThanOrEqual(job.done - job.failed);
    expect(job.done - job.failed - changed).toBeLessThanOrEqual(2);
    expect(changed).toBeGreaterThan(0);
    expect(new Set(values.slice(600))).toEqual(new Set([90]));
    // Again: the same answer.
    expect((await platform.api('POST', `/jobs/${jobId}/cancel`)).body).toMatchObject({ status: 'cancelled' });
  }, 60_000);

  it('goes on after kill -9 of everything and has done every device once', async () => {
    const jobId = started(
      await bulk({ target: { filter: 'deviceType==radiator' }, desired: { interval: 120 } }),
    );
    await platform.kill9();
    await platform.restart();
    expect(await ended(jobId)).toMatchObject({ status: 'success', total: DEVICES, done: DEVICES });
    const history = await platform.api('GET', `/devices/${ids[3] ?? ''}/configuration/history?key=interval`);
    const reasons = (history.body as { items: { reason?: string }[] }).items.map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === `job ${jobId}`)).toHaveLength(1);
  }, 60_000);
});
