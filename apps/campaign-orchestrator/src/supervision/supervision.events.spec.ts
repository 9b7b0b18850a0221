import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import type { StoredEvent } from '@muster/event-store';
import { evolve, initial } from './supervision.decider.js';
import type { SupervisionEvent } from './supervision.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const version1 = `
{"type":"SupervisionOpened","data":{"name":"winter","campaignId":null,"target":{"filter":"deviceType==radiator"},"configurations":{"mode":"eco"},"expectedStates":{},"expectedFrom":"any","by":{"kind":"user","id":"anna"},"at":"2026-01-01T00:00:00.000Z","status":"resolving"}}
{"type":"SupervisionResolved","data":{"at":"2026-01-01T00:00:01.000Z","by":{"kind":"system","id":"supervision"},"name":"winter","campaignId":null,"status":"open","total":3}}
{"type":"SupervisionFailed","data":{"at":"2026-01-01T00:00:02.000Z","by":{"kind":"system","id":"supervision"},"name":"winter","campaignId":null,"status":"failed","code":"filter-too-slow","detail":"no"}}
{"type":"SupervisionRenamed","data":{"at":"2026-01-01T00:00:02.500Z","by":{"kind":"user","id":"anna"},"name":"winter 2026","campaignId":null,"status":"open"}}
{"type":"SupervisionClosed","data":{"at":"2026-01-01T00:00:03.000Z","by":{"kind":"user","id":"anna"},"name":"winter","campaignId":null,"status":"closed"}}
{"type":"SupervisionDeleted","data":{"at":"2026-01-01T00:00:04.000Z","by":{"kind":"user","id":"anna"},"name":"winter","campaignId":null,"status":"closed"}}
`;

const stored = version1
  .trim()
  .split('\n')
  .map((line) => ({ ...(JSON.parse(line) as Pick<StoredEvent, 'type' | 'data'>), schemaVersion: 1 }));

const newest: NewestVersions<SupervisionEvent> = {
  SupervisionOpened: 1,
  SupervisionResolved: 1,
  SupervisionFailed: 1,
  SupervisionRenamed: 1,
  SupervisionClosed: 1,
  SupervisionDeleted: 1,
};

describe('stored events of a supervision', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture(stored, newest)).toEqual([]);
  });

  it('are still read', () => {
    // What lies in the table is what the types say.
    const events = stored as unknown as readonly SupervisionEvent[];
    const after = (count: number) => events.slice(0, count).reduce(evolve, initial);
    expect(after(1)).toEqual({
      status: 'resolving',
      name: 'winter',
      campaignId: null,
      target: { filter: 'deviceType==radiator' },
    });
    expect(after(4).name).toBe('winter 2026');
    expect([2, 3, 5, 6].map((count) => after(count).status)).toEqual(['open', 'failed', 'closed', 'deleted']);
  });
});
