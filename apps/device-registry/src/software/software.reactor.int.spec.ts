import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStream } from '@muster/contracts';
import { deleteDevice, listDevices } from '@muster/contracts/device-registry/devices.requests';
import { softwareApplied } from '@muster/contracts/firmware/published';
import { eventually } from '@muster/testing';
import { actor, base, startRegistry, tenantId, type RunningRegistry } from '../running-registry.fixture.js';
import { learnSoftware } from './device-software.js';

let registry: RunningRegistry;
let deviceId: string;

beforeAll(async () => {
  registry = await startRegistry();
  const type = await registry.createType();
  deviceId = (await registry.provision({ deviceType: type.id })).id;
});
afterAll(() => registry.stop());

const found = async (filter: string): Promise<string[]> =>
  (await registry.bus.request(listDevices, { tenantId, filter })).items.map(({ id }) => id);

const told = (software: string, softwareVersion: string, version: number) => ({
  tenantId,
  deviceId,
  software,
  softwareVersion,
  version,
});

describe('what devices say they run', () => {
  it('is followed from the events of the firmware service, and found by a filter', async () => {
    const { name, subjects } = eventStream('firmware');
    await registry.bus.ensureStream({
      name,
      subjects,
      maxAgeMs: 3_600_000,
      maxBytes: 10_000_000,
    });
    await registry.bus.publish(softwareApplied, {
      tenantId,
      entityId: deviceId,
      id: 'applied-1',
      time: '2026-11-28T10:00:00.000Z',
      data: {
        deviceId,
        version: 1,
        at: '2026-11-28T10:00:00.000Z',
        source: actor,
        software: 'default',
        softwareVersion: '1.2.0',
        interface: 'mqtt',
        implicit: false,
      },
    });
    await eventually(async () => (await found('software.default==1.2.0')).length === 1, {
      deadlineMs: 10_000,
      what: 'the version is known',
    });
    expect(await found('software.default==1.2.0')).toEqual([deviceId]);
    expect(await found('software.default==1.1.0')).toEqual([]);
  });

  it('is the newest of each software, in whatever order it is told, and how often', async () => {
    const later = [told('default', '1.4.0', 9), told('radio', '7', 8)];
    for (const events of [later, [told('default', '1.3.0', 5), told('radio', '6', 6)], later]) {
      await learnSoftware(registry.database, events);
      expect(await found('software.default==1.4.0;software.radio==7')).toEqual([deviceId]);
    }
    // All in one go, the newest first.
    await learnSoftware(registry.database, [told('default', '1.6.0', 12), told('default', '1.5.0', 11)]);
    expect(await found('software.default==1.6.0;software.radio==7')).toEqual([deviceId]);
  });

  it('goes with the device, and does not come back after it', async () => {
    await registry.bus.request(deleteDevice, { ...base, deviceId });
    await learnSoftware(registry.database, [told('default', '2.0.0', 20)]);
    const { rows } = await registry.database.query('SELECT * FROM device_software');
    expect(rows).toEqual([]);
  });

  it('is found by its index among many', async () => {
    const plan = await registry.database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO device_software SELECT 'default', n::text, jsonb_build_object('default', '1.' || n), '{}'
         FROM generate_series(1, 5000) AS n`,
      );
      await tx.query(
        `INSERT INTO devices (tenant_id, id, name, device_type_id, app_version, interface, folder, tags, metadata, version, created_at)
         SELECT 'default', n::text, n::text, v.device_type_id, v.name, 'mqtt', '/', '{}', '{}', 1, now()
         FROM app_versions v, generate_series(1, 5000) AS n`,
      );
      await tx.query('ANALYZE device_software; ANALYZE devices');
      const { rows } = await tx.query<{ 'QUERY PLAN': string }>(
        `EXPLAIN SELECT d.id FROM devices d
         LEFT JOIN device_software s ON s.tenant_id = d.tenant_id AND s.device_id = d.id
         WHERE d.tenant_id = 'default' AND s.software @> '{"default":"1.2.0"}'::jsonb`,
      );
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    });
    expect(plan).toContain('device_software_by_version');
  });
});
