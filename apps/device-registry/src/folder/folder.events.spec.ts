import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@muster/event-store';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { folder } from './folder.decider.js';
import { upcast, type FolderEvent } from './folder.events.js';

const place = { name: 'north', parentId: '01936c36-5a6b-7c8d-9e0f-1a2b3c4d5e6f', path: '/paris/north' };

/**
 * Events as they lie in tables out there. Never edit one: a new shape is a new schema version, an upcast, and one more
 * entry here.
 */
const stored: readonly StoredEvent[] = [
  { type: 'FolderCreated', schemaVersion: 1, data: { ...place, createdAt: '2026-11-29T10:00:00.000Z' } },
  {
    type: 'FolderMoved',
    schemaVersion: 1,
    data: { from: place, to: { name: 'north', parentId: null, path: '/north' } },
  },
];
const deleted: StoredEvent = { type: 'FolderDeleted', schemaVersion: 1, data: { path: '/north' } };

const newest: NewestVersions<FolderEvent> = { FolderCreated: 1, FolderMoved: 1, FolderDeleted: 1 };

const folded = (events: readonly StoredEvent[]) =>
  events.reduce((state, event) => folder.evolve(state, upcast(event)), folder.initial);

describe('stored events of a folder', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture([...stored, deleted], newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(folded(stored)).toEqual({ status: 'existing', name: 'north', parentId: null });
    expect(folded([...stored, deleted])).toEqual({ status: 'deleted' });
  });
});
