import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './firmware.decider.js';
import type { FirmwareEvent } from './firmware.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"FirmwareRegistered","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.2.0","name":"valve.bin","fileKey":"f1","size":1024,"sha256":"ab12","description":"first","upgradableFrom":["1.0.0"],"registeredAt":"2026-01-01T00:00:00.000Z"}}
{"type":"FirmwareDescribed","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.2.0","description":null,"changedAt":"2026-01-01T00:00:01.000Z"}}
{"type":"UpgradePathChanged","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.2.0","upgradableFrom":["1.0.0","1.1.0"],"changedAt":"2026-01-01T00:00:02.000Z"}}
{"type":"RolloutChanged","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.2.0","rollout":{"strategy":"targeted","filter":{"tags":["roof"]}},"changedAt":"2026-01-01T00:00:03.000Z"}}
{"type":"FirmwareDeleted","data":{"firmwareTypeId":"ft1","deviceTypeId":"t1","version":"1.2.0","fileKey":"f1","deletedAt":"2026-01-01T00:00:04.000Z"}}
`;

const newest: NewestVersions<FirmwareEvent> = {
  FirmwareRegistered: 1,
  FirmwareDescribed: 1,
  UpgradePathChanged: 1,
  RolloutChanged: 1,
  FirmwareDeleted: 1,
};

const events = stored
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as FirmwareEvent);

describe('stored events of a firmware', () => {
  it('have a fixture of every type and version', () => {
    const versioned = events.map((event) => ({ ...event, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(events.reduce(evolve, initial)).toEqual({
      status: 'deleted',
      revision: 5,
      registered: {
        firmwareTypeId: 'ft1',
        deviceTypeId: 't1',
        version: '1.2.0',
        name: 'valve.bin',
        fileKey: 'f1',
        size: 1024,
        sha256: 'ab12',
        description: 'first',
        upgradableFrom: ['1.0.0'],
        registeredAt: '2026-01-01T00:00:00.000Z',
      },
      description: null,
      upgradableFrom: ['1.0.0', '1.1.0'],
      rollout: { strategy: 'targeted', filter: { tags: ['roof'] } },
    });
  });
});
