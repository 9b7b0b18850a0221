import { expect, it } from '@jest/globals';
import { rateOf } from './hub-rates.js';

it.each([
  ['identities', 'S1', 1, 100 / 60, 1],
  ['identities', 'S1', 3, 5, 5],
  ['identities', 'S3', 1, 5_000 / 60, 83],
  ['twin-updates', 'S1', 10, 50, 50],
  ['twin-updates', 'S2', 20, 100, 100],
  ['twin-updates', 'S3', 2, 500, 500],
  ['methods', 'S1', 1, 40, 40],
] as const)('%s of %s with %i units', (of, tier, units, perSecond, burst) => {
  expect(rateOf(of, tier, units)).toEqual({ perSecond, burst });
});
