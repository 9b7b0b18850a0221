import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyOfTwin, mapObject, twinKey } from './twin-keys.js';

describe('a key in a twin', () => {
  it.each([
    ['interval', 'interval'],
    ['a.b', 'a%2Eb'],
    ['$set # x', '%24set%20%23%20x'],
    ['100%', '100%25'],
    ['grün', 'grün'],
    ['a\u2028b', 'a%E2%80%A8b'],
  ])('%j is %j, and back', (key, escaped) => {
    expect(twinKey(key)).toBe(escaped);
    expect(keyOfTwin(escaped)).toBe(key);
  });

  it('holds nothing that twins refuse, and comes back, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (key) => {
        const escaped = twinKey(key);
        expect(escaped).not.toMatch(/[.$#\s\p{Cc}]/u);
        expect(keyOfTwin(escaped)).toBe(key);
      }),
    );
  });

  it('of the device is kept when it is no escape of ours', () => {
    expect(keyOfTwin('50%')).toBe('50%');
    expect(keyOfTwin('%E9')).toBe('%E9');
  });

  it('is escaped at every depth', () => {
    expect(mapObject({ 'a.b': [{ 'c.d': 1 }], e: { 'f g': null } }, twinKey)).toEqual({
      'a%2Eb': [{ 'c%2Ed': 1 }],
      e: { 'f%20g': null },
    });
  });
});
