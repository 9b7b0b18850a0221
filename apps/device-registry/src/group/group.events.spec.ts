import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@muster/event-store';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { group } from './group.decider.js';
import { upcast, type GroupEvent } from './group.events.js';

/**
 * Events as they lie in tables out there. Never edit one: a new shape is a new schema version, an upcast, and one more
 * entry here.
 */
const stored: readonly StoredEvent[] = [
  {
    type: 'GroupCreated',
    schemaVersion: 1,
    data: {
      name: 'roofs',
      description: 'Under the sun',
      filter: 'tags==roof',
      createdAt: '2026-11-28T10:00:00.000Z',
    },
  },
  { type: 'GroupRenamed', schemaVersion: 1, data: { from: 'roofs', to: 'tops' } },
  { type: 'GroupDescribed', schemaVersion: 1, data: { from: 'Under the sun', to: null } },
  { type: 'GroupFilterChanged', schemaVersion: 1, data: { from: 'tags==roof', to: 'tags==top' } },
];

const deleted: StoredEvent = { type: 'GroupDeleted', schemaVersion: 1, data: { name: 'tops' } };

const newest: NewestVersions<GroupEvent> = {
  GroupCreated: 1,
  GroupRenamed: 1,
  GroupDescribed: 1,
  GroupFilterChanged: 1,
  GroupDeleted: 1,
};

const folded = (events: readonly StoredEvent[]) =>
  events.reduce((state, event) => group.evolve(state, upcast(event)), group.initial);

describe('stored events of a group', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture([...stored, deleted], newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(folded(stored)).toEqual({
      status: 'existing',
      name: 'tops',
      description: null,
      filter: 'tags==top',
    });
    expect(folded([...stored, deleted])).toEqual({ status: 'deleted', name: 'tops' });
  });
});
