import { describe, expect, it } from '@jest/globals';
import { clock, duration, exact, percent, relative, withOwnTimes } from './format.js';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

describe('times as they are shown', () => {
  it('rounds how long ago, and never says 60 of a unit', () => {
    expect(relative(30 * DAY - SECOND, 0)).toMatch(/30/);
    expect(relative(12 * HOUR - SECOND, 0)).toMatch(/12/);
    expect(relative(59.6 * SECOND, 0)).toBe(relative(60 * SECOND, 0));
    expect(relative(-59.6 * 60 * SECOND, 0)).toBe(relative(-HOUR, 0));
    expect(relative(-(DAY - SECOND), 0)).toBe(relative(-DAY, 0));
    expect(relative(2 * SECOND, 0)).toBe('now');
  });

  it('rounds the smaller unit of a duration', () => {
    expect(duration(30 * 86_400 - 1)).toBe('30 d');
    expect(duration(3_599.6)).toBe('1 h');
    expect(duration(86_400 - 1)).toBe('1 d');
    expect(duration(90_000)).toBe('1 d 1 h');
    expect(duration(250)).toBe('4 min 10 s');
  });

  it('says the day with the clock only where it is not today', () => {
    const noon = new Date(2026, 0, 2, 12, 0).getTime();
    expect(clock(noon - HOUR, noon)).toBe('11:00');
    expect(clock(noon - DAY, noon)).toMatch(/^\D*1\D*, 12:00$/);
  });

  it('are those of who looks in sentences of the platform, too', () => {
    const at = '2026-12-01T02:00:00.000Z';
    expect(withOwnTimes(`for ${at}, until ${at}`)).toBe(
      `for ${exact(Date.parse(at))}, until ${exact(Date.parse(at))}`,
    );
    expect(withOwnTimes('until about 2026-12-01 02:00 UTC: 7 wait')).toBe(
      `until about ${exact(Date.parse(at))}: 7 wait`,
    );
    expect(withOwnTimes('32 devices')).toBe('32 devices');
  });

  it('says the year where it is not this one', () => {
    const noon = new Date(2026, 0, 2, 12, 0).getTime();
    expect(clock(noon - DAY, noon)).not.toContain('2026');
    expect(clock(noon - 30 * DAY, noon)).toContain('2025');
  });
});

describe('a part as it is shown', () => {
  it('is all or nothing only where it is all or nothing', () => {
    expect(percent(100_000, 100_000)).toBe('100 %');
    expect(percent(99_999, 100_000)).toBe('> 99.9 %');
    expect(percent(1, 100_000)).toBe('< 0.1 %');
    expect(percent(0, 100_000)).toBe('0 %');
    expect(percent(1, 3)).toBe('33.3 %');
    expect(percent(0, 0)).toBe('–');
  });
});
