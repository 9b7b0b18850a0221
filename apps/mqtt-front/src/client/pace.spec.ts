import { expect, it } from '@jest/globals';
import { Pace } from './pace.js';

const paceAt = (clock: { now: number }) =>
  new Pace(
    {
      device: { perSecond: 10, burst: 5 },
      tenant: { perSecond: 100, burst: 50 },
      guesses: { perSecond: 1, burst: 2 },
    },
    () => clock.now,
  );

it('lets a burst pass, and then says how long a device is to be left unread', () => {
  const clock = { now: 0 };
  const pace = paceAt(clock);
  const device = { tenantId: 't', deviceId: 'd' };
  expect([1, 2, 3, 4].map(() => pace.charge(device))).toEqual([0, 0, 0, 0]);
  expect(pace.charge(device)).toBe(100);
  expect(pace.charge(device, 3)).toBe(400);
  clock.now = 400;
  expect(pace.charge({ tenantId: 't', deviceId: 'other' })).toBe(0);
  expect(pace.charge(device)).toBe(100);
});

it('makes an address slow that shows what opens nothing', () => {
  const clock = { now: 0 };
  const pace = paceAt(clock);
  expect([1, 2, 3].map(() => pace.guessed('192.0.2.1'))).toEqual([0, 1_000, 2_000]);
  expect(pace.guessed('192.0.2.2')).toBe(0);
});
