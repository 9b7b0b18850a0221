import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@muster/event-store';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { claimKey } from './claim-key.decider.js';
import { upcast, type ClaimKeyEvent } from './claim-key.events.js';

const device = { deviceTypeId: 't1', appVersion: 'v1', interface: 'http', folder: '/', tags: [] };
const summary = { name: 'line 4', status: 'active', opens: true, enrolled: 0 };

/**
 * Events as they lie in tables out there. Never edit one: a new shape is a new schema version, an upcast, and one more
 * entry here.
 */
const stored: readonly StoredEvent[] = [
  {
    type: 'ClaimKeyIssued',
    schemaVersion: 1,
    data: {
      name: 'line 4',
      hint: 'abcd',
      device,
      limit: 2,
      validity: { validUntil: '2026-11-29T10:00:00.000Z' },
      issuedAt: '2026-11-28T10:00:00.000Z',
      summary,
    },
  },
  {
    type: 'ClaimKeyRenamed',
    schemaVersion: 1,
    data: { from: 'line 4', to: 'line 5', summary: { ...summary, name: 'line 5' } },
  },
  { type: 'ClaimKeyLimitChanged', schemaVersion: 1, data: { from: 2, to: 9, summary } },
  {
    type: 'ClaimKeyValidityChanged',
    schemaVersion: 1,
    data: {
      from: { validUntil: '2026-11-29T10:00:00.000Z' },
      to: { validUntil: '2026-12-29T10:00:00.000Z' },
      summary,
    },
  },
  {
    type: 'ClaimKeyFolderChanged',
    schemaVersion: 1,
    data: { from: '/', to: '/new', summary },
  },
  {
    type: 'ClaimKeyEnrolledDevice',
    schemaVersion: 1,
    data: { deviceId: 'd1', name: 'radiator 1', summary: { ...summary, enrolled: 1 } },
  },
  {
    type: 'ClaimKeyStatusChanged',
    schemaVersion: 1,
    data: { from: 'active', to: 'suspended', summary: { ...summary, status: 'suspended', opens: false } },
  },
];
const deleted: StoredEvent = { type: 'ClaimKeyDeleted', schemaVersion: 1, data: { name: 'line 5' } };

const newest: NewestVersions<ClaimKeyEvent> = {
  ClaimKeyIssued: 1,
  ClaimKeyRenamed: 1,
  ClaimKeyStatusChanged: 1,
  ClaimKeyLimitChanged: 1,
  ClaimKeyValidityChanged: 1,
  ClaimKeyFolderChanged: 1,
  ClaimKeyEnrolledDevice: 1,
  ClaimKeyDeleted: 1,
};

const folded = (events: readonly StoredEvent[]) =>
  events.map(upcast).reduce(claimKey.evolve, claimKey.initial);

describe('stored events of a claim key', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture([...stored, deleted], newest)).toEqual([]);
  });

  it('are still read', () => {
    const state = folded(stored);
    expect(state).toEqual({
      status: 'existing',
      name: 'line 5',
      standing: 'suspended',
      device: { ...device, folder: '/new' },
      limit: 9,
      enrolled: 1,
      validity: { validUntil: '2026-12-29T10:00:00.000Z' },
    });
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expect(folded([...stored, deleted])).toEqual({ status: 'deleted', name: 'line 5' });
  });
});
