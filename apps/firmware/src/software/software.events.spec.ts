import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { evolve, initial } from './software.decider.js';
import type { SoftwareEvent } from './software.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"SoftwareApplied","data":{"software":"main","interface":"mqtt","version":"1.1.0","implicit":true,"appliedAt":"2026-01-01T00:00:00.000Z"}}
{"type":"SoftwareOffered","data":{"software":"main","interface":"mqtt","version":"1.2.0","subscriber":true,"offeredAt":"2026-01-01T00:00:01.000Z"}}
{"type":"SoftwareRejected","data":{"software":"main","interface":"mqtt","version":"1.2.0","statusCode":500,"reasonPhrase":"no room","rejectedAt":"2026-01-01T00:00:02.000Z"}}
{"type":"SoftwareObservationChanged","data":{"software":"main","interface":"mqtt","observe":false,"changedAt":"2026-01-01T00:00:03.000Z"}}
{"type":"SoftwareEnded","data":{"endedAt":"2026-01-01T00:00:04.000Z"}}
`;

const newest: NewestVersions<SoftwareEvent> = {
  SoftwareOffered: 1,
  SoftwareApplied: 1,
  SoftwareRejected: 1,
  SoftwareObservationChanged: 1,
  SoftwareEnded: 1,
};

const events = stored
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as SoftwareEvent);

describe("stored events of a device's software", () => {
  it('have a fixture of every type and version', () => {
    const versioned = events.map((event) => ({ ...event, schemaVersion: 1 }));
    expect(withoutFixture(versioned, newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(events.reduce(evolve, initial)).toEqual({
      ended: true,
      software: {
        main: {
          reported: { version: '1.1.0', at: '2026-01-01T00:00:00.000Z' },
          offered: { version: '1.2.0', subscriber: true, at: '2026-01-01T00:00:01.000Z', refused: true },
          rejected: {
            version: '1.2.0',
            statusCode: 500,
            reasonPhrase: 'no room',
            at: '2026-01-01T00:00:02.000Z',
          },
          observe: false,
        },
      },
    });
  });
});
