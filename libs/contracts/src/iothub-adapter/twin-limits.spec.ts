import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../fields.js';
import { wrongForHubDevice, wrongForTwin } from './twin-limits.js';

const deep = (levels: number): JsonObject => (levels === 1 ? { end: 1 } : { a: deep(levels - 1) });
const many = (bytes: number): JsonObject =>
  Object.fromEntries(
    Array.from({ length: Math.ceil(bytes / 1_000) }, (_, nth) => [`k${nth}`, 'x'.repeat(990)]),
  );

it.each<[string, JsonObject]>([
  ['at most 32768 bytes of desired properties', many(33_000)],
  ['nested at most 10 deep', deep(11)],
  ['a text in a twin has at most 4096 bytes', { a: 'x'.repeat(4_097) }],
  ['a whole number in a twin is between -2^52 and 2^52', { a: 2 ** 53 }],
  ['a key in a twin has at most 1024 bytes', { ['x'.repeat(1_025)]: 1 }],
])('is refused by the name of the limit: %s', (words, desired) => {
  expect(wrongForTwin(desired)).toContain(words);
});

it('what is just within the limits is taken', () => {
  for (const desired of [deep(10), { a: 'x'.repeat(4_096) }, { a: 2 ** 52 }, many(31_000)]) {
    expect(wrongForTwin(desired)).toBeUndefined();
  }
});

describe('a document of a device in a hub', () => {
  it('is refused with the key and the limit, as it would be written in its twin', () => {
    // Three levels are the platform's own.
    expect(wrongForHubDevice({ fine: deep(6) }, ['fine'])).toBeUndefined();
    expect(wrongForHubDevice({ fine: 1, low: deep(7) }, ['fine', 'low'])).toMatch(/^key "low": .*10 deep/);
    // A key is longer there than here: `%` is written as three characters.
    expect(wrongForHubDevice({ ['%'.repeat(342)]: 1 }, ['%'.repeat(342)])).toContain('1024 bytes');
    expect(wrongForHubDevice(many(33_000), [])).toContain('32768 bytes');
  });

  it('is not for what it had before and is not changed now', () => {
    expect(wrongForHubDevice({ old: 2 ** 53, fine: 1 }, ['fine'])).toBeUndefined();
    expect(wrongForHubDevice({ fine: 1 }, ['removed', 'fine'])).toBeUndefined();
  });
});
