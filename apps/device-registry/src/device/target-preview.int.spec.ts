import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import { deleteDevice } from '@muster/contracts/device-registry/devices.requests';
import {
  MAX_MISSING_DEVICES,
  MAX_TARGET_PAGE,
  previewTarget,
  readTargetDevices,
  SAMPLE_DEVICES,
  type DeviceTarget,
} from '@muster/contracts/device-registry/targets.requests';
import { base, problem, startRegistry, tenantId, type RunningRegistry } from '../running-registry.fixture.js';

const RADIATORS = SAMPLE_DEVICES + 3;

let registry: RunningRegistry;
let radiators: string[];
let pump: string;

beforeAll(async () => {
  registry = await startRegistry();
  await registry.createType({ name: 'radiator' });
  await registry.createType({ name: 'pump' });
  // Names in the reverse order of ids.
  radiators = [];
  for (let nth = RADIATORS; nth > 0; nth -= 1) {
    const name = `radiator-${String(nth).padStart(2, '0')}`;
    const { id } = await registry.provision({
      name,
      deviceType: 'radiator',
      folder: '/paris',
      tags: ['roof'],
    });
    radiators.push(id);
  }
  pump = (await registry.provision({ name: 'pump', deviceType: 'pump', tags: ['roof'] })).id;
  await registry.provision({ name: 'other', deviceType: 'pump' });
}, 60_000);

afterAll(() => registry.stop());

const preview = (target: DeviceTarget, of = tenantId) =>
  registry.bus.request(previewTarget, { tenantId: of, target });

describe('the preview of a target', () => {
  it('counts the devices of a filter by their types, and shows the first by name', async () => {
    const found = await preview({ filter: 'tags==roof' });
    expect(found).toMatchObject({ matched: RADIATORS + 1, byDeviceType: { radiator: RADIATORS, pump: 1 } });
    expect(found.missing).toBeUndefined();
    expect(found.sample).toHaveLength(SAMPLE_DEVICES);
    expect(found.sample[0]).toEqual({ id: pump, name: 'pump', deviceType: 'pump', folder: '/' });
    const last = found.sample.at(-1);
    expect(last).toMatchObject({ name: `radiator-${SAMPLE_DEVICES - 1}`, folder: '/paris' });
  });

  it('counts named devices once, and says which do not exist', async () => {
    const gone = await registry.provision({ deviceType: 'pump' });
    await registry.bus.request(deleteDevice, { ...base, deviceId: gone.id });
    const [first = ''] = radiators;
    const found = await preview({ deviceIds: [first, pump, first, gone.id, 'nobody'] });
    expect(found).toMatchObject({ matched: 2, byDeviceType: { radiator: 1, pump: 1 } });
    expect(found.missing).toEqual([gone.id, 'nobody'].sort());
    expect(found.sample.map(({ id }) => id)).toEqual([pump, first]);
    const many = Array.from({ length: MAX_MISSING_DEVICES + 1 }, newId);
    expect((await preview({ deviceIds: [...many, pump] })).missing).toEqual(many.slice(0, -1));
  });

  it('finds no device of another tenant', async () => {
    const nothing = { matched: 0, sample: [], byDeviceType: {} };
    expect(await preview({ filter: 'tags==roof' }, 'other')).toEqual(nothing);
    expect(await preview({ deviceIds: [pump] }, 'other')).toEqual({ ...nothing, missing: [pump] });
  });

  it('is refused without a target, and for a filter that cannot be read', async () => {
    expect((await problem(preview({}))).code).toBe('invalid-request');
    expect(await problem(preview({ filter: '' }))).toMatchObject({
      code: 'invalid-filter',
      errors: [{ path: 'filter' }],
    });
  });
});

describe('the devices of a target', () => {
  const page = (target: DeviceTarget, more: { after?: string; limit?: number } = {}) =>
    registry.bus.request(readTargetDevices, { tenantId, target, ...more });

  it('come page by page in the order of their ids, with what is kept of them', async () => {
    const ids: string[] = [];
    let after: string | undefined;
    do {
      const { devices, next } = await page(
        { filter: 'deviceType==radiator' },
        { limit: 10, ...(after === undefined ? {} : { after }) },
      );
      expect(devices.length).toBeLessThanOrEqual(10);
      ids.push(...devices.map(({ id }) => id));
      after = next ?? undefined;
    } while (after !== undefined);
    expect(ids).toEqual([...radiators].sort());
    const { devices } = await page({ deviceIds: [pump, 'nobody'] });
    expect(devices).toEqual([
      {
        id: pump,
        name: 'pump',
        deviceType: 'pump',
        appVersion: 'pump-v1',
        interface: 'mqtt',
        lastSeenAt: null,
      },
    ]);
  });

  it('are not asked for by more names than a page takes, nor by none', async () => {
    const many = Array.from({ length: MAX_TARGET_PAGE + 1 }, newId);
    expect((await problem(page({ deviceIds: many }))).code).toBe('invalid-request');
    expect((await problem(page({}))).code).toBe('invalid-request');
  });
});
