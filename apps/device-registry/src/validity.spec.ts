import { describe, expect, it } from '@jest/globals';
import { editedValidity, nextEdge, overlap, phaseAt } from './validity.js';

const [a, b, c] = ['2026-11-28T10:00:00.000Z', '2026-11-28T11:00:00.000Z', '2026-11-28T12:00:00.000Z'];

describe('a time', () => {
  it('begins with its first moment and ends before its last', () => {
    const validity = { validFrom: a, validUntil: b };
    expect(phaseAt(validity, '2026-11-28T09:59:59.999Z')).toBe('before');
    expect(phaseAt(validity, a)).toBe('within');
    expect(phaseAt(validity, '2026-11-28T10:59:59.999Z')).toBe('within');
    expect(phaseAt(validity, b)).toBe('after');
    expect(phaseAt({}, a)).toBe('within');
  });

  it('knows when it is another one', () => {
    const validity = { validFrom: b, validUntil: c };
    expect([a, b, c].map((at) => nextEdge(validity, at))).toEqual([b, c, undefined]);
    expect(nextEdge({}, a)).toBeUndefined();
  });

  it('overlaps another', () => {
    expect(overlap({ validFrom: a, validUntil: c }, { validFrom: b })).toEqual({
      validFrom: b,
      validUntil: c,
    });
    expect(overlap({ validUntil: c }, { validUntil: b })).toEqual({ validUntil: b });
    expect(overlap({}, {})).toEqual({});
  });

  it('is edited: absent stays, null is without an end', () => {
    const before = { validFrom: a, validUntil: b };
    expect(editedValidity('edit', before, {}, a)).toEqual(before);
    expect(editedValidity('edit', before, { validUntil: null }, a)).toEqual({ validFrom: a });
    expect(editedValidity('edit', before, { validUntil: '2026-11-28T13:00:00+01:00' }, a)).toEqual({
      validFrom: a,
      validUntil: c,
    });
    expect(() => editedValidity('edit', before, { validFrom: b }, a)).toThrow(
      'edit.validUntil must be later than validFrom',
    );
  });

  it('is not given an end that is over, and one that is over may stay', () => {
    const past = 'edit.validUntil must be in the future';
    expect(() => editedValidity('edit', {}, { validUntil: b }, b)).toThrow(past);
    expect(() => editedValidity('edit', { validUntil: c }, { validUntil: a }, b)).toThrow(past);
    expect(editedValidity('edit', { validUntil: a }, { validUntil: a }, b)).toEqual({ validUntil: a });
    expect(editedValidity('edit', { validUntil: a }, {}, b)).toEqual({ validUntil: a });
  });
});
