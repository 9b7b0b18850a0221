import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './firmware-type.decider.js';
import type { FirmwareTypeEvent } from './firmware-type.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"FirmwareTypeCreated","data":{"deviceTypeId":"t1","name":"main","versionKey":"fw","urlKey":"fwUrl","tokenKey":"fwToken","createdAt":"2026-01-01T00:00:00.000Z"}}
{"type":"FirmwareTypeRenamed","data":{"name":"modem","changedAt":"2026-01-01T00:00:01.000Z"}}
{"type":"FirmwareTypeKeysChanged","data":{"versionKey":"v","urlKey":"u","tokenKey":"t","changedAt":"2026-01-01T00:00:02.000Z"}}
{"type":"FirmwareTypeDeleted","data":{"deviceTypeId":"t1","deletedAt":"2026-01-01T00:00:03.000Z"}}
`;

const newest: NewestVersions<FirmwareTypeEvent> = {
  FirmwareTypeCreated: 1,
  FirmwareTypeRenamed: 1,
  FirmwareTypeKeysChanged: 1,
  FirmwareTypeDeleted: 1,
};

const events = stored
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as FirmwareTypeEvent);

describe('stored events of a firmware type', () => {
  it('have a fixture of every type and version', () => {
    const versioned = events.map((event) => ({ ...event, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(events.reduce(evolve, initial)).toEqual({
      status: 'deleted',
      revision: 4,
      created: {
        deviceTypeId: 't1',
        name: 'modem',
        versionKey: 'v',
        urlKey: 'u',
        tokenKey: 't',
        createdAt: '2026-01-01T00:00:00.000Z',
      },
    });
  });
});
