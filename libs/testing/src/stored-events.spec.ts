import { describe, expect, it } from '@jest/globals';
import { withoutFixture, type NewestVersions } from './stored-events.js';

type Event =
  | { readonly type: 'LampLit'; readonly schemaVersion: 2; readonly data: object }
  | { readonly type: 'LampBroken'; readonly data: object };

describe('withoutFixture', () => {
  const newest: NewestVersions<Event> = { LampLit: 2, LampBroken: 1 };

  it('names every type and version that no stored event is of', () => {
    const stored = [
      { type: 'LampLit', schemaVersion: 2 },
      { type: 'LampLit', schemaVersion: 2 },
    ];
    expect(withoutFixture(stored, newest)).toEqual(['LampLit 1', 'LampBroken 1']);
  });

  it('is content with one of each', () => {
    const stored = [1, 2].map((schemaVersion) => ({ type: 'LampLit', schemaVersion }));
    expect(withoutFixture([...stored, { type: 'LampBroken', schemaVersion: 1 }], newest)).toEqual([]);
  });

  it('gets a list that the compiler keeps whole', () => {
    // @ts-expect-error an event is missing
    const missing: NewestVersions<Event> = { LampLit: 2 };
    // @ts-expect-error the version is not the newest
    const outdated: NewestVersions<Event> = { LampLit: 1, LampBroken: 1 };
    expect([missing, outdated]).toHaveLength(2);
  });
});
