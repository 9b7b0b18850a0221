import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type ApiAnswer, type Platform } from '@muster/testing';
import { endedJob } from './operator.fixture.js';

const DEVICES = 60;

let platform: Platform;
let ids: string[];

beforeAll(async () => {
  platform = await startPlatform();
  await platform.api('POST', '/device-types', { name: 'radiator' });
  const made = await Promise.all(
    Array.from({ length: DEVICES }, (_none, nth) =>
      platform.api('POST', '/devices', {
        name: `radiator-${nth}`,
        deviceType: 'radiator',
        tags: [nth < 40 ? 'roof' : 'cellar'],
      }),
    ),
  );
  ids = made.map(({ body }) => (body as { id: string }).id);
}, 120_000);

afterAll(async () => {
  await platform.stop();
});

const bulk = (body: object, query = ''): Promise<ApiAnswer> =>
  platform.api('POST', `/devices/bulk${query}`, body);
const ended = (answer: ApiAnswer): Promise<unknown> => endedJob(platform, answer);
const count = async (filter: string): Promise<number> => {
  const { body } = await platform.api(
    'GET',
    `/devices?limit=1&count=true&filter=${encodeURIComponent(filter)}`,
  );
  return (body as { total: number }).total;
};

describe('/folders', () => {
  it('are a tree whose folders are made, listed, moved with their devices, and deleted when they are empty', async () => {
    const { api } = platform;
    const put = { target: { filter: 'tags==roof' }, folder: '/lyon/b 1' };
    await ended(await bulk(put));
    const made = await api('POST', '/folders', { path: '/paris/2' });
    expect(made).toMatchObject({ status: 201, body: { path: '/paris/2', name: '2' } });
    expect(await api('GET', '/folders?parent=%2Flyon')).toMatchObject({
      body: { items: [{ path: '/lyon/b 1' }] },
    });
    expect(await api('GET', '/folders/%2Flyon?count=true')).toMatchObject({
      body: { count: 40, folders: 1 },
    });
    const moved = await api('PATCH', '/folders/%2Flyon%2Fb%201', { parent: '/paris', name: 'b1' });
    expect(moved).toMatchObject({ status: 202, body: { path: '/paris/b1' } });
    await ended({ ...moved, body: { jobId: (moved.body as { jobId: string }).jobId } });
    expect(await count('folder==/paris/*;tags==roof')).toBe(40);
    expect(await api('DELETE', '/folders/%2Fparis')).toMatchObject({
      status: 409,
      body: { code: 'folder-not-empty', detail: 'The folder has 40 devices and 2 folders in it.' },
    });
    expect((await api('DELETE', '/folders/%2Flyon')).status).toBe(204);
    expect((await api('GET', '/folders/%2Flyon')).status).toBe(404);
  });
});

describe('POST /devices/bulk', () => {
  it('shows what it would do, does it as a job in the list of all jobs, and no more', async () => {
    const target = { filter: 'tags==roof' };
    const change = { tags: { add: ['winter'] }, folder: '/paris', metadata: { floor: 2 } };
    const preview = await bulk({ target, ...change }, '?preview=true');
    expect([preview.status, preview.body]).toMatchObject([
      200,
      { matched: 40, byDeviceType: { radiator: 40 } },
    ]);
    expect(await count('tags==winter')).toBe(0);
    const job = await ended(await bulk({ target, ...change, expectedCount: 40 }));
    expect(job).toMatchObject({ kind: 'device-bulk', status: 'success', total: 40, failed: 0 });
    expect(await count('tags==winter;tags==roof;folder==/paris;metadata.floor==2')).toBe(40);
    expect(await count('tags==winter')).toBe(40);
  });

  it('deletes what was counted, and says in words what it refuses', async () => {
    const target = { filter: 'tags==cellar' };
    const problem = async (body: object) => {
      const { status, body: answer } = await bulk({ target, ...body });
      const { code, errors } = answer as { code: string; errors?: readonly { path: string }[] };
      return [status, code, errors?.[0]?.path];
    };
    expect(await problem({ delete: true })).toEqual([400, 'invalid-request', 'expectedCount']);
    expect(await problem({ delete: true, folder: '/', expectedCount: 20 })).toEqual([
      400,
      'invalid-request',
      'delete',
    ]);
    expect(await problem({ delete: true, expectedCount: 19 })).toEqual([
      409,
      'more-devices-than-expected',
      undefined,
    ]);
    expect(await count('tags==cellar')).toBe(20);
    const job = await ended(await bulk({ target, delete: true, expectedCount: 20 }));
    expect(job).toMatchObject({ kind: 'device-bulk-delete', status: 'success', done: 20 });
    expect(await count('deviceType==radiator')).toBe(40);
  });

  it('has what failed tried again', async () => {
    const named = { target: { deviceIds: [ids[0], 'nobody'] }, folder: '/lyon' };
    const failed = (await ended(await bulk(named))) as { id: string };
    expect(failed).toMatchObject({ status: 'failed', done: 2, failed: 1 });
    const errors = await platform.api('GET', `/jobs/${failed.id}/errors`);
    expect(errors.body).toMatchObject({ items: [{ item: 'nobody', code: 'device-not-found' }] });
    const again = await ended(await platform.api('POST', `/jobs/${failed.id}/retry`));
    expect(again).toMatchObject({ kind: 'device-bulk', retryOf: failed.id, total: 1, failed: 1 });
  });
});
