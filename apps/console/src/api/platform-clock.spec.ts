import { describe, expect, it } from '@jest/globals';
import { learnClock, platformTime } from './platform-clock.js';

const NOON = Date.parse('2026-11-30T12:00:00.000Z');
const answeredAt = (date: string | undefined) => ({
  headers: new Headers(date === undefined ? {} : { date }),
});

describe("the platform's clock", () => {
  it('counts where this computer goes wrong by more than an answer is on its way', () => {
    learnClock(answeredAt('Mon, 30 Nov 2026 11:00:00 GMT'), NOON);
    expect(platformTime(NOON)).toBe(NOON - 3_600_000);
    learnClock(answeredAt('Mon, 30 Nov 2026 11:59:57 GMT'), NOON);
    expect(platformTime(NOON)).toBe(NOON);
  });

  it('is what it was where an answer does not tell', () => {
    learnClock(answeredAt('Mon, 30 Nov 2026 13:00:00 GMT'), NOON);
    learnClock(answeredAt(undefined), NOON);
    expect(platformTime(NOON)).toBe(NOON + 3_600_000);
  });
});
