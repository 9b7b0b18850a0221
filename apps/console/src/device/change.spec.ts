import { describe, expect, it } from '@jest/globals';
import { changedBetween, isInPlace, keyState, requestOf, undoOf, withChange } from './change.js';
import type { Configuration } from './device.queries.js';

const before: Configuration = {
  deviceId: 'd',
  version: 3,
  configId: 'c',
  syncState: 'rejected',
  keys: {
    setpoint: { desired: 21, origin: 'device', inSync: false },
    report: { desired: { every: 60, at: 'noon' }, origin: 'device', inSync: true },
    mode: { desired: 'eco', origin: 'device-type', inSync: true },
    battery: { reported: 3, inSync: false },
  },
};

describe('a change of one key', () => {
  it('is a patch of that key alone', () => {
    expect(requestOf(before, { key: 'setpoint', kind: 'set', value: 5 })).toEqual({
      method: 'PATCH',
      body: { setpoint: 5 },
    });
    expect(requestOf(before, { key: 'setpoint', kind: 'withdraw' })).toEqual({
      method: 'PATCH',
      body: { setpoint: null },
    });
  });

  it('of an object sends all own values and no default, since a patch would keep a member that was taken out', () => {
    expect(requestOf(before, { key: 'report', kind: 'set', value: { every: 60 } })).toEqual({
      method: 'PUT',
      body: { setpoint: 21, report: { every: 60 } },
    });
  });

  it('is taken back to the own value of before, or to none', () => {
    expect(undoOf(before, { key: 'setpoint', kind: 'set', value: 5 })).toEqual({
      key: 'setpoint',
      kind: 'set',
      value: 21,
    });
    for (const key of ['mode', 'new']) {
      expect(undoOf(before, { key, kind: 'set', value: 5 })).toEqual({ key, kind: 'withdraw' });
    }
  });

  it('is taken back only while it is in place', () => {
    const report = { key: 'report', kind: 'set', value: { at: 'noon', every: 60 } } as const;
    expect(isInPlace(before, report)).toBe(true);
    expect(isInPlace(before, { ...report, value: { at: 'noon' } })).toBe(false);
    expect(isInPlace(before, { key: 'mode', kind: 'withdraw' })).toBe(true);
    expect(isInPlace(before, { key: 'setpoint', kind: 'withdraw' })).toBe(false);
  });

  it('shows at once', () => {
    const after = withChange(before, { key: 'mode', kind: 'set', value: 'boost' });
    expect(after.keys['mode']).toEqual({ desired: 'boost', origin: 'device', inSync: false });
    expect(changedBetween(before, after)).toEqual(['mode']);
    expect(withChange(before, { key: 'setpoint', kind: 'withdraw' }).keys).not.toHaveProperty('setpoint');
  });

  it('has the state of the document, as far as the key has part in it', () => {
    const states = ['setpoint', 'report', 'battery'].map((key) => keyState(before, key));
    expect(states).toEqual(['rejected', 'in_sync', 'reported_only']);
    expect(keyState({ ...before, syncState: 'in_sync' }, 'setpoint')).toBe('differs');
  });
});
