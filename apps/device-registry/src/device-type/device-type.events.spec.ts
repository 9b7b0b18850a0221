import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@muster/event-store';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { deviceType } from './device-type.decider.js';
import { upcast, type DeviceTypeEvent } from './device-type.events.js';

const summary = { name: 'radiator', appVersions: ['thermostat-v1'], settings: {} };

/**
 * Events as they lie in tables out there. Never edit one: a new shape is a new schema version, an upcast, and one more
 * entry here.
 */
const stored: readonly StoredEvent[] = [
  {
    type: 'DeviceTypeCreated',
    schemaVersion: 1,
    data: {
      name: 'thermostat',
      description: 'On walls.',
      appVersions: [{ id: 'v1', name: 'thermostat-v1' }],
      settings: {},
      createdAt: '2026-11-20T10:00:00.000Z',
    },
  },
  { type: 'DeviceTypeRenamed', schemaVersion: 1, data: { from: 'thermostat', to: 'radiator', summary } },
  { type: 'DeviceTypeDescribed', schemaVersion: 1, data: { from: 'On walls.', to: null, summary } },
  {
    type: 'DeviceTypeSettingsChanged',
    schemaVersion: 1,
    data: { from: {}, to: { plainTelemetry: true }, summary },
  },
  {
    type: 'AppVersionAdded',
    schemaVersion: 1,
    data: { appVersion: { id: 'v2', name: 'thermostat-v2' }, nth: 2, summary },
  },
  {
    type: 'AppVersionRemoved',
    schemaVersion: 1,
    data: { appVersion: { id: 'v1', name: 'thermostat-v1' }, summary },
  },
];

const deleted: StoredEvent = { type: 'DeviceTypeDeleted', schemaVersion: 1, data: { name: 'radiator' } };

const newest: NewestVersions<DeviceTypeEvent> = {
  DeviceTypeCreated: 1,
  DeviceTypeRenamed: 1,
  DeviceTypeDescribed: 1,
  DeviceTypeSettingsChanged: 1,
  AppVersionAdded: 1,
  AppVersionRemoved: 1,
  DeviceTypeDeleted: 1,
};

describe('stored events of a device type', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture([...stored, deleted], newest)).toEqual([]);
  });

  it('are read as they were written', () => {
    expect(stored.map(upcast).reduce(deviceType.evolve, deviceType.initial)).toEqual({
      status: 'existing',
      name: 'radiator',
      description: null,
      appVersions: [{ id: 'v2', name: 'thermostat-v2' }],
      settings: { plainTelemetry: true },
    });
    expect([...stored, deleted].map(upcast).reduce(deviceType.evolve, deviceType.initial)).toEqual({
      status: 'deleted',
      name: 'radiator',
    });
  });
});
