import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';
import { Campaigning, MqttFleet, obeys, refuses, type Habit, type Made } from './campaign.fixture.js';

interface Supervision {
  readonly id: string;
  readonly status: string;
  readonly total: number;
  readonly judging: boolean;
  readonly verdicts: Readonly<Record<'pending' | 'valid' | 'invalid' | 'unknown', number>>;
  readonly error?: { readonly code: string };
}

interface Supervised {
  readonly deviceId: string;
  readonly verdict: string;
  readonly reasons: readonly object[];
  readonly desired: boolean;
  readonly delivered: string;
  readonly reported: boolean;
}

let platform: Platform;
let campaigns: Campaigning;
let fleet = new MqttFleet();

beforeAll(async () => {
  platform = await startPlatform();
  campaigns = new Campaigning(platform);
}, 60_000);

afterEach(async () => {
  await fleet.stop();
  fleet = new MqttFleet();
});

afterAll(async () => {
  await platform.stop();
});

const get = async (id: string): Promise<Supervision> =>
  (await platform.api('GET', `/supervisions/${id}`)).body as Supervision;
const verdicts = (id: string, expected: Partial<Supervision['verdicts']>): Promise<Supervision> =>
  eventually(
    async () => {
      const found = await get(id);
      expect(found).toMatchObject({
        judging: false,
        verdicts: { pending: 0, valid: 0, invalid: 0, unknown: 0, ...expected },
      });
      return found;
    },
    { deadlineMs: 20_000, what: `the verdicts are ${JSON.stringify(expected)}` },
  );
const devicesOf = async (id: string, query = ''): Promise<readonly Supervised[]> => {
  const { status, body } = await platform.api('GET', `/supervisions/${id}/devices?limit=200${query}`);
  expect([status, body]).toEqual([200, body]);
  return (body as { items: Supervised[] }).items;
};
const setDesired = async ({ id }: Made, desired: object): Promise<void> => {
  const { status } = await platform.api('PATCH', `/devices/${id}/configuration/desired`, desired);
  expect(status).toBe(200);
};
const open = async (supervision: object): Promise<string> => {
  const { status, body } = await platform.api('POST', '/supervisions', supervision);
  expect([status, body]).toEqual([201, body]);
  return (body as Supervision).id;
};
const updates: Habit = ({ config }) => ({ state: { version: config['version'] } });

describe('the supervision of a campaign', () => {
  it('follows its devices, also after the campaign has completed, and says who changed what', async () => {
    await campaigns.type('tracker');
    const devices = await campaigns.devices('tracker', 6);
    const [first, second, third, fourth] = devices as [Made, Made, Made, Made];
    const campaignId = await campaigns.launch({
      name: 'Firmware 1.1',
      target: { filter: 'deviceType==tracker' },
      configurations: { version: '1.1', url: 'https://x' },
      expectedStates: { version: '1.1' },
    });
    const { supervisionId } = (await campaigns.until(
      campaignId,
      ({ status }) => status === 'completed',
    )) as unknown as { supervisionId: string };
    expect(await verdicts(supervisionId, { unknown: 6 })).toMatchObject({ status: 'open', total: 6 });
    // Written, which is not arrived.
    for (const device of await devicesOf(supervisionId))
      expect(device).toMatchObject({ desired: true, delivered: 'not_sent', reported: false });

    for (const device of [first, second]) await fleet.connect(device, updates);
    await fleet.connect(third, refuses(400));
    await verdicts(supervisionId, { valid: 2, invalid: 1, unknown: 3 });
    const [refused] = await devicesOf(supervisionId, '&verdict=invalid');
    expect(refused).toMatchObject({
      deviceId: third.id,
      delivered: 'sent',
      reasons: [{ code: 'device_error', statusCode: 400, detail: 'I say 400.' }],
    });

    await setDesired(first, { version: '2.0' });
    await verdicts(supervisionId, { valid: 1, invalid: 2, unknown: 3 });
    const changed = (await devicesOf(supervisionId)).find(({ deviceId }) => deviceId === first.id);
    expect(changed).toMatchObject({
      verdict: 'invalid',
      desired: false,
      reasons: [
        {
          code: 'desired_changed',
          key: 'version',
          expected: '1.1',
          actual: '2.0',
          by: { kind: 'api-key', id: 'local-admin' },
          at: expect.any(String),
        },
      ],
    });
    expect((await platform.api('DELETE', `/devices/${fourth.id}`)).status).toBe(204);
    await verdicts(supervisionId, { valid: 1, invalid: 3, unknown: 2 });
    await setDesired(first, { version: '1.1' });
    await verdicts(supervisionId, { valid: 2, invalid: 2, unknown: 2 });
  }, 60_000);
});

describe('a supervision without a campaign', () => {
  it('watches the devices of a filter, and stays as it is when it is closed', async () => {
    await campaigns.type('lamp');
    const [on, off] = (await campaigns.devices('lamp', 2)) as [Made, Made];
    await setDesired(on, { mode: 'eco' });
    await setDesired(off, { mode: 'day' });
    await fleet.connect(on, obeys);
    const id = await open({
      name: 'Quiet hours',
      target: { filter: 'deviceType==lamp' },
      configurations: { mode: 'eco' },
    });
    await verdicts(id, { valid: 1, invalid: 1 });
    expect((await platform.api('DELETE', `/supervisions/${id}`)).body).toMatchObject({
      code: 'supervision-open',
    });
    const byReason = async (reason: string) =>
      (await devicesOf(id, `&reason=${reason}`)).map(({ deviceId }) => deviceId);
    expect([await byReason('desired_changed'), await byReason('drift')]).toEqual([[off.id], []]);
    await setDesired(off, { mode: 'eco' });
    await verdicts(id, { valid: 1, unknown: 1 });

    const list = await platform.api('GET', '/supervisions?status=open');
    expect((list.body as { items: { id: string }[] }).items.map((one) => one.id)).toContain(id);
    const edit = (name: string, version: number) =>
      platform.api('PATCH', `/supervisions/${id}`, { name }, { 'if-match': `"${version}"` });
    expect(await edit('Quiet hours, winter', 2)).toMatchObject({ status: 200, body: { version: 3 } });
    expect(await edit('Quiet hours, summer', 2)).toMatchObject({ status: 412 });
    expect((await platform.api('GET', `/supervisions/${id}/values`)).body).toEqual({
      keys: [
        {
          ...{ key: 'mode', expected: 'eco', values: [{ value: 'eco', devices: 1 }] },
          ...{ others: 0, none: 1, unknown: 0 },
        },
      ],
    });
    const close = async () => (await platform.api('POST', `/supervisions/${id}/close`)).body;
    expect(await close()).toMatchObject({ status: 'closed' });
    expect(await close()).toMatchObject({ status: 'closed' });
    expect(await edit('Too late', 4)).toMatchObject({ status: 409, body: { code: 'supervision-closed' } });
    await setDesired(on, { mode: 'night' });
    await fleet.connect(off, obeys);
    await eventually(
      async () => {
        const { body } = await platform.api('GET', `/devices/${off.id}/configuration`);
        expect(body).toMatchObject({ syncState: 'in_sync' });
        return true;
      },
      { deadlineMs: 10_000, what: 'the device has applied' },
    );
    expect((await get(id)).verdicts).toEqual({ pending: 0, valid: 1, invalid: 0, unknown: 1 });
    expect((await platform.api('DELETE', `/supervisions/${id}`)).status).toBe(204);
    expect((await platform.api('GET', `/supervisions/${id}`)).status).toBe(404);
  }, 60_000);

  it('gives all its devices as CSV', async () => {
    await campaigns.type('valve');
    const devices = await campaigns.devices('valve', 3);
    const id = await open({
      name: 'Valves',
      target: { deviceIds: devices.map((device) => device.id) },
      expectedStates: { open: true },
    });
    await verdicts(id, { unknown: 3 });
    const csv = await fetch(`${platform.url}/api/v1/supervisions/${id}/devices?format=csv`, {
      headers: { 'x-api-key': platform.apiKey },
    });
    expect(csv.headers.get('content-type')).toContain('text/csv');
    const lines = (await csv.text()).trim().split('\r\n');
    expect(lines[0]).toBe('deviceId,name,verdict,since,desired,delivered,reported,knownBy,reasons');
    const shown = lines.slice(1).map((line) => line.split(',').slice(0, 3).join(' '));
    expect(shown).toEqual(devices.map(({ id: own }, nth) => `${own} valve-000${nth} unknown`).sort());
  });

  it('is refused without anything to watch, and fails in words where it means no device', async () => {
    const nothing = await platform.api('POST', '/supervisions', {
      name: 'Nothing',
      target: { filter: 'deviceType==lamp' },
    });
    expect(nothing).toMatchObject({ status: 400, body: { code: 'invalid-request' } });
    const wrong = await platform.api('POST', '/supervisions', {
      name: 'Wrong',
      target: { filter: 'nonsense' },
      expectedStates: { a: 1 },
    });
    expect(wrong).toMatchObject({ status: 400, body: { code: 'invalid-filter' } });
    const target = { filter: 'deviceType==lamp' };
    const refused = async (input: object) =>
      (await platform.api('POST', '/supervisions', { name: 'Wrong', target, ...input })).body;
    // Nobody could be asked for such a key: all that follow the same devices would wait for the answer.
    expect(await refused({ expectedStates: { '': 1, 'a.b': 2, c: null } })).toMatchObject({
      ...{ status: 400, code: 'invalid-configuration' },
      errors: [{ path: 'expectedStates.' }, { path: 'expectedStates.a.b' }, { path: 'expectedStates.c' }],
    });
    expect(await refused({ configurations: { a: 'x'.repeat(100_000) } })).toMatchObject({
      code: 'configuration-too-large',
    });
    expect(await refused({ target: { deviceIds: ['nobody'] }, expectedStates: { a: 1 } })).toMatchObject({
      ...{ status: 400, code: 'invalid-request' },
      errors: [{ path: 'target.deviceIds' }],
    });
    const id = await open({
      name: 'Nobody',
      target: { filter: 'name==nobody' },
      expectedStates: { a: 1 },
    });
    await eventually(
      async () => {
        expect(await get(id)).toMatchObject({ status: 'failed', error: { code: 'invalid-request' } });
        return true;
      },
      { deadlineMs: 10_000, what: 'it has failed' },
    );
  });
});
