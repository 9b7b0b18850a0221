import { describe, expect, it } from '@jest/globals';
import { arrivalClock } from './arrival-clock.js';

describe('the arrival clock', () => {
  it('rises strictly, also within a millisecond and when the clock is set back', () => {
    const times = [5, 5, 5, 3, 6];
    const next = arrivalClock(() => times.shift() ?? 7);
    expect([next(), next(), next(), next(), next()]).toEqual([5_000, 5_001, 5_002, 5_003, 6_000]);
  });
});
