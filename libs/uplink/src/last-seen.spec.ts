import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { RecordLastSeen } from '@muster/contracts/device-registry/connectivity.requests';
import { createLogger } from '@muster/observability';
import { eventually } from '@muster/testing';
import { LastSeenTimes } from './last-seen.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const EVERY_MS = 60_000;
const entry = (deviceId: string): AccessEntry => ({
  tenantId: 'default',
  token: `token-of-${deviceId}`,
  tokenId: `id-of-${deviceId}`,
  tokenStatus: 'active',
  deviceId,
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'mqtt',
  credentialKinds: ['token'],
  secretHashes: [],
});

const scene = (answer: (call: number) => void = () => undefined) => {
  const calls: string[][] = [];
  const request = async (_contract: object, body: object) => {
    const { devices } = body as RecordLastSeen;
    calls.push(
      devices.map(({ deviceId, secretHash, at }) =>
        [deviceId, secretHash, Date.parse(at)].join(' ').replace('  ', ' '),
      ),
    );
    answer(calls.length);
    return { outcomes: devices.map(() => ({})) };
  };
  const time = { now: 1_000_000 };
  const times = new LastSeenTimes({ request: request as never }, EVERY_MS, logger, () => time.now);
  const note = (deviceId: string, heardAt = time.now, shown: { secretHash?: string } = {}): void => {
    times.note({ entry: entry(deviceId), ...shown }, heardAt);
  };
  return { calls, times, time, note };
};

describe('when a device was last heard', () => {
  it('is told at once, then once in the interval, and the last time in the end', async () => {
    const { calls, times, time, note } = scene();
    note('d1');
    await eventually(() => calls.length === 1);
    for (let n = 0; n < 5; n += 1) {
      time.now += 1_000;
      note('d1');
    }
    note('d2');
    await eventually(() => calls.length === 2);
    expect(calls).toEqual([['d1 1000000'], ['d2 1005000']]);
    time.now = 1_000_000 + EVERY_MS;
    await eventually(() => calls.length === 3);
    expect(calls[2]).toEqual(['d1 1005000']);
    time.now += 10;
    note('d1');
    await times.stop();
    expect(calls[3]).toEqual([`d1 ${time.now}`]);
  });

  it('is when its last message came, whenever that is told and in whatever order; of unknown age it says nothing', async () => {
    const { calls, times, note } = scene();
    note('d1', 600_000);
    note('d2', -Infinity);
    await eventually(() => calls.length === 1);
    note('d1', 700_000);
    note('d1', 650_000);
    await times.stop();
    expect(calls).toEqual([['d1 600000'], ['d1 700000']]);
  });

  it('is told again later while device-registry is away', async () => {
    const { calls, times, time, note } = scene((call) => {
      if (call === 1) throw new AppError('unavailable', 'away');
    });
    note('d1');
    await eventually(() => calls.length === 1);
    time.now += 2_000;
    await eventually(() => calls.length === 2);
    await times.stop();
    expect(calls).toEqual([['d1 1000000'], ['d1 1000000']]);
  });

  it('is not told any more after the end, also when a batch was under way then', async () => {
    let answer = (): void => undefined;
    const calls: number[] = [];
    const request = async (_contract: object, { devices }: RecordLastSeen) => {
      calls.push(devices.length);
      await new Promise<void>((resolve) => (answer = resolve));
      return { outcomes: [] };
    };
    const times = new LastSeenTimes({ request: request as never }, 100, logger);
    times.note({ entry: entry('d1') }, 1);
    await eventually(() => calls.length === 1);
    const stopped = times.stop();
    answer();
    await stopped;
    times.note({ entry: entry('d1') }, 1);
    // A timer that is left would keep this process, and the run, from ending.
    expect(calls).toEqual([1]);
  });

  it('is told of each secret that it showed, at once, as when one takes the place of another', async () => {
    const { calls, times, time, note } = scene();
    note('d1', time.now, { secretHash: 'old' });
    await eventually(() => calls.length === 1);
    note('d1', time.now + 1, { secretHash: 'old' });
    note('d1', time.now + 2, { secretHash: 'new' });
    await eventually(() => calls.length === 2);
    await times.stop();
    expect(calls).toEqual([['d1 old 1000000'], ['d1 new 1000002'], ['d1 old 1000001']]);
  });

  it('goes in batches of 500', async () => {
    const { calls, times, note } = scene();
    for (let n = 0; n < 1_200; n += 1) note(`d${n}`);
    await eventually(() => calls.length === 3);
    await times.stop();
    expect(calls.map((batch) => batch.length)).toEqual([500, 500, 200]);
  });
});
