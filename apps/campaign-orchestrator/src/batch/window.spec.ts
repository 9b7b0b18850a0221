import { describe, expect, it } from '@jest/globals';
import type { StoredWindow } from '../campaign/campaign.events.js';
import { windowAt } from './window.js';

const paris = (from: string, to: string, days: StoredWindow['days'] = null): StoredWindow => ({
  timeZone: 'Europe/Paris',
  from,
  to,
  days,
});

describe('a window', () => {
  it('that is not there is always open', () => {
    expect(windowAt(null, '2026-11-28T12:00:00.000Z')).toEqual({ open: true, changesAt: null });
  });

  it('is open from its beginning until before its end, by the clocks of its zone', () => {
    const window = paris('09:00', '17:30');
    const closed = { open: false, changesAt: '2026-11-28T08:00:00.000Z' };
    expect(windowAt(window, '2026-11-28T07:59:59.999Z')).toEqual(closed);
    const open = { open: true, changesAt: '2026-11-28T16:30:00.000Z' };
    expect(windowAt(window, '2026-11-28T08:00:00.000Z')).toEqual(open);
    expect(windowAt(window, '2026-11-28T16:29:59.999Z')).toEqual(open);
    expect(windowAt(window, '2026-11-28T16:30:00.000Z')).toEqual({
      open: false,
      changesAt: '2026-11-29T08:00:00.000Z',
    });
  });

  it('may go over midnight', () => {
    const window = paris('22:00', '04:00');
    expect(windowAt(window, '2026-11-28T02:59:00.000Z')).toEqual({
      open: true,
      changesAt: '2026-11-28T03:00:00.000Z',
    });
    expect(windowAt(window, '2026-11-28T12:00:00.000Z')).toEqual({
      open: false,
      changesAt: '2026-11-28T21:00:00.000Z',
    });
  });

  it('begins on its days only; the night after belongs to them', () => {
    // The 28th of November 2026 is a Saturday.
    const window = paris('22:00', '04:00', ['fri', 'sun']);
    expect(windowAt(window, '2026-11-28T02:00:00.000Z').open).toBe(true);
    expect(windowAt(window, '2026-11-28T22:00:00.000Z')).toEqual({
      open: false,
      changesAt: '2026-11-29T21:00:00.000Z',
    });
    expect(windowAt(paris('09:00', '10:00', ['sat']), '2026-11-28T12:00:00.000Z').changesAt).toBe(
      '2026-12-05T08:00:00.000Z',
    );
  });

  it('that lies in the hour which clocks skip is not open that day, and opens the next time', () => {
    // Clocks in Paris go from two to three on Sunday, the 28th of March 2027.
    const closed = { open: false, changesAt: '2027-04-04T00:00:00.000Z' };
    expect(windowAt(paris('02:00', '03:00', ['sun']), '2027-03-22T12:00:00.000Z')).toEqual(closed);
    expect(windowAt(paris('02:00', '03:00'), '2027-03-27T12:00:00.000Z').changesAt).toBe(
      '2027-03-29T00:00:00.000Z',
    );
  });

  it('from a time to the same is a whole day, and every day is always', () => {
    expect(windowAt(paris('08:00', '08:00'), '2026-11-28T12:00:00.000Z')).toEqual({
      open: true,
      changesAt: null,
    });
    expect(windowAt(paris('08:00', '08:00', ['sat']), '2026-11-28T12:00:00.000Z')).toEqual({
      open: true,
      changesAt: '2026-11-29T07:00:00.000Z',
    });
  });

  it('keeps the time of day when clocks are put forward, and what they skip comes as much later', () => {
    // In Paris 02:00 is 03:00 on the 29th of March 2026.
    expect(windowAt(paris('09:00', '10:00'), '2026-03-28T12:00:00.000Z').changesAt).toBe(
      '2026-03-29T07:00:00.000Z',
    );
    expect(windowAt(paris('02:30', '05:00'), '2026-03-28T12:00:00.000Z').changesAt).toBe(
      '2026-03-29T01:30:00.000Z',
    );
  });

  it('begins at the first of two, when clocks are put back', () => {
    // In Paris 03:00 is 02:00 again on the 25th of October 2026.
    expect(windowAt(paris('02:30', '05:00'), '2026-10-24T12:00:00.000Z').changesAt).toBe(
      '2026-10-25T00:30:00.000Z',
    );
    expect(windowAt(paris('02:30', '05:00'), '2026-10-25T02:00:00.000Z').changesAt).toBe(
      '2026-10-25T04:00:00.000Z',
    );
  });

  it('over the midnight in which clocks change is an hour shorter or longer', () => {
    const night = paris('22:00', '05:00');
    expect(windowAt(night, '2026-03-28T21:30:00.000Z')).toEqual({
      open: true,
      changesAt: '2026-03-29T03:00:00.000Z',
    });
    expect(windowAt(night, '2026-10-24T20:30:00.000Z')).toEqual({
      open: true,
      changesAt: '2026-10-25T04:00:00.000Z',
    });
  });

  it('counts days by the calendar of its zone', () => {
    const tokyo: StoredWindow = { timeZone: 'Asia/Tokyo', from: '06:00', to: '07:00', days: ['sun'] };
    expect(windowAt(tokyo, '2026-11-28T21:30:00.000Z').open).toBe(true);
    expect(windowAt({ ...tokyo, timeZone: 'America/New_York' }, '2026-11-29T11:30:00.000Z').open).toBe(true);
  });
});
