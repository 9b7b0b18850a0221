import { describe, expect, it } from '@jest/globals';
import { standingOf } from './standing.js';

const NOW = Date.parse('2026-12-01T12:00:00.000Z');
const BEFORE = '2026-12-01T11:59:59.000Z';
const AFTER = '2026-12-01T12:00:01.000Z';

describe('what opens something', () => {
  it('is what its status says while its time is not over', () => {
    expect(standingOf({ status: 'active', validFrom: BEFORE, validUntil: AFTER }, NOW)).toBe('active');
    expect(standingOf({ status: 'active' }, NOW)).toBe('active');
  });

  it('is over at the end of its time, and not yet there before its beginning', () => {
    expect(standingOf({ status: 'active', validUntil: BEFORE }, NOW)).toBe('over');
    expect(standingOf({ status: 'active', validUntil: new Date(NOW).toISOString() }, NOW)).toBe('over');
    expect(standingOf({ status: 'active', validFrom: AFTER }, NOW)).toBe('not_yet');
  });

  it('is used up when as many have enrolled as it allows', () => {
    expect(standingOf({ status: 'active', limit: 2, enrolled: 1 }, NOW)).toBe('active');
    expect(standingOf({ status: 'active', limit: 2, enrolled: 2 }, NOW)).toBe('used_up');
    expect(standingOf({ status: 'active', enrolled: 5 }, NOW)).toBe('active');
  });

  it('is suspended or revoked whatever its time', () => {
    expect(standingOf({ status: 'suspended', validUntil: BEFORE }, NOW)).toBe('suspended');
    expect(standingOf({ status: 'revoked', limit: 1, enrolled: 1 }, NOW)).toBe('revoked');
    expect(standingOf({ status: 'unverified', validFrom: AFTER }, NOW)).toBe('unverified');
  });
});
