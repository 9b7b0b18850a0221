import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import {
  previewDeviceBulk,
  startDeviceBulk,
  type DeviceBulkInput,
} from '@muster/contracts/device-registry/bulk.requests';
import {
  deleteDevice,
  editDevice,
  getDevice,
  type DeviceView,
} from '@muster/contracts/device-registry/devices.requests';
import { cancelDeviceRegistryJob, retryDeviceRegistryJob } from '@muster/contracts/jobs/owner.requests';
import { createEventStore, type EventStore } from '@muster/event-store';
import { job } from '@muster/jobs';
import { eventually } from '@muster/testing';
import { device } from '../device/device.decider.js';
import {
  actor,
  base,
  code,
  problem,
  startRegistry,
  tenantId,
  unique,
  type RunningRegistry,
} from '../running-registry.fixture.js';

let registry: RunningRegistry;
let store: EventStore;
let type: string;

beforeAll(async () => {
  registry = await startRegistry();
  store = createEventStore(registry.database);
  type = (await registry.createType()).name;
}, 60_000);

afterAll(() => registry.stop());

/** Devices of their own tag, by which a filter finds them. */
const devices = async (count: number, tags: readonly string[] = []): Promise<[tag: string, string[]]> => {
  const tag = unique('tag');
  const made = await Promise.all(
    Array.from({ length: count }, () =>
      registry.provision({
        deviceType: type,
        folder: '/paris',
        tags: [tag, ...tags],
        metadata: { floor: 1 },
      }),
    ),
  );
  return [tag, made.map(({ id }) => id)];
};
const view = (deviceId: string): Promise<DeviceView> =>
  registry.bus.request(getDevice, { tenantId, deviceId });
const bulk = (input: DeviceBulkInput, idempotencyKey?: string) =>
  registry.bus.request(startDeviceBulk, { ...base, bulk: input, idempotencyKey });
const preview = (input: DeviceBulkInput) =>
  registry.bus.request(previewDeviceBulk, { tenantId, bulk: input });
const ended = (jobId: string) =>
  eventually(
    async () => {
      const { standing } = (await store.load(job, tenantId, jobId)).state;
      if (standing?.endedAt === undefined) throw new Error(`the job is ${standing?.status ?? 'not there'}`);
      return standing;
    },
    { deadlineMs: 20_000, what: 'the job has ended' },
  );
const errorsOf = async (jobId: string): Promise<readonly (readonly string[])[]> => {
  const events = await store.readStream(tenantId, job, jobId, { types: ['JobProgressed'] });
  return events.flatMap((event) =>
    event.type === 'JobProgressed' ? event.data.errors.map(({ item, code: why }) => [item, why]) : [],
  );
};

describe('startDeviceBulk', () => {
  it('changes tags, folder and metadata of the devices of a filter, each with its events', async () => {
    const [tag, ids] = await devices(3);
    const [, [other = '']] = await devices(1);
    const { jobId } = await bulk({
      target: { filter: `tags==${tag}` },
      tags: { add: ['winter'], remove: [tag] },
      folder: '/lyon',
      metadata: { floor: null, room: 'attic' },
      expectedCount: 3,
    });
    expect(await ended(jobId)).toMatchObject({ kind: 'device-bulk', status: 'success', done: 3 });
    const changed = { folder: '/lyon', tags: ['winter'], metadata: { room: 'attic' } };
    for (const id of ids) expect(await view(id)).toMatchObject(changed);
    expect((await view(other)).folder).toBe('/paris');
    const events = await store.readStream(tenantId, device, ids[0] ?? '', { fromVersion: 3 });
    expect(events.map((event) => [event.type, event.metadata.actor])).toEqual([
      ['DeviceMoved', actor],
      ['DeviceRetagged', actor],
      ['DeviceMetadataChanged', actor],
    ]);
  });

  it('replaces tags', async () => {
    const [, ids] = await devices(2, ['old']);
    const { jobId } = await bulk({ target: { deviceIds: ids }, tags: { set: ['new'] } });
    await ended(jobId);
    for (const id of ids) expect((await view(id)).tags).toEqual(['new']);
  });

  it('tells of every device that could not be changed, changes the others, and does those again when it is retried', async () => {
    const [, [well = '', full = '', gone = '']] = await devices(3);
    const many = Array.from({ length: 50 }, (_none, nth) => `t${nth}`);
    await registry.bus.request(editDevice, { ...base, deviceId: full, edit: { tags: many } });
    await registry.bus.request(deleteDevice, { ...base, deviceId: gone });
    const { jobId } = await bulk({
      target: { deviceIds: [well, full, gone, 'nobody'] },
      tags: { add: ['one-more'] },
    });
    expect(await ended(jobId)).toMatchObject({ status: 'failed', total: 4, done: 4, failed: 3 });
    expect(new Map((await errorsOf(jobId)).map(([item = '', why]) => [item, why]))).toEqual(
      new Map([
        [full, 'invalid-request'],
        [gone, 'device-not-found'],
        ['nobody', 'device-not-found'],
      ]),
    );
    expect((await view(well)).tags).toContain('one-more');
    await registry.bus.request(editDevice, { ...base, deviceId: full, edit: { tags: [] } });
    const again = await registry.bus.request(retryDeviceRegistryJob, { ...base, jobId });
    expect(await ended(again.jobId)).toMatchObject({ retryOf: jobId, total: 3, failed: 2 });
    expect((await view(full)).tags).toEqual(['one-more']);
  });

  it('deletes the devices that were counted, whose tokens then open nothing', async () => {
    const [tag, ids] = await devices(2);
    const target = { filter: `tags==${tag}` };
    expect(await preview({ target, delete: true })).toMatchObject({ matched: 2 });
    expect(await problem(bulk({ target, delete: true, expectedCount: 1 }))).toMatchObject({
      code: 'more-devices-than-expected',
      detail: '2 devices match now, and expectedCount is 1. Nothing was changed.',
    });
    const { jobId } = await bulk({ target, delete: true, expectedCount: 2 });
    expect(await ended(jobId)).toMatchObject({ kind: 'device-bulk-delete', status: 'success', done: 2 });
    for (const id of ids) {
      expect(await code(view(id))).toBe('device-not-found');
      expect(await registry.accessOf(id)).toEqual([]);
    }
    const { matched } = await preview({ target, delete: true });
    expect(matched).toBe(0);
  });

  it('deletes nothing without a count, whatever is named', async () => {
    const [tag, ids] = await devices(1);
    for (const target of [{ filter: `tags==${tag}` }, { deviceIds: ids }]) {
      const refused = await problem(bulk({ target, delete: true }));
      expect([refused.code, refused.errors?.[0]?.path]).toEqual(['invalid-request', 'bulk.expectedCount']);
    }
    expect((await view(ids[0] ?? '')).tags).toEqual([tag]);
  });

  it('refuses at once what makes no sense, and says why', async () => {
    const target = { deviceIds: ['x'] };
    const refused = async (input: Omit<DeviceBulkInput, 'target'>) => {
      const start = await problem(bulk({ target, ...input }));
      // A preview is refused with the same.
      expect(await problem(preview({ target, ...input }))).toMatchObject({ detail: start.detail });
      return [start.code, start.errors?.[0]?.path, start.errors?.[0]?.message];
    };
    const whereRefused = async (input: Omit<DeviceBulkInput, 'target'>) => (await refused(input)).slice(0, 2);
    const invalid = 'invalid-request';
    expect(await refused({})).toEqual([
      invalid,
      'bulk',
      'must have something to do: tags, folder, metadata, or delete',
    ]);
    expect(await refused({ delete: true, folder: '/', metadata: {}, expectedCount: 1 })).toEqual([
      invalid,
      'bulk.delete',
      'must be alone: folder, metadata cannot be changed of what is deleted',
    ]);
    expect(await whereRefused({ delete: false })).toEqual([invalid, 'bulk.delete']);
    expect(await whereRefused({ tags: {} })).toEqual([invalid, 'bulk.tags']);
    expect(await whereRefused({ tags: { set: [], add: ['a'] } })).toEqual([invalid, 'bulk.tags']);
    expect(await refused({ tags: { add: ['a', 'b'], remove: ['b'] } })).toEqual([
      invalid,
      'bulk.tags',
      'must not both add and remove b',
    ]);
    expect(await whereRefused({ tags: { add: ['a b'] } })).toEqual([invalid, 'bulk.tags.add']);
    expect(await whereRefused({ folder: 'paris' })).toEqual([invalid, 'bulk.folder']);
    expect(await whereRefused({ metadata: {} })).toEqual([invalid, 'bulk.metadata']);
    expect(await whereRefused({ metadata: { 'a b': 1 } })).toEqual([invalid, 'bulk.metadata.a b']);
    expect(await problem(bulk({ target: {}, folder: '/' }))).toMatchObject({
      errors: [{ path: 'bulk.target' }],
    });
    expect(await problem(bulk({ target: { filter: 'nope==1' }, folder: '/' }))).toMatchObject({
      code: 'invalid-filter',
      errors: [{ path: 'bulk.target.filter' }],
    });
  });

  it('gives the same job to the same idempotency key', async () => {
    const [tag] = await devices(1);
    const input: DeviceBulkInput = { target: { filter: `tags==${tag}` }, folder: '/', expectedCount: 1 };
    const key = newId();
    const first = await bulk(input, key);
    expect(await bulk(input, key)).toEqual(first);
    expect(await code(bulk({ ...input, folder: '/x' }, key))).toBe('idempotency-key-reused');
    await ended(first.jobId);
  });

  it('changes no more devices once it is cancelled', async () => {
    const [, ids] = await devices(2);
    // A job before it keeps it from beginning: its chunk waits for a device that is held here.
    const [, [held = '']] = await devices(1);
    const before = await registry.database.transaction(async (tx) => {
      await tx.query(`SELECT FROM streams WHERE stream = $1 FOR UPDATE`, [`device-${held}`]);
      const { jobId: first } = await bulk({ target: { deviceIds: [held] }, folder: '/held' });
      const { jobId } = await bulk({ target: { deviceIds: ids }, folder: '/cancelled' });
      await registry.bus.request(cancelDeviceRegistryJob, { ...base, jobId });
      expect(await ended(jobId)).toMatchObject({ status: 'cancelled', cancelledBy: actor });
      return first;
    });
    expect(await ended(before)).toMatchObject({ status: 'success' });
    expect((await view(held)).folder).toBe('/held');
    for (const id of ids) expect((await view(id)).folder).toBe('/paris');
  });
});
