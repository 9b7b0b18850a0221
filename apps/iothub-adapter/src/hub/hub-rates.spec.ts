import { expect, it } from '@jest/globals';
import { rateOf } from './hub-rates.js';

it.each([
  ['identities', 'S1', 1, 100 / 60, 1],
  ['identities', 'S1', 3, 5, 5],
  ['identities', 'S3', 1, 5_000 / 60, 83],
  ['twin-reads', 'S1', 10, 100, 100],
  ['twin-reads', 'S2', 20, 200, 200],
  ['twin-reads', 'S3', 2, 1_000, 1_000],
  ['twin-updates', 'S1', 10, 50, 50],
  ['twin-updates', 'S2', 20, 100, 100],
  ['twin-updates', 'S3', 2, 500, 500],
  ['methods', 'S1', 1, 40, 40],
  ['methods', 'S2', 2, 240, 240],
  ['methods', 'S3', 1, 6_144, 6_144],
  ['messages', 'S2', 3, 5, 5],
  ['messages', 'S3', 1, 5_000 / 60, 83],
  ['queries', 'S1', 1, 20 / 60, 1],
  ['queries', 'S3', 1, 1_000 / 60, 16],
] as const)('%s of %s with %i units', (of, tier, units, perSecond, burst) => {
  expect(rateOf(of, tier, units)).toEqual({ perSecond, burst });
});
