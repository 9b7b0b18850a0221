import { describe, expect, it } from '@jest/globals';
import { QueueLag } from './queue-lag.js';

const lagAt = () => {
  const clock = { now: 5_000 };
  return { clock, lag: new QueueLag(() => clock.now) };
};

describe('how long a message may have waited', () => {
  it('is unknown for what lay in the queue at the beginning, and known for what came later', () => {
    const { clock, lag } = lagAt();
    lag.opened(2, lag.asking());
    clock.now += 100;
    expect([lag.ofNext(false), lag.ofNext(false), lag.ofNext(false)]).toEqual([Infinity, Infinity, 100]);
  });

  it('is the time since the queue was last seen empty', () => {
    const { clock, lag } = lagAt();
    lag.opened(0, lag.asking());
    lag.seen(0, lag.asking());
    clock.now += 1_000;
    lag.seen(400, lag.asking());
    clock.now += 1_000;
    expect(lag.ofNext(false)).toBe(2_000);
    lag.seen(0, lag.asking());
    expect(lag.ofNext(false)).toBe(0);
  });

  it('goes on over a new connection, and is unknown for what is delivered again', () => {
    const { clock, lag } = lagAt();
    lag.opened(0, lag.asking());
    lag.seen(0, lag.asking());
    clock.now += 60_000;
    lag.opened(300, lag.asking());
    expect(lag.ofNext(true)).toBe(Infinity);
    expect(lag.ofNext(false)).toBe(60_000);
  });

  it('counts from the question, not from the answer: a process that was frozen between the two reads both long after', () => {
    const { clock, lag } = lagAt();
    const opening = lag.asking();
    clock.now += 40_000;
    lag.opened(0, opening);
    expect(lag.ofNext(false)).toBe(40_000);
    const asked = lag.asking();
    clock.now += 40_000;
    lag.seen(0, asked);
    expect(lag.ofNext(false)).toBe(40_000);
  });
});
