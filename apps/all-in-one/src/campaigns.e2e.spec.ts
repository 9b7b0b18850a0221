import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';
import {
  Campaigning,
  HttpDevice,
  MqttFleet,
  obeys,
  refuses,
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
/** Restarts into what it was told to install, and says what it is then. */
const updates: Habit = ({ config }) => ({
  state: { firmware_version: config['firmware_version'], app_version: config['app_version'] },
});

describe('an update over the air', () => {
  it('reaches the devices that are there at once, and the others when they return', async () => {
    await campaigns.type('tracker');
    const devices = await campaigns.devices('tracker', 10);
    const id = await campaigns.launch({
      name: 'Firmware 1.1',
      target: { filter: 'deviceType==tracker' },
      configurations: {
        firmware_version: '1.1',
        firmware_url: 'https://your-asset-storage.com/fw/v1_1.bin',
        firmware_token: 'some_secret_token_value',
        app_version: '5.1.9_beta01',
        app_url: 'https://your-asset-storage.com/app/5.1.9_beta01.bin',
        app_token: 'some_secret_token_value',
      },
      expectedStates: { firmware_version: '1.1', app_version: '5.1.9_beta01' },
    });
    // Nobody is there: all are configured, and none has it.
    await campaigns.until(id, ({ status }) => status === 'completed');
    await campaigns.counts(id, { written: 10 });
    expect((await campaigns.targets(id)).every(({ synchronised }) => synchronised)).toBe(true);
    const job = await platform.api('GET', `/jobs/${(await campaigns.get(id)).jobId ?? ''}`);
    expect(job.body).toMatchObject({ kind: 'campaign', status: 'success', total: 10, done: 10 });
    await campaigns.adoption(id, { unknown: 10 });

    for (const device of devices.slice(0, 5)) await fleet.connect(device, updates);
    await campaigns.counts(id, { written: 5, succeeded: 5 });
    await campaigns.adoption(id, { valid: 5, unknown: 5 });
    for (const device of devices.slice(5)) await fleet.connect(device, updates);
    await campaigns.counts(id, { succeeded: 10 });
    await campaigns.adoption(id, { valid: 10 });
    expect(fleet.told(devices)).toBe(10);
  }, 60_000);
});

describe('batches', () => {
  it('the first by hand, the rest by themselves with their spacing', async () => {
    const devices = await typed('by-hand', 6);
    await fleet.connectAll(devices);
    const id = await campaigns.launch(
      of('by-hand', {
        batches: [{ count: 2, release: 'manual' }, { count: 2 }, { percent: 100 }],
        spacingSeconds: 1,
      }),
    );
    await campaigns.until(id, ({ phase }) => phase === 'awaiting_operator');
    expect(fleet.told(devices)).toBe(0);
    await campaigns.act(id, 'batches/1/release');
    const { batches } = await campaigns.until(id, ({ status }) => status === 'completed');
    const released = batches.map(({ releasedAt }) => Date.parse(releasedAt ?? ''));
    for (const nth of [1, 2])
      expect((released[nth] ?? 0) - (released[nth - 1] ?? 0)).toBeGreaterThanOrEqual(1_000);
    await campaigns.counts(id, { succeeded: 6 });
  }, 40_000);

  it('begin at the start date', async () => {
    const devices = await typed('later', 1);
    await fleet.connectAll(devices);
    const id = await campaigns.draft(of('later'));
    const startAt = new Date(Date.now() + 1_000).toISOString();
    await campaigns.act(id, 'schedule', { startAt });
    expect(await campaigns.get(id)).toMatchObject({ status: 'scheduled', nextAt: startAt });
    await campaigns.counts(id, { succeeded: 1 });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(startAt));
  }, 30_000);

  it('stop after the canary when 8 % of it fail: nobody else is told', async () => {
    const devices = await typed('canary', 120);
    await fleet.connectAll(devices, (nth) => (nth < 4 ? refuses(400) : obeys));
    const id = await campaigns.launch(
      of('canary', {
        ratePerMinute: 100_000,
        batches: [
          { deviceIds: devices.slice(0, 50).map((device) => device.id), gate: { maxFailurePercent: 5 } },
          { percent: 100 },
        ],
      }),
    );
    const { pause, batches } = await campaigns.until(id, ({ status }) => status === 'paused');
    expect(pause?.reason).toBe('gate-failed');
    expect(batches[0]).toMatchObject({ status: 'held', verdict: { answer: 'fail' } });
    expect(fleet.told(devices)).toBe(50);
    await campaigns.counts(id, { succeeded: 46, failed: 4, planned: 70 });
    await campaigns.act(id, 'resume', { overrideGate: true });
    await campaigns.counts(id, { succeeded: 116, failed: 4 });
    const { outcome } = await campaigns.until(id, ({ status }) => status === 'completed');
    expect(outcome).toBe('completed_with_failures');
  }, 60_000);

  it('are paused inside, and go on from there', async () => {
    const devices = await typed('paced', 60);
    await fleet.connectAll(devices);
    const id = await campaigns.launch(of('paced', { ratePerMinute: 300 }));
    await eventually(() => fleet.told(devices) > 10, { deadlineMs: 10_000 });
    await campaigns.act(id, 'pause');
    // What was handed over before is still told; after that nobody.
    const planned = await eventually(
      async () => {
        const [left] = await campaigns.settled(id, 'planned');
        expect(fleet.told(devices)).toBe(60 - left);
        return left;
      },
      { deadlineMs: 10_000, what: 'what was handed over is told' },
    );
    expect(planned).toBeGreaterThan(10);
    await campaigns.act(id, 'resume');
    await campaigns.raise(id, 100_000);
    await campaigns.counts(id, { succeeded: 60 });
  }, 60_000);
});

describe('a campaign that is cancelled', () => {
  it('gently lets finish what is in flight, and begins nothing more', async () => {
    const devices = await typed('soft', 5);
    await fleet.connectAll(devices, () => silent);
    const id = await campaigns.launch(of('soft', { maxInFlight: 2 }));
    await campaigns.counts(id, { dispatched: 2, planned: 3 });
    await campaigns.act(id, 'cancel', { mode: 'soft' });
    await campaigns.counts(id, { dispatched: 2, cancelled: 3 });
    await campaigns.until(id, ({ status, phase }) => status === 'running' && phase === 'cancelling');
    for (const device of devices) fleet.answer(device);
    await campaigns.until(id, ({ status }) => status === 'cancelled');
    await campaigns.counts(id, { succeeded: 2, cancelled: 3 });
    const job = await platform.api('GET', `/jobs/${(await campaigns.get(id)).jobId ?? ''}`);
    expect(job.body).toMatchObject({ status: 'cancelled' });
  }, 40_000);

  it('by force ends at once; what answers afterwards is only noted', async () => {
    const devices = await typed('force', 3);
    await fleet.connectAll(devices, () => silent);
    const id = await campaigns.launch(of('force', { waitForDevices: true }));
    await campaigns.counts(id, { dispatched: 3 });
    await campaigns.act(id, 'cancel', { mode: 'force' });
    await campaigns.until(id, ({ status }) => status === 'cancelled');
    await campaigns.counts(id, { cancelled: 3 });
    for (const device of devices) fleet.answer(device);
    await eventually(
      async () => {
        const late = (await campaigns.targets(id)).filter((target) => target.late === true);
        expect(late.map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
        return true;
      },
      { deadlineMs: 10_000 },
    );
  }, 40_000);
});

describe('what others want meanwhile', () => {
  it('a later wish of a user stays, be it before the turn of the device or after', async () => {
    const devices = await typed('wishes', 3);
    const [first, second] = devices as [Made, Made, Made];
    await fleet.connectAll(devices, () => silent);
    const id = await campaigns.launch(
      of('wishes', { batches: [{ deviceIds: [first.id] }, { percent: 100, release: 'manual' }] }),
    );
    await campaigns.until(id, ({ phase }) => phase === 'awaiting_operator');
    for (const device of [first, second]) {
      const path = `/devices/${device.id}/configuration/desired`;
      expect((await platform.api('PATCH', path, { interval: 5 })).status).toBe(200);
    }
    await campaigns.counts(id, { superseded: 2, planned: 1 });
    await campaigns.act(id, 'batches/2/release');
    await campaigns.counts(id, { superseded: 2, dispatched: 1 });
    const { body } = await platform.api('GET', `/devices/${second.id}/configuration`);
    expect(body).toMatchObject({ keys: { interval: { desired: 5 } } });
    const [target] = await campaigns.targets(id, '&status=superseded');
    expect(target?.reason).toMatchObject({
      code: 'desired-changed',
      origin: 'user',
      by: { id: 'local-admin' },
    });
  }, 40_000);

  it('another campaign for the same key is refused, leaves the devices out, or takes them', async () => {
    const devices = await typed('contested', 3);
    const open = await campaigns.launch(of('contested', { batches: [{ percent: 100, release: 'manual' }] }));
    await campaigns.until(open, ({ phase }) => phase === 'awaiting_operator');
    const other = of('contested', { configurations: { interval: 90 } });
    const draft = await campaigns.draft(other);
    const { body: preview } = await platform.api('POST', `/campaigns/${draft}/preview`);
    expect(preview).toMatchObject({
      ...{ matched: 3, byDeviceType: { contested: 3 }, alreadyCompliant: 0 },
      conflicts: [{ campaignId: open, devices: 3 }],
      batches: [{ index: 1, size: 3 }],
    });
    const refused = await platform.api('POST', `/campaigns/${draft}/launch`);
    expect([refused.status, refused.body]).toMatchObject([409, { code: 'campaign-conflict' }]);
    const skips = await campaigns.launch({ ...other, onConflict: 'skip' });
    await campaigns.counts(skips, { skipped: 3 });
    for (const { reason } of await campaigns.targets(skips))
      expect(reason).toMatchObject({ code: 'conflict', by: { kind: 'campaign', id: open } });
    const csv = await fetch(`${platform.url}/api/v1/campaigns/${skips}/targets?format=csv`, {
      headers: { 'x-api-key': platform.apiKey },
    });
    expect((await csv.text()).split(open)).toHaveLength(4);
    const [told] = await platform.sql(
      `SELECT data FROM campaign_orchestrator.announcements WHERE stream = $1 ORDER BY version LIMIT 1`,
      [`campaign-targets-${skips}`],
    );
    const skipped = { from: 'planned', status: 'skipped', reason: { by: { kind: 'campaign', id: open } } };
    expect(told).toMatchObject({ data: { devices: [skipped, skipped, skipped] } });
    await campaigns.until(skips, ({ status }) => status === 'completed');
    const takes = await campaigns.launch({ ...other, onConflict: 'supersede' });
    await campaigns.counts(open, { superseded: 3 });
    expect((await campaigns.targets(open))[0]?.reason).toMatchObject({ by: { kind: 'campaign', id: takes } });
    await fleet.connectAll(devices);
    await campaigns.counts(takes, { succeeded: 3 });
    // Another key is no conflict.
    await campaigns.launch(of('contested', { configurations: { colour: 'red' } }));
  }, 40_000);

  it('a device is taken although a value of the first campaign is on its way to it', async () => {
    const devices = await typed('on-its-way', 2);
    // Whoever changes values waits, until both campaigns know their devices.
    const held = platform.sql(`
      SELECT pg_advisory_xact_lock(hashtextextended('configuration defaults of default', 0));
      DO $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM campaign_orchestrator.campaign_targets WHERE status = 'superseded'
                            AND device_id = '${devices[0]?.id ?? ''}')
        LOOP PERFORM pg_sleep(0.05); END LOOP;
      END $$`);
    await eventually(
      async () => {
        const query = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted`;
        return (await platform.sql(query)).length > 0;
      },
      { deadlineMs: 10_000 },
    );
    const first = await campaigns.launch(of('on-its-way'));
    await eventually(
      async () => {
        const query = `SELECT FROM pg_locks held JOIN pg_locks waiting USING (locktype, classid, objid, objsubid)
                       WHERE locktype = 'advisory' AND held.mode = 'ExclusiveLock' AND held.granted AND NOT waiting.granted`;
        return (await platform.sql(query)).length > 0;
      },
      { deadlineMs: 10_000, what: 'the first has asked for its values to be written' },
    );
    const second = await campaigns.launch(
      of('on-its-way', { configurations: { interval: 90 }, onConflict: 'supersede' }),
    );
    await held;
    await campaigns.until(second, ({ status }) => status === 'completed');
    await campaigns.counts(second, { written: 2 });
    for (const { reason } of await campaigns.targets(first, '&status=superseded'))
      expect(reason).toMatchObject({ code: 'campaign-superseded', by: { kind: 'campaign', id: second } });
    await campaigns.until(first, ({ status }) => status === 'completed');
    await fleet.connectAll(devices);
    await campaigns.counts(second, { succeeded: 2 });
    for (const device of devices)
      expect((await platform.api('GET', `/devices/${device.id}/configuration`)).body).toMatchObject({
        keys: { interval: { desired: 90, reported: 90, desiredBy: { kind: 'campaign', id: second } } },
      });
    expect(await platform.sql('SELECT FROM campaign_orchestrator.campaign_writes')).toEqual([]);
    // What it wrote is on record, although the device was taken from it by then. Where the second was faster, it wrote nothing.
    const targets = `SELECT previous FROM campaign_orchestrator.campaign_targets WHERE campaign_id = $1 AND device_id = $2`;
    for (const { id } of devices) {
      const { body } = await platform.api('GET', `/devices/${id}/configuration/history`);
      const previous = JSON.stringify(body).includes(first) ? { interval: null } : null;
      expect(await platform.sql(targets, [first, id])).toEqual([{ previous }]);
    }
  }, 40_000);

  it('a device that is deleted is removed from the campaign', async () => {
    const [device] = (await typed('deleted', 1)) as [Made];
    const id = await campaigns.launch(of('deleted'));
    await campaigns.counts(id, { written: 1 });
    expect((await platform.api('DELETE', `/devices/${device.id}`)).status).toBe(204);
    await campaigns.counts(id, { removed: 1 });
  }, 30_000);
});

describe('a device', () => {
  it('that is silent past the deadline has timed out, and succeeds late when it answers after all', async () => {
    const [device] = (await typed('slow', 1)) as [Made];
    await fleet.connect(device, silent);
    const id = await campaigns.launch(of('slow', { deadlineSeconds: 1 }));
    await campaigns.counts(id, { timed_out: 1 });
    expect((await campaigns.targets(id))[0]?.reason).toMatchObject({ code: 'no_ack', origin: 'device' });
    fleet.answer(device);
    await campaigns.counts(id, { succeeded: 1 });
    expect((await campaigns.targets(id))[0]?.late).toBe(true);
  }, 40_000);

  it('is offered again what it refused because of the moment, and nothing else', async () => {
    const devices = await typed('busy', 2);
    const [busy, strict] = devices as [Made, Made];
    let refusals = 0;
    await fleet.connect(busy, () => {
      refusals += 1;
      return refusals < 3 ? { statusCode: 503 } : {};
    });
    await fleet.connect(strict, refuses(400));
    const id = await campaigns.launch(of('busy', { retries: { max: 2, firstAfterSeconds: 1 } }));
    await campaigns.counts(id, { succeeded: 1, failed: 1 });
    const targets = await campaigns.targets(id);
    expect(targets.find(({ deviceId }) => deviceId === busy.id)).toMatchObject({
      status: 'succeeded',
      attempts: 3,
    });
    expect(targets.find(({ deviceId }) => deviceId === strict.id)).toMatchObject({
      ...{ status: 'failed', attempts: 1 },
      reason: { code: 'status-400', origin: 'device', detail: 'I say 400.' },
    });
  }, 40_000);

  it('over HTTP is in a campaign as any other: it is told when it asks', async () => {
    const [device] = (await typed('polls', 1, { interface: 'http' })) as [Made];
    const id = await campaigns.launch(of('polls'));
    await campaigns.until(id, ({ status }) => status === 'completed');
    await campaigns.counts(id, { written: 1 });
    const polls = new HttpDevice(platform, device);
    expect((await polls.ask()).config).toEqual({ interval: 60 });
    await campaigns.counts(id, { dispatched: 1 });
    await polls.apply();
    await campaigns.counts(id, { succeeded: 1 });
  }, 40_000);
});

describe('the numbers of a campaign', () => {
  it('say how many devices stand how and why, and leave out the one that was taken out', async () => {
    await campaigns.type('counter');
    const devices = await campaigns.devices('counter', 5);
    const id = await campaigns.launch({
      name: 'Counted',
      target: { filter: 'deviceType==counter' },
      configurations: { mode: 'eco' },
      batches: [{ count: 3 }, { percent: 100, release: 'manual' }],
    });
    await campaigns.until(id, ({ phase }) => phase === 'awaiting_operator');
    const first = await campaigns.targets(id, '&batch=1');
    const [out = '', other = ''] = (await campaigns.targets(id, '&batch=2')).map(({ deviceId }) => deviceId);
    const made = new Map(devices.map((device) => [device.id, device]));
    for (const [nth, { deviceId }] of first.entries()) {
      const device = made.get(deviceId);
      if (device !== undefined) await fleet.connect(device, nth === 0 ? refuses(400) : obeys);
    }
    await campaigns.counts(id, { planned: 2, succeeded: 2, failed: 1 });
    await campaigns.act(id, `targets/${out}/exclude`);
    await campaigns.act(id, `targets/${out}/exclude`);
    await campaigns.counts(id, { planned: 1, skipped: 1, succeeded: 2, failed: 1 });
    await campaigns.act(id, 'batches/2/release');
    await campaigns.until(id, ({ status }) => status === 'completed');
    const statistics = (await platform.api('GET', `/campaigns/${id}/statistics`)).body;
    expect(statistics).toMatchObject({
      campaignId: id,
      targets: 5,
      byStatus: { written: 1, skipped: 1, succeeded: 2, failed: 1 },
      synchronised: 5,
      inFlight: 0,
      late: 0,
      adoption: { valid: 2, invalid: 1 },
      failures: expect.arrayContaining([
        { status: 'failed', origin: 'device', code: 'status-400', count: 1 },
        { status: 'skipped', origin: 'user', code: 'excluded', count: 1 },
      ]),
      timeToApply: { p50Seconds: expect.any(Number) },
      batches: [
        { index: 1, byStatus: { succeeded: 2, failed: 1 } },
        { index: 2, byStatus: { written: 1, skipped: 1 } },
      ],
    });
    const csv = await fetch(`${platform.url}/api/v1/campaigns/${id}/targets?format=csv&batch=2`, {
      headers: { 'x-api-key': platform.apiKey },
    });
    const lines = (await csv.text()).trim().split('\r\n');
    expect(lines[0]?.startsWith('deviceId,name,deviceType,batch,status,')).toBe(true);
    expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual([out, other].sort());
  }, 60_000);
});
