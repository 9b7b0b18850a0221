import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type {
  AccessEntry,
  DeviceSighting,
  RecordSightings,
} from '@muster/contracts/device-registry/access.requests';
import { createLogger } from '@muster/observability';
import { eventually } from '@muster/testing';
import { DeviceDirectory } from './device-directory.js';
import { Sightings } from './sightings.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const entry = (change: Partial<AccessEntry> = {}): AccessEntry => ({
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id-tok1',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'mqtt',
  credentialKinds: ['token'],
  secretHashes: [],
  ...change,
});

const scene = (known: AccessEntry, answer: (call: number) => { code?: string } = () => ({})) => {
  const directory = new DeviceDirectory('mqtt');
  const types = [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1', 'v2'], settings: {} }];
  directory.put({ entries: [known], types, nextCursor: null });
  const calls: (readonly DeviceSighting[])[] = [];
  const request = async (_contract: object, body: object) => {
    const { sightings } = body as RecordSightings;
    calls.push(sightings);
    const outcome = answer(calls.length);
    return { outcomes: sightings.map(() => outcome) };
  };
  const time = { now: 10_000 };
  const sightings = new Sightings(directory, { request: request as never }, logger, () => time.now);
  return { directory, types, calls, sightings, time };
};

describe('the version of a device that waits for its answer', () => {
  it('is told at once, unless it is on record, and later where it cannot be', async () => {
    let faults = 0;
    const { calls, sightings } = scene(entry(), () => {
      faults += 1;
      if (faults === 2) throw new AppError('unavailable', 'away');
      return {};
    });
    await sightings.tell(entry(), 'v1');
    expect(calls).toEqual([]);
    await sightings.tell(entry(), 'v2');
    await sightings.tell(entry(), 'v2');
    expect(calls.flat().map(({ appVersion }) => appVersion)).toEqual(['v2', 'v2']);
  });
});

describe('what a device says of itself', () => {
  it('is nothing new with an active token and the version on record', async () => {
    const { calls, sightings } = scene(entry());
    sightings.note(entry(), 'v1');
    await sightings.stop();
    expect(calls).toEqual([]);
  });

  it.each([
    [entry({ tokenStatus: 'inactive' }), 'v1'],
    [entry(), 'v2'],
  ])('is told once, however often it is said', async (known, version) => {
    const { calls, sightings } = scene(known);
    for (let n = 0; n < 5; n += 1) sightings.note(known, version);
    await eventually(() => calls.length === 1);
    sightings.note(known, version);
    await sightings.stop();
    expect(calls).toEqual([
      [{ tenantId: 'default', deviceId: 'd1', tokenId: 'id-tok1', appVersion: version }],
    ]);
  });

  it('says nothing of a version by a subscription, and keeps what a message has said', async () => {
    const known = entry({ tokenStatus: 'inactive' });
    const { calls, sightings } = scene(known);
    sightings.note(known);
    await eventually(() => calls.length === 1);
    expect(calls).toEqual([[{ tenantId: 'default', deviceId: 'd1', tokenId: 'id-tok1' }]]);
    sightings.note(known, 'v2');
    sightings.note(known);
    await sightings.stop();
    expect(calls.at(-1)).toMatchObject([{ appVersion: 'v2' }]);
  });

  it('is known by a subscription when the token is active, whatever version runs by then', async () => {
    const known = entry({ tokenStatus: 'inactive' });
    const { directory, types, calls, sightings, time } = scene(known);
    sightings.note(known);
    await eventually(() => calls.length === 1);
    directory.replace(['d1'], [], { entries: [entry({ appVersion: 'v2' })], types, nextCursor: null });
    time.now += 5_000;
    await sightings.stop();
    expect(calls).toHaveLength(1);
  });

  it('is told again until the directory shows it', async () => {
    const known = entry({ tokenStatus: 'inactive' });
    const { directory, types, calls, sightings, time } = scene(known, (call) => {
      if (call === 1) throw new AppError('unavailable', 'away');
      return {};
    });
    sightings.note(known, 'v1');
    await eventually(() => calls.length === 1);
    time.now += 5_000;
    await eventually(() => calls.length === 2);
    time.now += 5_000;
    await eventually(() => calls.length === 3);
    directory.replace(['d1'], [], { entries: [entry()], types, nextCursor: null });
    time.now += 5_000;
    await sightings.stop();
    expect(calls).toHaveLength(3);
  });

  it('is dropped when the device is gone', async () => {
    const known = entry({ tokenStatus: 'inactive' });
    const { calls, sightings, time } = scene(known, () => ({ code: 'device-not-found' }));
    sightings.note(known, 'v1');
    await eventually(() => calls.length === 1);
    time.now += 5_000;
    await sightings.stop();
    expect(calls).toHaveLength(1);
  });
});
