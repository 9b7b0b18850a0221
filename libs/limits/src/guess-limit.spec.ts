import { describe, expect, it } from '@jest/globals';
import { GuessLimit } from './guess-limit.js';

const scene = () => {
  const clock = { now: 1_000 };
  return { clock, limit: new GuessLimit({ burst: 3, perMinute: 6 }, () => clock.now) };
};

describe('GuessLimit', () => {
  it('lets an address be wrong some times, and then refuses whatever it shows until it has waited', () => {
    const { clock, limit } = scene();
    for (let guess = 0; guess < 3; guess += 1) {
      expect(limit.secondsToWait('10.0.0.1', 'a')).toBeUndefined();
      limit.wasWrong('10.0.0.1');
    }
    expect(limit.secondsToWait('10.0.0.1', 'the right one')).toBe(10);
    expect(limit.secondsToWait('10.0.0.2', 'a')).toBeUndefined();
    clock.now += 10_000;
    expect(limit.secondsToWait('10.0.0.1', 'the right one')).toBeUndefined();
  });

  it('lets what was right from there go on, and from nowhere else', () => {
    const { limit } = scene();
    limit.wasRight('10.0.0.1', 'token and secret');
    for (let guess = 0; guess < 50; guess += 1) {
      limit.wasWrong('10.0.0.1');
      limit.wasWrong('10.0.0.2');
    }
    expect(limit.secondsToWait('10.0.0.1', 'token and secret')).toBeUndefined();
    expect(limit.secondsToWait('10.0.0.1', 'token and another')).toBeDefined();
    expect(limit.secondsToWait('10.0.0.2', 'token and secret')).toBeDefined();
  });
});
