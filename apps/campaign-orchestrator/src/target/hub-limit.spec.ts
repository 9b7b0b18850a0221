import { describe, expect, it } from '@jest/globals';
import { limitOf } from './hub-limit.js';

describe('what a campaign says of a hub that limits it', () => {
  it('is until about when, to the minute, and how many wait', () => {
    const until = '2026-11-30T14:31:07.500Z';
    expect(limitOf([{ name: 'factory', waiting: 700, until }])).toEqual({
      detail:
        'Limited by the IoT Hub "factory", until about 2026-11-30 14:32 UTC: 700 documents wait for it.',
      until: '2026-11-30T14:32:00.000Z',
    });
    expect(limitOf([{ name: 'factory', waiting: 1, until }])?.detail).toContain('1 document waits for it.');
  });

  it('is nothing without one', () => {
    expect(limitOf([])).toBeNull();
  });
});
