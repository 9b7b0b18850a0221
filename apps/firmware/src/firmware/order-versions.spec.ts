import { describe, expect, it } from '@jest/globals';
import { highestFirst } from './order-versions.js';

describe('highestFirst', () => {
  it('orders semantic versions by their rules, not by their text', () => {
    const versions = ['1.2.0', '1.10.0', '1.10.0-rc.1', '0.9.9', '1.10.0-rc.10', '1.10.0-rc.2'];
    expect(versions.sort(highestFirst)).toEqual([
      '1.10.0',
      '1.10.0-rc.10',
      '1.10.0-rc.2',
      '1.10.0-rc.1',
      '1.2.0',
      '0.9.9',
    ]);
  });

  it('understands what is nearly one', () => {
    expect(['v1.2', '1.10', '2', '1.2.1'].sort(highestFirst)).toEqual(['2', '1.10', '1.2.1', 'v1.2']);
  });

  it('puts the rest below, by text', () => {
    expect(['alpha', '0.0.1', 'beta'].sort(highestFirst)).toEqual(['0.0.1', 'beta', 'alpha']);
  });

  it('is an order: the same whichever comes first', () => {
    const versions = ['1.0.0', '1.0.0+a', '1.0', 'x', 'y', '1.0.0+b'];
    const sorted = [...versions].sort(highestFirst);
    expect([...versions].reverse().sort(highestFirst)).toEqual(sorted);
  });
});
