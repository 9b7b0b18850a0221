import { describe, expect, it } from '@jest/globals';
import { nextHop, type Candidate } from './next-hop.js';

const may = (version: string, ...upgradableFrom: string[]): Candidate => ({
  version,
  upgradableFrom,
  availableSince: '2026-01-01T00:00:00.000Z',
});
const hop = (reported: string | null, candidates: Candidate[]) => nextHop(reported, candidates)?.version;

describe('nextHop', () => {
  it('is the first, which is the highest, of those that name the reported version', () => {
    expect(hop('1', [may('4', '3'), may('3', '1'), may('2', '1')])).toBe('3');
  });

  it('is what needs no version before it, for a device that never said one', () => {
    const candidates = [may('3', '1'), may('2'), may('1')];
    expect(hop(null, candidates)).toBe('2');
    expect(hop('0', candidates)).toBeUndefined();
  });

  it('is none for a version that no path names, and none at the end of the path', () => {
    expect(hop('custom', [may('2', '1')])).toBeUndefined();
    expect(hop('2', [may('2', '1'), may('1')])).toBeUndefined();
  });

  it('leads on from a version that is not ours, where a path names it', () => {
    expect(hop('factory', [may('2', 'factory')])).toBe('2');
  });

  it('leads down where an operator took a version back', () => {
    // 2 is suspended, so not among them
    expect(hop('2', [may('1.9', '2'), may('1', '2')])).toBe('1.9');
  });

  it('does not lead down where the way up again is open, directly or by steps', () => {
    expect(hop('2', [may('2', '1'), may('1', '2')])).toBeUndefined();
    expect(hop('3', [may('3', '2'), may('2', '1'), may('1', '3')])).toBeUndefined();
    expect(hop('1', [may('2', '1'), may('1', '2')])).toBe('2');
  });

  it('takes the next lower one where only the first would come back', () => {
    expect(hop('3', [may('3', '2'), may('2', '3'), may('1', '3')])).toBe('1');
  });
});
