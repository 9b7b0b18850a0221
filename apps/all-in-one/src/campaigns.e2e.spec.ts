import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startPlatform, type Platform } from '@muster/testing';
import { Campaigning, MqttFleet, type Habit } from './campaign.fixture.js';

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
    expect((await campaigns.targets(id)).every(({ delivered }) => delivered)).toBe(true);
    const job = await platform.api('GET', `/jobs/${(await campaigns.get(id)).jobId ?? ''}`);
    expect(job.body).toMatchObject({ kind: 'campaign', status: 'success', total: 10, done: 10 });

    for (const device of devices.slice(0, 5)) await fleet.connect(device, updates);
    await campaigns.counts(id, { written: 5, succeeded: 5 });
    for (const device of devices.slice(5)) await fleet.connect(device, updates);
    await campaigns.counts(id, { succeeded: 10 });
    expect(fleet.told(devices)).toBe(10);
  }, 60_000);
});
