import { describe, expect, it } from '@jest/globals';
import { emptySection, mergeSection, replaceSection, sectionJson } from './twin-section.js';

const AT = Date.UTC(2026, 0, 1);
const LATER = AT + 1_000;
const stamp = (ms: number, $lastUpdatedVersion: number): object => ({
  $lastUpdated: new Date(ms).toISOString().replace('Z', '0000Z'),
  $lastUpdatedVersion,
});

describe('a section of a twin', () => {
  const first = mergeSection('desired', emptySection('desired', AT), { a: 1, b: { c: 2, d: 3 } }, AT);

  it('merges objects, replaces all else and removes by null', () => {
    const { values } = mergeSection('desired', first, { a: [1], b: { c: null, e: 4 } }, LATER);
    expect(values).toEqual({ a: [1], b: { d: 3, e: 4 } });
  });

  it('keeps for each key when it was set last, and by which version', () => {
    const { metadata } = mergeSection('desired', first, { b: { c: 5 } }, LATER);
    expect(metadata).toEqual({
      ...stamp(LATER, 3),
      a: stamp(AT, 2),
      b: { ...stamp(LATER, 3), c: stamp(LATER, 3), d: stamp(AT, 2) },
    });
  });

  it('forgets the metadata of what is removed', () => {
    expect(mergeSection('desired', first, { b: null }, LATER).metadata).not.toHaveProperty('b');
  });

  it('is a new version even when the same is set again', () => {
    expect(mergeSection('desired', first, { a: 1 }, LATER).version).toBe(3);
  });

  it('is replaced whole', () => {
    const { values, version } = replaceSection('desired', first, { z: 1 }, LATER);
    expect({ values, version }).toEqual({ values: { z: 1 }, version: 3 });
  });

  it('has no version per key where a device reports', () => {
    const reported = mergeSection('reported', emptySection('reported', AT), { a: 1 }, AT);
    expect(sectionJson(reported)).toEqual({
      a: 1,
      $metadata: {
        $lastUpdated: '2026-01-01T00:00:00.0000000Z',
        a: { $lastUpdated: '2026-01-01T00:00:00.0000000Z' },
      },
      $version: 2,
    });
  });
});
