import { describe, expect, it } from '@jest/globals';
import { noSyncFacts } from '@muster/contracts/configuration/sync-state';
import { follow, type Known, type StateEvent } from './follow-state.js';

const about = { tenantId: 'default', deviceId: 'd1' };
const desired = (version: number, key: string, to?: number): StateEvent => ({
  ...about,
  version,
  sync: { kind: 'desired', configId: `c${version}` },
  desired: { [key]: to === undefined ? { from: 1 } : { to } },
});
const reported = (version: number, key: string, to: number): StateEvent => ({
  ...about,
  version,
  reported: { [key]: { to } },
});
const at = (version: number): Known => ({ version, facts: { ...noSyncFacts, configId: `c${version}` } });

describe('what is followed of a device', () => {
  it('begins with its first event', () => {
    expect(follow(undefined, [desired(1, 'a', 5)])).toEqual({
      step: {
        version: 1,
        facts: { ...noSyncFacts, configId: 'c1' },
        desired: { set: { a: 5 }, removed: [] },
        reported: { set: {}, removed: [] },
      },
      gap: false,
    });
  });

  it('goes on from what is known, in the order of the versions, whatever that of the events', () => {
    const { step, gap } = follow(at(4), [
      reported(7, 'x', 2),
      desired(6, 'a'),
      desired(5, 'a', 5),
      reported(8, 'x', 3),
    ]);
    expect(gap).toBe(false);
    expect(step).toMatchObject({
      version: 8,
      facts: { configId: 'c6' },
      desired: { set: {}, removed: ['a'] },
      reported: { set: { x: 3 }, removed: [] },
    });
  });

  it('passes over what is known already, and what is told twice at once', () => {
    expect(follow(at(4), [desired(3, 'a', 3), desired(4, 'a', 4)])).toEqual({ step: undefined, gap: false });
    const { step, gap } = follow(at(4), [desired(5, 'a', 5), desired(5, 'a', 5), desired(4, 'b', 4)]);
    expect(step).toMatchObject({ version: 5, desired: { set: { a: 5 } } });
    expect(step?.desired.set).toEqual({ a: 5 });
    expect(gap).toBe(false);
  });

  it('stops before a gap, and says so', () => {
    expect(follow(undefined, [desired(2, 'a', 5)])).toEqual({ step: undefined, gap: true });
    const { step, gap } = follow(at(4), [desired(5, 'a', 5), desired(7, 'a', 7)]);
    expect(step).toMatchObject({ version: 5 });
    expect(gap).toBe(true);
  });

  it('keeps names that are properties of every object', () => {
    const named: StateEvent = {
      ...about,
      version: 1,
      reported: JSON.parse('{"__proto__":{"to":1}}') as never,
    };
    expect(JSON.stringify(follow(undefined, [named]).step?.reported.set)).toBe('{"__proto__":1}');
  });
});
