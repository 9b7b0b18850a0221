import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { deviceType, type DeviceTypeCommand } from './device-type.decider.js';
import type { DeviceTypeEvent } from './device-type.events.js';

const at = '2026-11-20T10:00:00.000Z';
const v1 = { id: 'v1', name: 'thermostat-v1' };
const v2 = { id: 'v2', name: 'thermostat-v2' };
const create: DeviceTypeCommand = {
  type: 'CreateDeviceType',
  name: 'thermostat',
  appVersions: [v1],
  settings: { timestampPath: 'ts' },
  at,
};
const created: DeviceTypeEvent = {
  type: 'DeviceTypeCreated',
  data: { name: 'thermostat', appVersions: [v1], settings: { timestampPath: 'ts' }, createdAt: at },
};
const deleted: DeviceTypeEvent = { type: 'DeviceTypeDeleted', data: { name: 'thermostat' } };
const summary = { name: 'thermostat', appVersions: ['thermostat-v1'], settings: { timestampPath: 'ts' } };
const type = scenario(deviceType);

describe('CreateDeviceType', () => {
  it('creates', () => type.given([]).when(create).then([created]));
  it('refuses two application versions of one name', () =>
    type
      .given([])
      .when({ ...create, appVersions: [v1, { id: 'other', name: v1.name }] })
      .thenThrows('app-version-name-taken'));
});

describe('EditDeviceType', () => {
  it('tells each change, with the type as it is after it', () =>
    type
      .given([created])
      .when({
        type: 'EditDeviceType',
        name: 'radiator',
        description: 'Warm.',
        settings: { plainTelemetry: true },
      })
      .then([
        {
          type: 'DeviceTypeRenamed',
          data: { from: 'thermostat', to: 'radiator', summary: { ...summary, name: 'radiator' } },
        },
        {
          type: 'DeviceTypeDescribed',
          data: { from: null, to: 'Warm.', summary: { ...summary, name: 'radiator' } },
        },
        {
          type: 'DeviceTypeSettingsChanged',
          data: {
            from: { timestampPath: 'ts' },
            to: { timestampPath: 'ts', plainTelemetry: true },
            summary: {
              ...summary,
              name: 'radiator',
              settings: { timestampPath: 'ts', plainTelemetry: true },
            },
          },
        },
      ]));
  it('lets all be delivered without SUBSCRIBE, and puts the default back', () => {
    const before = summary.settings;
    const settings = { ...before, deliverWithoutSubscribe: true };
    const set: DeviceTypeEvent = {
      type: 'DeviceTypeSettingsChanged',
      data: { from: before, to: settings, summary: { ...summary, settings } },
    };
    const setIt: DeviceTypeCommand = { type: 'EditDeviceType', settings: { deliverWithoutSubscribe: true } };
    type.given([created]).when(setIt).then([set]);
    type.given([created, set]).when(setIt).then([]);
    const putBack: DeviceTypeEvent = {
      type: 'DeviceTypeSettingsChanged',
      data: { from: settings, to: before, summary },
    };
    const back: DeviceTypeCommand = { type: 'EditDeviceType', settings: { deliverWithoutSubscribe: null } };
    type.given([created, set]).when(back).then([putBack]);
    type.given([created, set, putBack]).when(back).then([]);
  });
  it('does nothing when nothing is named or changed', () => {
    type.given([created]).when({ type: 'EditDeviceType' }).then([]);
    type
      .given([created])
      .when({
        type: 'EditDeviceType',
        name: 'thermostat',
        description: null,
        settings: { timestampPath: 'ts' },
      })
      .then([]);
  });
  it('refuses what is not there', () => {
    type.given([]).when({ type: 'EditDeviceType', name: 'x' }).thenThrows('device-type-not-found');
    type.given([created, deleted]).when({ type: 'EditDeviceType' }).thenThrows('device-type-not-found');
  });
});

describe('AddAppVersion', () => {
  it('adds the newest', () =>
    type
      .given([created])
      .when({ type: 'AddAppVersion', appVersion: v2 })
      .then([
        {
          type: 'AppVersionAdded',
          data: { appVersion: v2, nth: 2, summary: { ...summary, appVersions: [v1.name, v2.name] } },
        },
      ]));
  it('refuses a name the type has', () =>
    type
      .given([created])
      .when({ type: 'AddAppVersion', appVersion: { id: 'v9', name: v1.name } })
      .thenThrows('app-version-name-taken'));
  it('refuses what is not there', () =>
    type.given([]).when({ type: 'AddAppVersion', appVersion: v2 }).thenThrows('device-type-not-found'));
});

describe('RemoveAppVersion', () => {
  const both: DeviceTypeEvent = {
    type: 'AppVersionAdded',
    data: { appVersion: v2, nth: 2, summary: { ...summary, appVersions: [v1.name, v2.name] } },
  };
  it('takes it away, by id or name', () => {
    for (const appVersion of [v1.id, v1.name]) {
      type
        .given([created, both])
        .when({ type: 'RemoveAppVersion', appVersion })
        .then([
          {
            type: 'AppVersionRemoved',
            data: { appVersion: v1, summary: { ...summary, appVersions: [v2.name] } },
          },
        ]);
    }
  });
  it('refuses the only one, and does nothing for one that is not there', () => {
    type
      .given([created])
      .when({ type: 'RemoveAppVersion', appVersion: v1.name })
      .thenThrows('app-version-in-use');
    type.given([created]).when({ type: 'RemoveAppVersion', appVersion: v2.name }).then([]);
  });
});

describe('DeleteDeviceType', () => {
  it('ends it', () => type.given([created]).when({ type: 'DeleteDeviceType' }).then([deleted]));
  it('refuses what never was', () =>
    type.given([]).when({ type: 'DeleteDeviceType' }).thenThrows('device-type-not-found'));
});
