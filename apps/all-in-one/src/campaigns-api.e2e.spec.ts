import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';
import { Campaigning, MqttFleet, obeys, refuses, type CampaignAnswer } from './campaign.fixture.js';

let platform: Platform;
let campaigns: Campaigning;
const fleet = new MqttFleet();

beforeAll(async () => {
  platform = await startPlatform();
  campaigns = new Campaigning(platform);
  await campaigns.type('valve');
}, 60_000);

afterAll(async () => {
  await fleet.stop();
  await platform.stop();
});

const valid = {
  name: 'warmer',
  target: { filter: 'deviceType==valve' },
  configurations: { targetTemperature: 21 },
};

const post = (path: string, body?: object, headers?: Record<string, string>) =>
  platform.api('POST', `/campaigns${path}`, body, headers);

describe('campaigns over REST', () => {
  it('are created once per Idempotency-Key, and edited by ETag', async () => {
    const headers = { 'idempotency-key': 'first' };
    const created = await post('', valid, headers);
    const { id } = created.body as CampaignAnswer;
    expect(created).toMatchObject({ status: 201, body: { status: 'draft', revision: 1 } });
    expect(created.headers.get('etag')).toBe('"1"');
    expect(created.headers.get('location')).toBe(`/api/v1/campaigns/${id}`);
    expect((await post('', valid, headers)).body).toEqual(created.body);
    expect(await post('', { ...valid, name: 'x' }, headers)).toMatchObject({ status: 422 });

    const path = `/campaigns/${id}`;
    const edited = await platform.api('PATCH', path, { spacingSeconds: 60 }, { 'if-match': '"1"' });
    expect(edited).toMatchObject({ status: 200, body: { spacingSeconds: 60, revision: 2 } });
    expect(await platform.api('PATCH', path, { name: 'x' }, { 'if-match': '"1"' })).toMatchObject({
      status: 412,
      body: { code: 'version-mismatch' },
    });
    expect(await platform.api('DELETE', path, undefined, { 'if-match': '"2"' })).toMatchObject({
      status: 204,
    });
    expect(await platform.api('GET', path)).toMatchObject({
      status: 404,
      body: { code: 'campaign-not-found' },
    });
  });

  it.each<readonly [string, object, string]>([
    ['nothing to do', { configurations: {} }, 'configurations'],
    ['an empty list', { target: { deviceIds: [] } }, 'target.deviceIds'],
    ['two targets', { target: { deviceIds: ['a'], filter: '' } }, 'target'],
    ['a field that no filter has', { target: { filter: 'colour==red' } }, 'target.filter'],
    ['batches that leave devices over', { batches: [{ percent: 10 }] }, 'batches'],
    ['a window that is never open', { window: { timeZone: 'UTC', from: '08:00', to: '08:00' } }, 'window.to'],
    ['a start that is past', { startAt: '2020-01-01T00:00:00Z' }, 'startAt'],
    ['an unknown field', { batch: 5 }, 'batch'],
    ['a key that no device can have', { configurations: { 'a.b': 1 } }, 'configurations.a.b'],
    ['an end that is past', { endAt: '2020-01-01T00:00:00Z' }, 'endAt'],
    ['a filter that breaks off', { target: { filter: 'deviceType==valve;tags=in=(' } }, 'target.filter'],
    [
      'a filter of a batch that breaks off',
      { batches: [{ filter: 'tags==' }, { percent: 100 }] },
      'batches.0.filter',
    ],
    ['devices of a campaign that there is not', { target: { campaignId: 'nobody' } }, 'target.campaignId'],
    [
      'percentages of more than all',
      { batches: [{ percent: 60 }, { percent: 60 }, { count: 1 }] },
      'batches.2',
    ],
    ['two batches that take the rest', { batches: [{ percent: 100 }, { percent: 100 }] }, 'batches.1'],
    [
      'a zone that there is not',
      { window: { timeZone: 'Mars/Olympus', from: '01:00', to: '02:00' } },
      'window.timeZone',
    ],
    ['retries without a time', { retries: { max: 2 } }, 'retries.firstAfterSeconds'],
    ['10,000 batches', { batches: Array.from({ length: 10_000 }, () => ({ count: 1 })) }, 'batches'],
    ['a conflict rule that there is not', { onConflict: 'replace' }, 'onConflict'],
    ['a name that cannot be seen', { name: ' ' }, 'name'],
  ])('are refused for %s, with the field', async (_what, more, path) => {
    const { status, body } = await post('', { ...valid, ...more });
    expect([status, (body as { errors?: { path: string }[] }).errors?.[0]?.path, body]).toEqual([
      400,
      path,
      body,
    ]);
  });

  it('name the place in a filter that cannot be read', async () => {
    const { body } = await post('', { ...valid, target: { filter: 'deviceType==valve;colour==red' } });
    expect((body as { errors: object[] }).errors).toEqual([
      { path: 'target.filter', message: expect.stringMatching(/18|colour/) },
    ]);
  });

  it.each<readonly [string, object, string]>([
    ['launch', { expectedCount: -1 }, 'expectedCount'],
    ['schedule', { startAt: '2020-01-01T00:00:00Z' }, 'startAt'],
    ['schedule', {}, 'startAt'],
    ['resume', { overrideGate: 'yes' }, 'overrideGate'],
    ['cancel', { mode: 'hard' }, 'mode'],
  ])('are asked to %s with what it can take alone: not %j', async (what, body, path) => {
    const id = await campaigns.draft(valid);
    const refused = await post(`/${id}/${what}`, body);
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid-request', errors: [{ path }] } });
    const rate = await platform.api('PATCH', `/campaigns/${id}/rate`, { ratePerMinute: 0 });
    expect(rate).toMatchObject({ status: 400, body: { errors: [{ path: 'ratePerMinute' }] } });
  });

  it('are not launched when no device may have the values; where some may, the preview says which not', async () => {
    for (const name of ['strict', 'loose']) await campaigns.type(name);
    const rules = { undeclaredKeys: 'refused', keys: { level: { schema: { type: 'number', maximum: 5 } } } };
    const edited = await platform.api('PATCH', '/device-types/strict/configuration', rules);
    expect([edited.status, edited.body]).toEqual([200, edited.body]);
    await campaigns.devices('strict', 2);
    await campaigns.devices('loose', 1);
    const draftFor = (filter: string): Promise<string> =>
      campaigns.draft({ name: 'Loud', target: { filter }, configurations: { level: 9, colour: 'red' } });
    const errors = [
      { path: 'configurations.level', message: expect.any(String) },
      { path: 'configurations.colour', message: 'is not a key that the device type declares' },
    ];
    const both = await draftFor('deviceType=in=(strict,loose)');
    expect((await post(`/${both}/preview`)).body).toMatchObject({
      refusals: [{ deviceType: 'strict', devices: 2, errors }],
    });
    const strict = await draftFor('deviceType==strict');
    expect(await post(`/${strict}/launch`)).toMatchObject({
      status: 400,
      body: { code: 'invalid-configuration', errors },
    });
    await campaigns.act(both, 'launch');
    await campaigns.counts(both, { written: 1, failed: 2 });
    const [failed] = await campaigns.targets(both, '&status=failed');
    expect(failed?.reason).toMatchObject({ code: 'invalid-configuration', origin: 'configuration' });
  }, 30_000);

  it('say in which statuses something is possible', async () => {
    const id = await campaigns.draft(valid);
    expect(await post(`/${id}/pause`)).toMatchObject({
      status: 409,
      body: {
        code: 'campaign-status',
        detail: 'The campaign is draft; to pause it is possible in running.',
      },
    });
    expect(await post(`/${id}/launch`)).toMatchObject({
      status: 400,
      body: { code: 'invalid-request', errors: [{ path: 'target' }] },
    });
    await campaigns.act(id, 'cancel');
    expect(await post(`/${id}/launch`)).toMatchObject({ status: 409, body: { code: 'campaign-status' } });
    expect(await post(`/${id}/batches/x/release`)).toMatchObject({ status: 400 });
  });

  it('hand out firmwares, and are retried and taken back as new drafts', async () => {
    const [device] = await campaigns.devices('valve', 1);
    if (device === undefined) throw new Error('no device');
    await platform.api('PATCH', `/devices/${device.id}/configuration/desired`, { targetTemperature: 17 });
    const firmware = await campaigns.firmware('valve', '1.1');
    const made = await post('/from-firmware', {
      firmwareIds: [firmware.id],
      name: 'Firmware 1.1',
      configurations: { targetTemperature: 19 },
    });
    expect(made).toMatchObject({
      status: 201,
      body: {
        status: 'draft',
        target: { filter: 'deviceType==valve' },
        configurations: {
          version: '1.1',
          url: firmware.url,
          token: expect.any(String),
          targetTemperature: 19,
        },
        expectedStates: { version: '1.1' },
      },
    });
    const { id } = made.body as CampaignAnswer;
    await campaigns.act(id, 'launch', { expectedCount: 1 });
    expect(await platform.api('PATCH', `/campaigns/${id}`, { name: 'x' })).toMatchObject({
      status: 409,
      body: {
        code: 'campaign-already-launched',
        detail: expect.stringMatching(/^The campaign is \w+; it can be edited in draft, scheduled\.$/),
      },
    });
    // Twice is once: the same launch, and nothing new.
    const { jobId } = await campaigns.until(id, (campaign) => campaign.jobId !== null);
    expect(await campaigns.act(id, 'launch', { expectedCount: 1 })).toMatchObject({ jobId, total: 1 });
    expect(await post(`/${id}/targets/nobody/exclude`)).toMatchObject({
      status: 404,
      body: { code: 'device-not-found' },
    });
    expect(await platform.api('DELETE', `/campaigns/${id}`)).toMatchObject({ status: 409 });
    await fleet.connect(device, () => ({ state: { version: '1.1' } }));
    await campaigns.counts(id, { succeeded: 1 });
    const document = fleet.documents.get(device.id)?.at(-1);
    const { url, token } = document?.config ?? {};
    const file = await fetch(
      `${String(url).replace(/^https?:\/\/[^/]+/, platform.devicesUrl)}?token=${String(token)}`,
    );
    expect([file.status, await file.text()]).toEqual([200, 'firmware']);
    await campaigns.until(id, ({ status }) => status === 'completed');

    expect(await post(`/${id}/retry`)).toMatchObject({
      status: 201,
      body: { status: 'draft', target: { campaignId: id, statuses: ['failed', 'timed_out'] } },
    });
    const back = await post(`/${id}/revert`, { name: 'Back' });
    expect(back).toMatchObject({ status: 201, body: { name: 'Back', revertOf: id, configurations: {} } });
    const revert = (back.body as CampaignAnswer).id;
    await campaigns.act(revert, 'launch');
    await campaigns.until(revert, ({ status }) => status === 'completed');
    const { body } = await platform.api('GET', `/devices/${device.id}/configuration`);
    const { keys } = body as { keys: Record<string, { desired?: unknown }> };
    expect(keys['targetTemperature']?.desired).toBe(17);
    expect(keys['version']?.desired).toBeUndefined();
  }, 60_000);

  it('have jobs that name the devices that failed, as they stand now; what is no longer kept is said', async () => {
    await campaigns.type('vent');
    const devices = await campaigns.devices('vent', 2);
    await fleet.connectAll(devices, (nth) => (nth === 0 ? refuses(400) : obeys));
    const deviceIds = devices.map((device) => device.id);
    const id = await campaigns.draft({ ...valid, target: { deviceIds } });
    await campaigns.act(id, 'launch');
    await campaigns.counts(id, { failed: 1, succeeded: 1 });
    expect((await platform.api('GET', `/campaigns/${id}`)).body).toMatchObject({ target: { deviceIds } });
    expect((await post(`/${id}/copy`)).body).toMatchObject({ target: { deviceIds } });
    const { jobId, batches } = await campaigns.until(id, ({ status }) => status === 'completed');
    const batchJob = batches[0]?.jobId;
    const failed = {
      jobId: batchJob,
      item: devices[0]?.id,
      code: 'status-400',
      detail: expect.stringContaining('I say 400.'),
    };
    for (const job of [jobId, batchJob])
      expect((await platform.api('GET', `/jobs/${job}/errors?count=true`)).body).toEqual({
        items: [failed],
        nextCursor: null,
        total: 1,
      });

    // A line of the failures leads to its devices, as a list and as a file.
    const { failures } = (await platform.api('GET', `/campaigns/${id}/statistics`)).body as {
      failures: { status: string; origin: string; code: string; count: number }[];
    };
    expect(failures).toEqual([{ status: 'failed', origin: 'device', code: 'status-400', count: 1 }]);
    const why = `/campaigns/${id}/targets?status=failed&origin=device&reason=status-400`;
    expect((await platform.api('GET', `${why}&count=true`)).body).toMatchObject({
      items: [{ deviceId: devices[0]?.id }],
      total: 1,
    });
    const file = await fetch(`${platform.url}/api/v1${why}&format=csv`, {
      headers: { 'x-api-key': platform.apiKey },
    });
    expect((await file.text()).trim().split('\r\n')).toHaveLength(2);
    expect(await platform.api('GET', `/campaigns/${id}/targets?reason=no%20code`)).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'reason' }] },
    });
    const happened = (await platform.api('GET', `/campaigns/${id}/history?limit=500`)).body as {
      items: { what: string; by: { kind: string } }[];
    };
    expect(happened.items.map(({ what, by }) => `${what} ${by.kind}`)).toEqual(
      expect.arrayContaining(['created api-key', 'launched api-key', 'batch_released system']),
    );

    const target = { campaignId: id, statuses: ['failed'] };
    const bulk = (body: object, query = '') =>
      platform.api('POST', `/configuration/bulk${query}`, { desired: { fan: 1 }, ...body });
    expect((await bulk({ target }, '?preview=true')).body).toMatchObject({
      matched: 1,
      sample: [{ id: devices[0]?.id }],
    });
    expect(await bulk({ target: { campaignId: id }, expectedCount: 1 })).toMatchObject({
      status: 409,
      body: { code: 'more-devices-than-expected' },
    });
    const { jobId: bulkJob } = (await bulk({ target, expectedCount: 1 })).body as { jobId: string };
    await eventually(
      async () =>
        ((await platform.api('GET', `/jobs/${bulkJob}`)).body as { status: string }).status === 'success',
      { what: 'the job has ended', deadlineMs: 15_000 },
    );
    const wanted = async (device: { id: string } | undefined): Promise<unknown> => {
      const { body } = await platform.api('GET', `/devices/${device?.id}/configuration`);
      return (body as { keys: Record<string, { desired?: unknown }> }).keys['fan']?.desired;
    };
    expect([await wanted(devices[0]), await wanted(devices[1])]).toEqual([1, undefined]);
    const draft = await campaigns.draft(valid);
    for (const [wrong, status] of [
      [{ campaignId: 'nobody' }, 404],
      [{ campaignId: draft }, 400],
      [{ campaignId: id, filter: 'deviceType==vent' }, 400],
      [{ filter: 'deviceType==vent', statuses: ['failed'] }, 400],
    ] as const)
      expect([wrong, (await bulk({ target: wrong })).status]).toEqual([wrong, status]);

    const supervisionId = (await platform.api('GET', `/campaigns/${id}`)).body as { supervisionId: string };
    await platform.sql(`UPDATE campaign_orchestrator.campaign_launches SET forgotten_at = now();
                        UPDATE campaign_orchestrator.supervision_counts SET forgotten_at = now()`);
    const gone = { status: 410, body: { code: 'no-longer-kept' } };
    for (const path of [
      `/campaigns/${id}/targets`,
      `/campaigns/${id}/targets?format=csv`,
      `/jobs/${jobId}/errors`,
      `/supervisions/${supervisionId.supervisionId}/devices`,
      `/supervisions/${supervisionId.supervisionId}/devices?format=csv`,
    ])
      expect({ path, ...(await platform.api('GET', path)) }).toMatchObject({ path, ...gone });
    for (const how of ['retry', 'revert']) expect(await post(`/${id}/${how}`)).toMatchObject(gone);
    const other = await campaigns.draft({ ...valid, target: { campaignId: id } });
    for (const act of ['preview', 'launch']) expect(await post(`/${other}/${act}`)).toMatchObject(gone);
    expect((await post(`/${id}/copy`)).status).toBe(201);
    expect((await platform.api('GET', `/campaigns/${id}/statistics`)).body).toMatchObject({
      byStatus: { failed: 1, succeeded: 1 },
    });
  }, 60_000);
});
