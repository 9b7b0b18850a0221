import { describe, expect, it } from '@jest/globals';
import { ExactlyOnce, PartialSubscribes } from './packet-ids.js';

describe('QoS 2', () => {
  it('sends an id once until it is released', () => {
    const ids = new ExactlyOnce();
    expect(ids.publish(7)).toBe('send');
    expect(ids.publish(7)).toBe('wait');
    expect(ids.release(7)).toBe(false);
    expect(ids.taken(7)).toBe(true);
    expect(ids.publish(7)).toBe('acknowledge');
    expect(ids.release(7)).toBe(true);
    expect(ids.publish(7)).toBe('send');
  });

  it('leaves what was QoS 1 alone', () => {
    const ids = new ExactlyOnce();
    expect(ids.taken(7)).toBe(false);
    ids.publish(8);
    expect(ids.taken(7)).toBe(false);
    ids.taken(8);
    expect(ids.taken(8)).toBe(false);
  });
});

describe('a SUBSCRIBE of which some filters are refused', () => {
  it('is answered filter by filter', () => {
    const open = new PartialSubscribes();
    open.sent(3, [false, true, false, true]);
    expect(open.merge(3, [1, 0], 0x80)).toEqual([0x80, 1, 0x80, 0]);
    expect(open.merge(3, [1], 0x80)).toEqual([1]);
  });

  it('is answered as the broker does where all are granted', () => {
    const open = new PartialSubscribes();
    open.sent(3, [true]);
    expect(open.merge(3, [1], 0x80)).toEqual([1]);
  });

  it('is bounded in number', () => {
    const open = new PartialSubscribes();
    const sent = Array.from({ length: 101 }, (_, id) => open.sent(id, [false, true]));
    expect(sent.filter(Boolean)).toHaveLength(100);
  });
});
