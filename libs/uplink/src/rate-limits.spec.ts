import { describe, expect, it } from '@jest/globals';
import { RateLimits } from './rate-limits.js';

const d1 = { tenantId: 't1', deviceId: 'd1' };
const d2 = { tenantId: 't1', deviceId: 'd2' };
const limitsOf = (device = { perSecond: 10, burst: 5 }, tenant = { perSecond: 1_000, burst: 1_000 }) => {
  const clock = { now: 1_000_000 };
  const limits = new RateLimits({ device, tenant }, () => clock.now);
  const passed = (who: typeof d1, times: number): number =>
    Array.from({ length: times }, () => limits.check(who)).filter((one) => one.verdict === 'pass').length;
  return { clock, limits, passed };
};

describe('the limit of a device', () => {
  it('lets a burst pass, and after that its rate', () => {
    const { clock, passed } = limitsOf();
    expect(passed(d1, 20)).toBe(5);
    clock.now += 1_000;
    expect(passed(d1, 20)).toBe(5);
    clock.now += 200;
    expect(passed(d1, 20)).toBe(2);
  });

  it('is its own: others are served meanwhile', () => {
    const { passed } = limitsOf();
    expect(passed(d1, 20)).toBe(5);
    expect(passed(d2, 3)).toBe(3);
  });

  it('is told with its number', () => {
    const { limits, passed } = limitsOf();
    passed(d1, 5);
    expect(limits.check(d1)).toEqual({
      verdict: 'over',
      limit: 'device',
      reason: 'too many messages: a device may send 10 a second',
    });
  });

  it('is forgotten when nothing is left of it', () => {
    const { clock, limits, passed } = limitsOf();
    passed(d1, 500);
    expect(limits.size).toBe(2);
    clock.now += 61_000;
    passed(d2, 1);
    expect(limits.size).toBe(2);
  });
});

describe('the limit of a tenant', () => {
  it('holds for its devices together, and not for another tenant', () => {
    const { limits, passed } = limitsOf({ perSecond: 10, burst: 5 }, { perSecond: 10, burst: 7 });
    expect(passed(d1, 5)).toBe(5);
    expect(passed(d2, 5)).toBe(2);
    expect(limits.check(d2)).toMatchObject({ verdict: 'over', limit: 'tenant' });
    expect(limits.check({ tenantId: 't2', deviceId: 'd3' }).verdict).toBe('pass');
  });

  it('is not used up by what a device is refused', () => {
    const { passed } = limitsOf({ perSecond: 10, burst: 5 }, { perSecond: 10, burst: 8 });
    expect(passed(d1, 100)).toBe(5);
    expect(passed(d2, 3)).toBe(3);
  });
});
