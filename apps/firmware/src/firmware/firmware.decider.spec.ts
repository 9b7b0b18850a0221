import { describe, expect, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { decide, evolve, initial, type RegisterFirmware } from './firmware.decider.js';
import type { FirmwareEvent } from './firmware.events.js';

const firmware = scenario({ initial, evolve, decide });
const at = '2026-01-01T00:00:01.000Z';
const identity = { firmwareTypeId: 'ft1', deviceTypeId: 't1', version: '1.0.0' };
const file = { name: 'a.bin', fileKey: 'k1', size: 3, sha256: 'aa' };

const register = (more: Partial<RegisterFirmware> = {}): RegisterFirmware => ({
  type: 'RegisterFirmware',
  ...identity,
  ...file,
  upgradableFrom: ['0.9.0'],
  at,
  ...more,
});
const registered: FirmwareEvent = {
  type: 'FirmwareRegistered',
  data: { ...identity, ...file, upgradableFrom: ['0.9.0'], registeredAt: at },
};
const general: FirmwareEvent = {
  type: 'RolloutChanged',
  data: { ...identity, rollout: { strategy: 'general' }, changedAt: at },
};
const deleted: FirmwareEvent = {
  type: 'FirmwareDeleted',
  data: { ...identity, fileKey: 'k1', deletedAt: at },
};

describe('RegisterFirmware', () => {
  it('records the file and what it is', () => {
    firmware.given([]).when(register()).then([registered]);
  });

  it('refuses a path from a version to itself', () => {
    firmware
      .given([])
      .when(register({ upgradableFrom: ['1.0.0'] }))
      .thenThrows('invalid-request');
  });

  it('does not bring a deleted one back', () => {
    firmware.given([registered, deleted]).when(register()).thenThrows('firmware-not-found');
  });
});

describe('EditFirmware', () => {
  it('records each thing that changed', () => {
    const rollout = { strategy: 'targeted', filter: { tags: ['lab'] } } as const;
    firmware
      .given([registered])
      .when({ type: 'EditFirmware', description: 'x', upgradableFrom: [], rollout, expectedVersion: 1, at })
      .then([
        { type: 'FirmwareDescribed', data: { ...identity, description: 'x', changedAt: at } },
        { type: 'UpgradePathChanged', data: { ...identity, upgradableFrom: [], changedAt: at } },
        { type: 'RolloutChanged', data: { ...identity, rollout, changedAt: at } },
      ]);
  });

  it('does nothing when it is so already, in another order, with an older version', () => {
    const path = ['a', 'b'];
    const changed: FirmwareEvent = {
      type: 'UpgradePathChanged',
      data: { ...identity, upgradableFrom: path, changedAt: at },
    };
    firmware
      .given([registered, changed, general])
      .when({
        type: 'EditFirmware',
        upgradableFrom: ['b', 'a'],
        rollout: { strategy: 'general' },
        description: null,
        expectedVersion: 1,
        at,
      })
      .then([]);
  });

  it('refuses a change on what the caller has not seen', () => {
    firmware
      .given([registered, general])
      .when({ type: 'EditFirmware', description: 'x', expectedVersion: 1, at })
      .thenThrows('version-mismatch');
  });

  it.each([
    ['a target without names', { strategy: 'targeted' }],
    ['a target with empty lists', { strategy: 'targeted', filter: { deviceIds: [], tags: [] } }],
    ['a filter without a target', { strategy: 'suspended', filter: { tags: ['a'] } }],
  ] as const)('refuses %s', (_what, rollout) => {
    firmware.given([registered]).when({ type: 'EditFirmware', rollout, at }).thenThrows('invalid-request');
  });

  it('refuses a path to itself, and a firmware that is not there', () => {
    const path = { type: 'EditFirmware', upgradableFrom: ['1.0.0'], at } as const;
    firmware.given([registered]).when(path).thenThrows('invalid-request');
    firmware.given([]).when(path).thenThrows('firmware-not-found');
    firmware.given([registered, deleted]).when(path).thenThrows('firmware-not-found');
  });
});

describe('DeleteFirmware', () => {
  it('names the file that may go', () => {
    firmware.given([registered]).when({ type: 'DeleteFirmware', expectedVersion: 1, at }).then([deleted]);
  });

  it('refuses what was never there, and what has changed', () => {
    firmware.given([]).when({ type: 'DeleteFirmware', at }).thenThrows('firmware-not-found');
    firmware
      .given([registered, general])
      .when({ type: 'DeleteFirmware', expectedVersion: 1, at })
      .thenThrows('version-mismatch');
  });
});

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"FirmwareRegistered","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.0.0","name":"a.bin","fileKey":"k1","size":3,"sha256":"aa","description":"first","upgradableFrom":["0.9.0"],"registeredAt":"2026-01-01T00:00:01.000Z"}}
{"type":"FirmwareDescribed","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.0.0","description":null,"changedAt":"2026-01-01T00:00:02.000Z"}}
{"type":"UpgradePathChanged","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.0.0","upgradableFrom":["0.8.0"],"changedAt":"2026-01-01T00:00:03.000Z"}}
{"type":"RolloutChanged","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.0.0","rollout":{"strategy":"targeted","filter":{"deviceIds":["d1"],"tags":["lab"]}},"changedAt":"2026-01-01T00:00:04.000Z"}}
{"type":"FirmwareDeleted","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.0.0","fileKey":"k1","deletedAt":"2026-01-01T00:00:05.000Z"}}
`;

describe('stored events of a firmware', () => {
  it('are still read', () => {
    const events = stored
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as FirmwareEvent);
    expect(events.reduce(evolve, initial)).toMatchObject({
      status: 'deleted',
      revision: 5,
      registered: { version: '1.0.0', fileKey: 'k1' },
      description: null,
      upgradableFrom: ['0.8.0'],
      rollout: { strategy: 'targeted', filter: { deviceIds: ['d1'], tags: ['lab'] } },
    });
  });
});
