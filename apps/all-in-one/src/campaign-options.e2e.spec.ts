import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';
import {
  Campaigning,
  HttpDevice,
  MqttFleet,
  obeys,
  silent,
  type Habit,
  type Made,
} from './campaign.fixture.js';

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

const typed = async (deviceType: string, count: number, more?: object): Promise<Made[]> => {
  await campaigns.type(deviceType);
  return campaigns.devices(deviceType, count, more);
};
const of = (deviceType: string, more: object = {}): object => ({
  name: deviceType,
  target: { filter: `deviceType==${deviceType}` },
  configurations: { interval: 60 },
  ...more,
});
const desiredOf = async ({ id }: Made): Promise<unknown> => {
  const { body } = await platform.api('GET', `/devices/${id}/configuration`);
  return (body as { keys: Record<string, { desired?: unknown }> }).keys['interval']?.desired;
};
const setDesired = async ({ id }: Made, interval: number): Promise<void> => {
  const { status } = await platform.api('PATCH', `/devices/${id}/configuration/desired`, { interval });
  expect(status).toBe(200);
};
const preview = async (id: string): Promise<unknown> =>
  (await platform.api('POST', `/campaigns/${id}/preview`)).body;

describe('the outcome of a campaign', () => {
  it('is unsettled until the last device has answered', async () => {
    const [there, away] = (await typed('outcome', 2)) as [Made, Made];
    await fleet.connect(there);
    const id = await campaigns.launch(of('outcome'));
    const completed = await campaigns.until(id, ({ status }) => status === 'completed');
    expect(completed.outcome).toBe('unsettled');
    await campaigns.counts(id, { succeeded: 1, written: 1 });
    expect((await campaigns.get(id)).outcome).toBe('unsettled');
    await fleet.connect(away);
    await campaigns.until(id, ({ outcome }) => outcome === 'succeeded');
  }, 30_000);
});

describe('the wait for a device that never answers', () => {
  it('is ended by an operator, with a reason; then it is in nobody’s way', async () => {
    const [there] = (await typed('sold', 2)) as [Made, Made];
    await fleet.connect(there);
    const id = await campaigns.draft(of('sold'));
    const settle = (reason?: string) => platform.api('POST', `/campaigns/${id}/settle`, { reason });
    expect(await settle()).toMatchObject({ status: 409, body: { code: 'campaign-status' } });
    await campaigns.act(id, 'launch');
    await campaigns.until(id, ({ status }) => status === 'completed');
    await campaigns.counts(id, { succeeded: 1, written: 1 });
    for (const status of [200, 200])
      expect(await settle('It was sold.')).toMatchObject({
        status,
        body: { waitEnded: { by: { id: 'local-admin' }, reason: 'It was sold.' } },
      });
    await campaigns.until(id, ({ outcome }) => outcome === 'completed_with_failures');
    await campaigns.counts(id, { succeeded: 1, timed_out: 1 });
    expect((await campaigns.targets(id, '&status=timed_out'))[0]?.reason).toMatchObject({
      ...{ code: 'wait_ended', origin: 'user', detail: 'It was sold.', by: { id: 'local-admin' } },
    });
    const next = await campaigns.draft(of('sold', { configurations: { interval: 90 } }));
    expect(await preview(next)).toMatchObject({ conflicts: [] });
  }, 30_000);
});

describe('a launch of named devices', () => {
  it('counts those that exist, and leaves out the others with a reason', async () => {
    const [device] = (await typed('named', 1)) as [Made];
    const target = { deviceIds: [device.id, device.id, 'nobody'] };
    const id = await campaigns.draft(of('named', { target }));
    expect(await preview(id)).toMatchObject({ matched: 1, missing: ['nobody'] });
    await campaigns.act(id, 'launch', { expectedCount: 1 });
    await campaigns.counts(id, { written: 1, skipped: 1 });
    expect((await campaigns.targets(id, '&status=skipped'))[0]?.reason?.code).toBe('device-not-found');
  }, 30_000);

  it('is refused where a gate would judge nobody', async () => {
    const [device] = (await typed('unjudged', 1)) as [Made];
    const gate = { maxFailurePercent: 0 };
    const refused = async (batch: object): Promise<void> => {
      const id = await campaigns.draft(of('unjudged', { batches: [{ ...batch, gate }, { percent: 100 }] }));
      for (const act of ['preview', 'launch'])
        expect(await platform.api('POST', `/campaigns/${id}/${act}`)).toMatchObject({
          status: 400,
          body: { code: 'invalid-request', errors: [{ path: 'batches.0' }] },
        });
    };
    await refused({ filter: 'name==nobody' });
    await refused({ deviceIds: ['nobody'] });
    const id = await campaigns.launch(
      of('unjudged', { batches: [{ filter: 'name==nobody' }, { deviceIds: [device.id] }] }),
    );
    await campaigns.counts(id, { written: 1 });
  }, 30_000);
});

describe('a campaign that was completed while a device was away', () => {
  it('keeps that device from others until one of them takes it on purpose; its supervision goes on', async () => {
    const [there, away] = (await typed('afterwards', 2)) as [Made, Made];
    await fleet.connect(there);
    const first = await campaigns.launch(of('afterwards'));
    await campaigns.counts(first, { succeeded: 1, written: 1 });
    const { supervisionId } = (await campaigns.until(first, ({ status }) => status === 'completed')) as {
      supervisionId?: string;
    };
    const next = of('afterwards', { configurations: { interval: 90 } });
    const draft = await campaigns.draft(next);
    expect(await preview(draft)).toMatchObject({ conflicts: [{ campaignId: first, devices: 1 }] });
    expect(await platform.api('POST', `/campaigns/${draft}/launch`)).toMatchObject({
      status: 409,
      body: { code: 'campaign-conflict' },
    });
    const second = await campaigns.launch({ ...next, onConflict: 'supersede' });
    await campaigns.counts(first, { succeeded: 1, superseded: 1 });
    expect((await campaigns.targets(first, '&status=superseded'))[0]?.reason).toMatchObject({
      code: 'campaign-superseded',
      by: { kind: 'campaign', id: second },
    });
    await fleet.connect(away);
    await campaigns.until(second, ({ outcome }) => outcome === 'succeeded');
    await campaigns.until(first, ({ outcome }) => outcome === 'succeeded');
    await eventually(
      async () => {
        const { body } = await platform.api('GET', `/supervisions/${supervisionId ?? ''}/devices`);
        const { items } = body as { items: { verdict: string; reasons: { code: string; by?: object }[] }[] };
        const reason = { code: 'desired_changed', by: { kind: 'campaign', id: second } };
        expect(items).toMatchObject([{ reasons: [reason] }, { reasons: [reason] }]);
        return true;
      },
      { deadlineMs: 10_000, what: 'the supervision of the first says who changed it' },
    );
    // Settled everywhere: nobody is in the way any more.
    const third = await campaigns.draft(of('afterwards', { configurations: { interval: 120 } }));
    expect(await preview(third)).toMatchObject({ conflicts: [] });
  }, 40_000);
});

describe('a gate over devices that ask over HTTP', () => {
  it('waits for each of them, and is not passed by the first', async () => {
    const devices = await typed('asking', 4, { interface: 'http' });
    const [first, second, third] = devices.map((device) => new HttpDevice(platform, device)) as [
      HttpDevice,
      HttpDevice,
      HttpDevice,
      HttpDevice,
    ];
    const named = devices.slice(0, 3).map(({ id }) => id);
    const id = await campaigns.launch(
      of('asking', { batches: [{ deviceIds: named, gate: { maxFailurePercent: 40 } }, { percent: 100 }] }),
    );
    await campaigns.until(id, ({ phase }) => phase === 'awaiting_gate');
    await first.apply();
    await campaigns.until(
      id,
      ({ phaseDetail }) =>
        phaseDetail === 'Batch 1: its gate is judged when 3 devices have settled; so far 1 of 3.',
    );
    await second.apply();
    await third.apply(400);
    await campaigns.until(id, ({ status }) => status === 'completed');
    await campaigns.counts(id, { succeeded: 2, failed: 1, written: 1 });
  }, 30_000);
});

describe('what a campaign from firmwares gives to whom', () => {
  it('leaves out devices of other types, and says so before', async () => {
    await campaigns.type('camera');
    await campaigns.type('doorbell');
    const [camera] = (await campaigns.devices('camera', 1)) as [Made];
    const [bell] = (await campaigns.devices('doorbell', 1)) as [Made];
    const { id: firmwareId } = await campaigns.firmware('camera', '2.0');
    const made = await platform.api('POST', '/campaigns/from-firmware', {
      firmwareIds: [firmwareId],
      name: 'Cameras 2.0',
      target: { deviceIds: [camera.id, bell.id] },
    });
    expect(made).toMatchObject({ status: 201, body: { deviceType: 'camera' } });
    const { id } = made.body as { id: string };
    expect(await preview(id)).toMatchObject({ matched: 2, incompatible: 1 });
    await campaigns.act(id, 'launch');
    await campaigns.counts(id, { written: 1, skipped: 1 });
    const [skipped] = await campaigns.targets(id, '&status=skipped');
    expect(skipped).toMatchObject({
      deviceId: bell.id,
      reason: { code: 'incompatible', origin: 'campaign' },
    });
    await fleet.connect(camera, ({ config }) => ({ state: { version: config['version'] } }));
    await campaigns.until(id, ({ outcome }) => outcome === 'succeeded');

    const nobody = await campaigns.draft({
      ...of('doorbell'),
      deviceType: 'camera',
    });
    expect(await platform.api('POST', `/campaigns/${nobody}/launch`)).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'deviceType' }] },
    });
    const other = await platform.api('POST', '/campaigns/from-firmware', {
      firmwareIds: [firmwareId],
      name: 'Cameras 2.0',
      deviceType: 'doorbell',
    });
    expect(other).toMatchObject({ status: 400, body: { errors: [{ path: 'deviceType' }] } });
  }, 30_000);
});

describe('what a person changes', () => {
  it('right after the launch was answered is not written over', async () => {
    const devices = await typed('late', 3);
    const id = await campaigns.draft(of('late', { configurations: { interval: 60 } }));
    await campaigns.act(id, 'launch');
    await Promise.all(
      devices.map(async (device) => {
        const path = `/devices/${device.id}/configuration/desired`;
        expect(await platform.api('PATCH', path, { interval: 30 })).toMatchObject({ status: 200 });
      }),
    );
    await campaigns.counts(id, { superseded: 3 });
    for (const device of devices) {
      const { body } = await platform.api('GET', `/devices/${device.id}/configuration`);
      expect(body).toMatchObject({ keys: { interval: { desired: 30 } } });
    }
  }, 30_000);
});

describe('a campaign for one type', () => {
  it('is in nobody’s way, and has nothing to compare, where devices are of another', async () => {
    const [oven] = (await typed('oven', 1)) as [Made];
    const [hob] = (await typed('hob', 1)) as [Made];
    const other = await campaigns.launch(of('hob', { configurations: { interval: 60 } }));
    await campaigns.counts(other, { written: 1 });
    const target = { deviceIds: [oven.id, hob.id] };
    const id = await campaigns.draft(of('oven', { target, deviceType: 'oven' }));
    expect(await preview(id)).toMatchObject({
      ...{ matched: 2, incompatible: 1, alreadyCompliant: 0, conflicts: [] },
    });
    await campaigns.act(id, 'launch');
    await campaigns.counts(id, { written: 1, skipped: 1 });
  }, 30_000);
});

describe('a device that nobody can tell anything', () => {
  const token = async ({ id }: Made, status: string): Promise<void> => {
    const { body } = await platform.api('GET', `/devices/${id}/tokens`);
    const [first] = (body as { items: { id: string }[] }).items;
    const edited = await platform.api('PATCH', `/devices/${id}/tokens/${first?.id ?? ''}`, { status });
    expect(edited.status).toBe(200);
  };

  /** Doors hear of it in a moment. */
  const soon = (attempt: () => Promise<void>): Promise<true> =>
    eventually(() => attempt().then((): true => true), { deadlineMs: 10_000, what: 'the door lets it in' });

  it('because its token is suspended does not hold up its batch, and is told when it is back', async () => {
    const [there, shut] = (await typed('shut', 2)) as [Made, Made];
    await fleet.connect(there);
    await token(shut, 'suspended');
    const id = await campaigns.launch(of('shut'));
    await campaigns.until(id, ({ status }) => status === 'completed');
    await campaigns.counts(id, { succeeded: 1, written: 1 });
    await token(shut, 'active');
    await soon(async () => {
      await fleet.stop();
      await fleet.connect(shut);
    });
    await campaigns.until(id, ({ outcome }) => outcome === 'succeeded');
  }, 30_000);

  it('by the interface that it had at the launch is not waited for there', async () => {
    const [there, moved] = (await typed('moved', 2)) as [Made, Made];
    await fleet.connect(there);
    const batches = [{ deviceIds: [there.id] }, { percent: 100, release: 'manual' }];
    const id = await campaigns.launch(of('moved', { batches }));
    await campaigns.until(id, ({ phase }) => phase === 'awaiting_operator');
    const { status } = await platform.api('PATCH', `/devices/${moved.id}`, { interface: 'http' });
    expect(status).toBe(200);
    await campaigns.act(id, 'batches/2/release');
    await campaigns.until(id, (campaign) => campaign.status === 'completed');
    expect(await campaigns.targets(id, '&status=written')).toMatchObject([
      { deviceId: moved.id, synchronised: true },
    ]);
    const made = await platform.api('POST', `/devices/${moved.id}/credentials`, { kind: 'secret' });
    expect(made.status).toBe(201);
    const { secret = '' } = made.body as { secret?: string };
    const device = new HttpDevice(platform, { ...moved, credential: { secret } });
    await soon(() => device.apply());
    await campaigns.until(id, ({ outcome }) => outcome === 'succeeded');
  }, 30_000);
});

describe('a retry', () => {
  it('offers once more what was refused, and tells nobody else', async () => {
    const devices = await typed('again', 2);
    let documents = 0;
    const atFirstNot: Habit = () => ((documents += 1) === 1 ? { statusCode: 400 } : {});
    await fleet.connectAll(devices, (nth) => (nth === 0 ? atFirstNot : obeys));
    const id = await campaigns.launch(of('again'));
    await campaigns.counts(id, { succeeded: 1, failed: 1 });
    await campaigns.until(id, ({ status }) => status === 'completed');
    const made = await platform.api('POST', `/campaigns/${id}/retry`);
    expect([made.status, made.body]).toEqual([201, made.body]);
    const retry = (made.body as { id: string }).id;
    await campaigns.act(retry, 'launch', { expectedCount: 1 });
    await campaigns.until(retry, ({ outcome }) => outcome === 'succeeded');
    await campaigns.counts(retry, { succeeded: 1 });
    const told = devices.map((device) => fleet.documents.get(device.id)?.map(({ config }) => config));
    expect(told).toEqual([[{ interval: 60 }, { interval: 60 }], [{ interval: 60 }]]);
    await campaigns.counts(id, { succeeded: 1, failed: 1 });
  }, 30_000);
});

describe('a revert', () => {
  it('gives each device back what it had, on the device too, and leaves alone what is not ours any more', async () => {
    const devices = await typed('back', 4);
    const [had, none, changed, away] = devices as [Made, Made, Made, Made];
    await setDesired(had, 10);
    await setDesired(away, 20);
    await fleet.connectAll([had, none, changed]);
    const id = await campaigns.launch(of('back'));
    await campaigns.counts(id, { succeeded: 3, written: 1 });
    await campaigns.until(id, ({ status }) => status === 'completed');
    await setDesired(changed, 7);
    const made = await platform.api('POST', `/campaigns/${id}/revert`);
    expect([made.status, made.body]).toEqual([201, made.body]);
    const revert = (made.body as { id: string }).id;
    // What it takes back is open still: that is no conflict.
    await campaigns.act(revert, 'launch');
    await campaigns.until(revert, ({ status }) => status === 'completed');
    await campaigns.counts(revert, { succeeded: 2, superseded: 1, written: 1 });
    expect(await Promise.all(devices.map(desiredOf))).toEqual([10, undefined, 7, 20]);
    const last = ({ id: deviceId }: Made): unknown => fleet.documents.get(deviceId)?.at(-1)?.config;
    expect([last(had), last(none), last(changed)]).toEqual([{ interval: 10 }, {}, { interval: 7 }]);
    await campaigns.counts(id, { succeeded: 3, superseded: 1 });
    await fleet.connect(away);
    await campaigns.until(revert, ({ outcome }) => outcome === 'succeeded');
    expect(last(away)).toEqual({ interval: 20 });
  }, 40_000);
});

describe('a window', () => {
  it('with a time zone keeps values back until it opens there; what is in it goes at once', async () => {
    const [device] = (await typed('night', 1)) as [Made];
    await fleet.connect(device);
    // Kiritimati is 14 hours ahead all the year.
    const timeZone = 'Pacific/Kiritimati';
    const clock = (hours: number): string =>
      new Date(Date.now() + (14 + hours) * 3_600_000).toISOString().slice(11, 16);
    const closed = await campaigns.launch(
      of('night', { window: { timeZone, from: clock(2), to: clock(4) }, configurations: { later: 1 } }),
    );
    const { nextAt, phaseDetail } = await campaigns.until(closed, ({ phase }) => phase === 'outside_window');
    expect(phaseDetail).toBe(`It writes from ${clock(2)} to ${clock(4)} (${timeZone}) only.`);
    const opensIn = Date.parse(nextAt ?? '') - Date.now();
    expect(opensIn).toBeGreaterThan(7_200_000 - 120_000);
    expect(opensIn).toBeLessThanOrEqual(7_200_000);
    const open = await campaigns.launch(of('night', { window: { timeZone, from: clock(-1), to: clock(1) } }));
    await campaigns.until(open, ({ outcome }) => outcome === 'succeeded');
    expect(fleet.documents.get(device.id)?.map(({ config }) => config)).toEqual([{ interval: 60 }]);
  }, 30_000);
});

describe('how fast a campaign goes', () => {
  it('no more than so many at once have their document and have not settled', async () => {
    const devices = await typed('few', 6);
    await fleet.connectAll(devices, () => silent);
    const id = await campaigns.launch(of('few', { maxInFlight: 2 }));
    await campaigns.counts(id, { dispatched: 2, planned: 4 });
    const { phaseDetail } = await campaigns.until(
      id,
      ({ phaseDetail: said }) => said?.includes('more go') === true,
    );
    expect(phaseDetail).toContain('2 devices in flight; more go when there are fewer than 2.');
    expect(fleet.told(devices)).toBe(2);
    for (const device of devices) fleet.answer(device);
    await campaigns.counts(id, { succeeded: 2, dispatched: 2, planned: 2 });
    expect(fleet.told(devices)).toBe(4);
  }, 30_000);

  it('is changed while it runs: a slow one becomes fast, and a limit falls', async () => {
    const devices = await typed('slower', 20);
    await fleet.connectAll(devices);
    const id = await campaigns.launch(of('slower', { ratePerMinute: 1 }));
    await campaigns.counts(id, { succeeded: 1, planned: 19 });
    const { nextAt } = await campaigns.until(id, (campaign) => campaign.nextAt !== null);
    expect(Date.parse(nextAt ?? '') - Date.now()).toBeGreaterThan(10_000);
    const { status, body } = await platform.api('PATCH', `/campaigns/${id}/rate`, {
      ratePerMinute: 100_000,
      maxInFlight: 5,
    });
    expect([status, body]).toMatchObject([200, { ratePerMinute: 100_000, maxInFlight: 5 }]);
    await campaigns.counts(id, { succeeded: 20 }, 8_000);
  }, 30_000);
});

describe('batches', () => {
  it('by filter take the devices that it means, and show the devices that were seen last first', async () => {
    await campaigns.type('seen');
    const north = await campaigns.devices('seen', 2, { tags: ['north'] });
    const south = await campaigns.devices('seen', 4, {}, 'south');
    // Only these two were ever seen.
    const seen = south.slice(2);
    await fleet.connectAll(seen);
    await eventually(
      async () => {
        const { body } = await platform.api(
          'GET',
          '/devices?filter=deviceType==seen;connected==true&count=true',
        );
        expect(body).toMatchObject({ total: 2 });
        return true;
      },
      { deadlineMs: 10_000, what: 'they are known to be connected' },
    );
    const id = await campaigns.launch(
      of('seen', {
        batches: [
          { filter: 'tags==north' },
          { count: 2, recentlySeenFirst: true, release: 'manual' },
          { percent: 100 },
        ],
      }),
    );
    await campaigns.until(id, ({ phase }) => phase === 'awaiting_operator');
    const inBatch = async (nth: number): Promise<unknown> =>
      (await campaigns.targets(id, `&batch=${nth}`)).map(({ deviceId }) => deviceId).sort();
    expect(await inBatch(1)).toEqual(north.map((device) => device.id).sort());
    expect(await inBatch(2)).toEqual(seen.map((device) => device.id).sort());
    await campaigns.counts(id, { written: 2, planned: 4 });
    await campaigns.act(id, 'batches/2/release');
    await campaigns.counts(id, { written: 4, succeeded: 2 });
  }, 30_000);
});

describe('a campaign that only expects', () => {
  it('writes nothing, and has succeeded with the devices that report it', async () => {
    const devices = await typed('expected', 3);
    const [first, second] = devices as [Made, Made, Made];
    await fleet.connectAll(devices);
    const id = await campaigns.launch(
      of('expected', { configurations: {}, expectedStates: { mode: 'eco' }, waitForDevices: true }),
    );
    await campaigns.until(id, ({ phase }) => phase === 'awaiting_devices');
    await fleet.state(first, { mode: 'eco' });
    await fleet.state(second, { mode: 'day' });
    await campaigns.counts(id, { succeeded: 1, dispatched: 2 });
    expect(fleet.told(devices)).toBe(0);
    expect(await desiredOf(first)).toBeUndefined();
    for (const device of devices.slice(1)) await fleet.state(device, { mode: 'eco' });
    await campaigns.until(id, ({ outcome }) => outcome === 'succeeded');
  }, 30_000);
});
