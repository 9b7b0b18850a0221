import { describe, expect, it } from '@jest/globals';
import { sharesOf } from './shares.js';

const ALL_TOLD = { invalid: 3, pending: 0 };

describe('what devices report of a key', () => {
  it('begins with what they should, and ends with those of whom nothing is known', () => {
    const { total, shares } = sharesOf(
      {
        key: 'version',
        expected: { a: 1, b: 2 },
        values: [
          { value: '1', devices: 5 },
          { value: { b: 2, a: 1 }, devices: 3 },
          { cut: true, devices: 2 },
        ],
        ...{ others: 0, none: 1, unknown: 4 },
      },
      ALL_TOLD,
    );
    expect(total).toBe(15);
    expect(shares).toEqual([
      { kind: 'expected', value: { a: 1, b: 2 }, devices: 3 },
      { kind: 'value', value: '1', devices: 5, stands: 'wrong' },
      { kind: 'cut', devices: 2, stands: 'wrong' },
      { kind: 'none', devices: 1 },
      { kind: 'unknown', devices: 4 },
    ]);
  });

  it('names what should be reported while nobody does, and does not take 1 for "1"', () => {
    const { shares } = sharesOf(
      {
        ...{ key: 'version', expected: 1, values: [{ value: '1', devices: 2 }] },
        ...{ others: 0, none: 0, unknown: 0 },
      },
      ALL_TOLD,
    );
    expect(shares).toEqual([
      { kind: 'expected', value: 1, devices: 0 },
      { kind: 'value', value: '1', devices: 2, stands: 'wrong' },
    ]);
  });

  it.each([
    ['waiting', { invalid: 0, pending: 2 }],
    ['either', { invalid: 1, pending: 1 }],
    ['wrong', { invalid: 2, pending: 0 }],
  ] as const)('is %s where another is expected, by how the devices stand', (stands, verdicts) => {
    const of = { key: 'mode', values: [{ value: 'eco', devices: 2 }], others: 0, none: 0, unknown: 0 };
    expect(sharesOf({ ...of, expected: 'boost' }, verdicts).shares[1]).toMatchObject({ stands });
    expect(sharesOf(of, verdicts).shares).toEqual([{ kind: 'value', value: 'eco', devices: 2 }]);
  });

  it('says that there is nothing where each device has its own and none was heard', () => {
    const { shares } = sharesOf({ key: 'k', values: [], others: 0, none: 0, unknown: 0 }, ALL_TOLD);
    expect(shares).toEqual([{ kind: 'none', devices: 0 }]);
  });
});
