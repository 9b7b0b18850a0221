import { describe, expect, it } from '@jest/globals';
import { sharesOf } from './shares.js';

describe('what devices report of a key', () => {
  it('begins with what they should, and ends with those of whom nothing is known', () => {
    const { total, shares } = sharesOf({
      key: 'version',
      expected: { a: 1, b: 2 },
      values: [
        { value: '1', devices: 5 },
        { value: { b: 2, a: 1 }, devices: 3 },
        { cut: true, devices: 2 },
      ],
      ...{ others: 0, none: 1, unknown: 4 },
    });
    expect(total).toBe(15);
    expect(shares).toEqual([
      { kind: 'expected', value: { a: 1, b: 2 }, devices: 3 },
      { kind: 'value', value: '1', devices: 5 },
      { kind: 'cut', devices: 2 },
      { kind: 'none', devices: 1 },
      { kind: 'unknown', devices: 4 },
    ]);
  });

  it('names what should be reported while nobody does, and does not take 1 for "1"', () => {
    const { shares } = sharesOf({
      ...{ key: 'version', expected: 1, values: [{ value: '1', devices: 2 }] },
      ...{ others: 0, none: 0, unknown: 0 },
    });
    expect(shares).toEqual([
      { kind: 'expected', value: 1, devices: 0 },
      { kind: 'value', value: '1', devices: 2 },
    ]);
  });

  it('says that there is nothing where each device has its own and none was heard', () => {
    const { shares } = sharesOf({ key: 'k', values: [], others: 0, none: 0, unknown: 0 });
    expect(shares).toEqual([{ kind: 'none', devices: 0 }]);
  });
});
