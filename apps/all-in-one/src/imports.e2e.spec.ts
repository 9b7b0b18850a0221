import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  await platform.api('POST', '/device-types', { name: 'radiator' });
}, 120_000);

afterAll(async () => {
  await platform.stop();
});

const CSV = { 'content-type': 'text/csv' };
const send = (file: string, query = '', headers: Readonly<Record<string, string>> = CSV) =>
  platform.api('POST', `/devices/import${query}`, file, headers);
/** The counts of an import, when all of its rows have come to something. */
const counts = async ({ body }: { body: unknown }): Promise<Record<string, unknown>> => {
  const { jobId } = body as { jobId: string };
  return eventually(
    async () => {
      const { body: job } = await platform.api('GET', `/jobs/${jobId}`);
      const { body: view } = await platform.api('GET', `/imports/${jobId}`);
      if ((job as { endedAt?: string }).endedAt === undefined) throw new Error(JSON.stringify([view, job]));
      return view as Record<string, unknown>;
    },
    { deadlineMs: 60_000, what: 'the import has ended' },
  );
};
const exported = async (query = ''): Promise<string> => {
  const response = await fetch(`${platform.url}/api/v1/exports/devices${query}`, {
    headers: { 'x-api-key': platform.apiKey },
  });
  expect(response.status).toBe(200);
  return response.text();
};

describe('a file of devices', () => {
  it('is imported, exported, and imported again without a change, as CSV and as JSON lines', async () => {
    const file = [
      '\uFEFFname,deviceType,folder,tags,serialNumber,position.latitude,position.longitude,metadata.floor,metadata.note',
      '"pump ""1""",radiator,/paris/north,roof;north,SN-1,48.5,-2.25,3,"a, b"',
      "'=HYPERLINK(1),radiator,,,SN-2,,,,",
      '-5,radiator,,,,,,"""5""","line one\nline two"',
    ].join('\r\n');
    const dry = await counts(await send(file, '?dryRun=true'));
    expect(dry).toMatchObject({ dryRun: true, created: 3, failed: 0 });
    const made = await send(file);
    expect([made.status, made.headers.get('location')]).toEqual([
      202,
      `/api/v1/jobs/${(made.body as { jobId: string }).jobId}`,
    ]);
    expect(await counts(made)).toMatchObject({ created: 3, failed: 0 });
    const { body } = await platform.api('GET', '/devices?sort=name');
    expect((body as { items: object[] }).items).toMatchObject([
      { name: '-5', metadata: { floor: '5', note: 'line one\nline two' } },
      { name: '=HYPERLINK(1)', serialNumber: 'SN-2' },
      {
        name: 'pump "1"',
        folder: '/paris/north',
        tags: ['roof', 'north'],
        position: { latitude: 48.5, longitude: -2.25 },
        metadata: { floor: 3, note: 'a, b' },
      },
    ]);
    const csv = await exported();
    expect(csv).toContain(",'=HYPERLINK(1),");
    expect(csv).toContain(",'-5,");
    const lines = await exported('?format=ndjson');
    expect(await counts(await send(csv))).toMatchObject({ rows: 3, unchanged: 3 });
    const again = await send(lines, '', { 'content-type': 'application/x-ndjson' });
    expect(await counts(again)).toMatchObject({ rows: 3, unchanged: 3 });
    expect(await exported()).toBe(csv);
    expect((await exported('?filter=serialNumber==SN-2')).split('\r\n')).toHaveLength(3);
  });

  it('says what devices should be: tried first, refused row by row, and nothing more the second time', async () => {
    const rules = { keys: { interval: { schema: { type: 'integer', minimum: 1 } } } };
    await platform.api('POST', '/device-types', { name: 'sensor' });
    await platform.api('PATCH', '/device-types/sensor/configuration', rules);
    await platform.api('PUT', '/device-types/sensor/configuration/defaults', { mode: 'eco' });
    const file = [
      'name,deviceType,desired.interval,desired.note,desired,tags',
      'desired-1,sensor,60,"a, b","{""limits"":{""high"":5}}",',
      'desired-2,sensor,0,,,',
      'desired-3,sensor,,,,roof',
      'desired-1,,70,null,,',
    ].join('\n');
    const desiredOf = async (name: string) => {
      const { body } = await platform.api('GET', `/devices?filter=name==${name}`);
      const [found] = (body as { items: { id: string }[] }).items;
      const { body: shown } = await platform.api('GET', `/devices/${found?.id ?? ''}/configuration`);
      const { keys } = shown as { keys: Record<string, { desired?: unknown; origin?: string }> };
      return Object.fromEntries(
        Object.entries(keys).flatMap(([key, { desired, origin }]) =>
          origin === 'device' ? [[key, desired]] : [],
        ),
      );
    };
    const dry = await send(file, '?dryRun=true');
    expect(await counts(dry)).toMatchObject({ created: 2, updated: 1, failed: 1 });
    const made = await send(file);
    expect(await counts(made)).toMatchObject({ created: 2, updated: 1, failed: 1 });
    for (const { body } of [dry, made]) {
      const { jobId } = body as { jobId: string };
      const failed = await platform.api('GET', `/imports/${jobId}/rows?outcome=failed`);
      expect(failed.body).toMatchObject({
        items: [
          {
            line: 3,
            name: 'desired-2',
            code: 'invalid-configuration',
            detail: 'desired.interval must be >= 1',
          },
        ],
      });
    }
    expect(await desiredOf('desired-1')).toEqual({ interval: 70, limits: { high: 5 } });
    expect(await desiredOf('desired-2')).toEqual({});
    const csv = await exported('?filter=name==desired-*&desired=true');
    expect(csv).toContain(',"{""limits"":{""high"":5},""interval"":70}"');
    expect(await counts(await send(csv))).toMatchObject({ rows: 3, unchanged: 3 });
    const lines = await exported('?filter=name==desired-*&desired=true&format=ndjson');
    const again = await send(lines, '', { 'content-type': 'application/x-ndjson' });
    expect(await counts(again)).toMatchObject({ rows: 3, unchanged: 3 });
    expect(await counts(await send('name,desired.interval\ndesired-3,5\n'))).toMatchObject({ updated: 1 });
    expect(await desiredOf('desired-3')).toEqual({ interval: 5 });
  });

  it('that cannot be read is refused at once, with the place, and nothing of it is imported', async () => {
    const problem = async (file: string, headers?: Readonly<Record<string, string>>) => {
      const { status, body } = await send(file, '', headers);
      return [status, (body as { detail: string }).detail];
    };
    const rows = Array.from({ length: 700 }, (_, n) => `never-${n},radiator`).join('\n');
    expect(await problem(`name,deviceType\n${rows}\n"broken`)).toEqual([
      400,
      expect.stringMatching(/^line 702: a quote is opened and not closed/),
    ]);
    expect(await problem('name,colour\na,b')).toMatchObject([
      400,
      expect.stringMatching(/^line 1, column 2/),
    ]);
    expect(await problem('name,deviceType\n')).toEqual([400, 'The file has no rows.']);
    const wrongTypes: Readonly<Record<string, string>>[] = [
      { 'content-type': 'application/json' },
      { 'content-type': 'text/csv; charset=iso-8859-1' },
      { ...CSV, 'content-encoding': 'gzip' },
    ];
    for (const headers of wrongTypes) {
      expect(await problem('name,deviceType\na,radiator', headers)).toMatchObject([415, {}]);
    }
    const { body } = await platform.api('GET', '/devices?filter=name==never-*&count=true');
    expect(body).toMatchObject({ total: 0 });
  });

  it('is listed, gives what failed of it as a file, and is deleted while its devices stay', async () => {
    const started = await send('name,deviceType\nlisted-1,radiator\n"=listed-2",nobody\n');
    const { jobId } = started.body as { jobId: string };
    await counts(started);
    const { body: list } = await platform.api('GET', '/imports?limit=1&count=true');
    expect(list).toMatchObject({ items: [{ id: jobId, status: 'failed', total: 2, done: 2, failed: 1 }] });
    const file = await fetch(`${platform.url}/api/v1/imports/${jobId}/rows?outcome=failed&format=csv`, {
      headers: { 'x-api-key': platform.apiKey },
    });
    expect(file.headers.get('content-disposition')).toBe('attachment; filename="import.csv"');
    expect(file.headers.get('cache-control')).toBe('no-store');
    expect(await file.text()).toBe(
      [
        'line,outcome,name,deviceId,token,code,detail',
        `3,failed,'=listed-2,,,device-type-not-found,"There is no device type ""nobody""."`,
        '',
      ].join('\r\n'),
    );
    expect(await platform.api('DELETE', `/imports/${jobId}`)).toMatchObject({ status: 204 });
    const gone = await platform.api('GET', `/imports/${jobId}/rows`);
    expect(gone).toMatchObject({ status: 404, body: { code: 'import-not-found' } });
    const { body: devices } = await platform.api('GET', '/devices?filter=name==listed-*&count=true');
    expect(devices).toMatchObject({ total: 1 });
  });

  it('is imported whole and once although all services are killed in the middle', async () => {
    const names = Array.from({ length: 6_000 }, (_, n) => `kill-${n}`);
    const started = await send(`name,deviceType\n${names.map((name) => `${name},radiator`).join('\n')}`);
    const { jobId } = started.body as { jobId: string };
    await eventually(
      async () => {
        const { body } = await platform.api('GET', `/imports/${jobId}`);
        return (body as { created: number }).created > 0;
      },
      { deadlineMs: 30_000, what: 'the first rows are done' },
    );
    await platform.kill9();
    await platform.restart();
    expect(await counts(started)).toMatchObject({ rows: 6_000, created: 6_000, failed: 0 });
    const { body } = await platform.api('GET', '/devices?filter=name==kill-*&count=true&limit=1');
    expect(body).toMatchObject({ total: 6_000 });
  }, 120_000);
});
