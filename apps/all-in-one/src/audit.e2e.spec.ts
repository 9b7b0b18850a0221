import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';
import { endedJob } from './operator.fixture.js';

let platform: Platform;
let ids: readonly string[];

interface Entry {
  readonly id: string;
  readonly at: string;
  readonly actor: { readonly kind: string; readonly id: string };
  readonly action: string;
  readonly resource: { readonly kind: string; readonly id: string; readonly name?: string };
  readonly jobId?: string;
  readonly traceId?: string;
}
interface Page {
  readonly items: readonly Entry[];
  readonly nextCursor: string | null;
  readonly away: readonly string[];
}

const page = async (query: string): Promise<Page> => {
  const { status, body } = await platform.api('GET', `/audit?${query}`);
  expect([status, body]).toEqual([200, expect.objectContaining({ away: [] })]);
  return body as Page;
};
const of = (filter: string): string => `limit=500&filter=${encodeURIComponent(filter)}`;

beforeAll(async () => {
  platform = await startPlatform();
  await platform.api('POST', '/device-types', { name: 'meter', settings: { httpTokenOnly: true } });
  const made = await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      platform.api('POST', '/devices', { name, deviceType: 'meter', interface: 'http' }),
    ),
  );
  ids = made.map(({ body }) => (body as { id: string }).id);
}, 120_000);

afterAll(async () => {
  await platform.stop();
});

describe('GET /audit', () => {
  it('says who did what to what, in every service, with the trace of the call', async () => {
    const { api } = platform;
    const [first = ''] = ids;
    await api('PATCH', `/devices/${first}`, { name: 'first' });
    await api('PATCH', `/devices/${first}/configuration/desired`, { interval: 60 });
    await api('POST', `/devices/${first}/commands`, { type: 'reboot' });
    await api('DELETE', `/devices/${first}/telemetry/latest?all=true`);
    await api('POST', '/device-types/meter/firmware-types', {
      ...{ name: 'main', versionKey: 'v', urlKey: 'u', tokenKey: 't' },
    });
    await api('POST', '/integrations', { name: 'billing', services: ['telemetry'] });
    await api('POST', '/campaigns', {
      ...{ name: 'Winter', target: { deviceIds: [first] }, configurations: { interval: 5 } },
    });
    await api('POST', '/sessions', { key: platform.apiKey });

    const { items, nextCursor } = await page('limit=500');
    expect(nextCursor).toBeNull();
    expect(items.map(({ at }) => at)).toEqual(
      items
        .map(({ at }) => at)
        .sort()
        .reverse(),
    );
    const acts = new Map(items.map((entry) => [entry.action, entry]));
    expect([...acts.keys()]).toEqual(
      expect.arrayContaining([
        ...['DeviceTypeCreated', 'DeviceProvisioned', 'DeviceRenamed', 'DesiredConfigurationChanged'],
        ...['CommandCreated', 'LatestValuesForgotten', 'FirmwareTypeCreated', 'CampaignCreated'],
        'SessionOpened',
      ]),
    );
    for (const action of [
      'DeviceRenamed',
      'DesiredConfigurationChanged',
      'CommandCreated',
      'LatestValuesForgotten',
    ])
      expect(acts.get(action)).toMatchObject({
        actor: { kind: 'api-key', id: 'local-admin' },
        resource: { kind: 'device', id: first, name: 'first' },
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
      });
    expect(acts.get('CampaignCreated')?.resource).toMatchObject({ kind: 'campaign', name: 'Winter' });
    // Nothing of what a credential or a key is.
    expect(JSON.stringify(items)).not.toContain(platform.apiKey);
  });

  it('has a bulk act once, and its part of it in the trail of a single device', async () => {
    const { api } = platform;
    const started = await api('POST', '/configuration/bulk', {
      ...{ target: { filter: 'deviceType==meter' }, desired: { mode: 'eco' }, expectedCount: 3 },
    });
    const { jobId } = started.body as { jobId: string };
    await endedJob(platform, started);
    const { items } = await page('limit=500');
    const [newest] = items;
    expect(newest).toMatchObject({
      ...{ action: 'JobCreated', resource: { kind: 'job', id: jobId, name: 'configuration-bulk' } },
    });
    expect(items.filter((entry) => entry.jobId === jobId)).toEqual([]);
    const own = await page(`deviceId=${ids[1] ?? ''}`);
    expect(own.items.map(({ action, jobId: job }) => [action, job])).toEqual([
      ['DesiredConfigurationChanged', jobId],
      ['CredentialIssued', undefined],
      ['EndpointTokenIssued', undefined],
      ['DeviceProvisioned', undefined],
    ]);
  });

  it('has a deletion once, not what follows from it, and keeps it when all else is erased', async () => {
    const { api } = platform;
    const [, , third = ''] = ids;
    await api('PATCH', `/devices/${third}/configuration/desired`, { interval: 1 });
    const before = (await page(of(`resourceId==${third}`))).items.map(({ action }) => action);
    await api('DELETE', `/devices/${third}`);
    await eventually(
      async () => {
        const { status } = await api('DELETE', `/devices/${third}/configuration/history`);
        return status === 204;
      },
      { what: 'the history is erased', deadlineMs: 15_000 },
    );
    const after = (await page(of(`resourceId==${third}`))).items.map(({ action }) => action);
    expect(after).toEqual(['ConfigurationHistoryErased', 'DeviceDeleted', ...before]);
  });

  it('is narrowed by a filter and by time, and read page by page', async () => {
    const all = (await page('limit=500')).items.map(({ id }) => id);
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const { items, nextCursor } = await page(`limit=3${cursor}`);
      seen.push(...items.map(({ id }) => id));
      if (nextCursor === null) break;
      cursor = `&cursor=${nextCursor}`;
    }
    expect(seen).toEqual(all);
    const devices = (await page(of('resource==device;action==Device*;actor==local-admin'))).items;
    expect(new Set(devices.map(({ action }) => action))).toEqual(
      new Set(['DeviceProvisioned', 'DeviceRenamed', 'DeviceDeleted']),
    );
    expect((await page(of('service==identity'))).items.length).toBeGreaterThan(0);
    expect((await page(`to=2026-01-01T00:00:00Z`)).items).toEqual([]);

    const refused = await platform.api('GET', '/audit?filter=who==anna');
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-filter' } });
    const { nextCursor } = await page('limit=1');
    const other = await platform.api(
      'GET',
      `/audit?limit=1&from=2026-01-01T00:00:00Z&cursor=${nextCursor ?? ''}`,
    );
    expect(other).toMatchObject({ status: 400, body: { code: 'invalid-request' } });
  });
});
