import { describe, expect, it } from '@jest/globals';
import { dayOf, isoMicros, isoMillis } from './time.js';

describe('times', () => {
  it('keep their microseconds where they are part of a key', () => {
    const micros = Date.UTC(2026, 0, 1) * 1_000 + 1_234_567;
    expect([isoMicros(micros), isoMillis(micros)]).toEqual([
      '2026-01-01T00:00:01.234567Z',
      '2026-01-01T00:00:01.234Z',
    ]);
  });

  it('belong to a day in UTC', () => {
    const midnight = Date.UTC(2026, 0, 2) * 1_000;
    expect(dayOf(midnight) - dayOf(midnight - 1)).toBe(1);
  });
});
