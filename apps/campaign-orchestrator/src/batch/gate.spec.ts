import { describe, expect, it } from '@jest/globals';
import type { StoredGate } from '../campaign/campaign.events.js';
import { gateDetail } from '../campaign/gate-detail.js';
import { judgeGate, type GateInput } from './gate.js';

const since = '2026-11-28T12:00:00.000Z';
const now = '2026-11-28T12:10:00.000Z';
const gate = (of: Partial<StoredGate> = {}): StoredGate => ({
  minSuccessPercent: null,
  maxFailurePercent: 5,
  minSettled: 50,
  soakSeconds: 0,
  maxWaitSeconds: null,
  offline: 'exclude',
  ...of,
});
const batch = (of: Partial<GateInput> = {}): GateInput => ({
  succeeded: 0,
  failed: 0,
  timedOut: 0,
  offline: 0,
  open: 0,
  observedSince: since,
  now,
  ...of,
});
const answer = (of: Partial<StoredGate>, input: Partial<GateInput>) =>
  judgeGate(gate(of), batch(input)).answer;

describe('a gate', () => {
  it('says nothing before enough devices are settled', () => {
    expect(judgeGate(gate(), batch({ succeeded: 30, failed: 10, open: 60 }))).toEqual({
      answer: null,
      numbers: { size: 100, settled: 40, succeeded: 30, failed: 10, timedOut: 0 },
      nextAt: null,
      waitsFor: 'Its gate is judged when 50 devices have settled; so far 40 of 100.',
    });
  });

  it('passes and fails by the settled ones, whatever the others will do', () => {
    expect(answer({}, { succeeded: 48, failed: 2, open: 1_000 })).toBe('pass');
    expect(answer({}, { succeeded: 46, failed: 2, timedOut: 2, open: 1_000 })).toBe('fail');
  });

  it('never asks for more than the batch has', () => {
    expect(answer({}, { succeeded: 9, open: 1 })).toBe(null);
    expect(answer({}, { succeeded: 10 })).toBe('pass');
    expect(answer({}, { succeeded: 9, failed: 1 })).toBe('fail');
  });

  it('fails already while its batch is written, and passes only when it is synchronised', () => {
    expect(answer({}, { observedSince: null, succeeded: 40, failed: 10, open: 50 })).toBe('fail');
    expect(answer({}, { observedSince: null, succeeded: 50, open: 50 })).toBe(null);
  });

  it('watches for its soak time', () => {
    const soaking = judgeGate(gate({ soakSeconds: 900 }), batch({ succeeded: 60 }));
    expect(soaking).toMatchObject({ answer: null, nextAt: '2026-11-28T12:15:00.000Z' });
    expect(answer({ soakSeconds: 900 }, { succeeded: 60, now: '2026-11-28T12:15:00.000Z' })).toBe('pass');
    expect(answer({ soakSeconds: 900 }, { succeeded: 50, failed: 10 })).toBe('fail');
  });

  it('is inconclusive when all are settled between its two limits, or the longest wait is over', () => {
    const both = { minSuccessPercent: 98, maxFailurePercent: 5 };
    expect(answer(both, { succeeded: 97, failed: 3 })).toBe('inconclusive');
    expect(answer(both, { succeeded: 97, failed: 3, open: 1 })).toBe(null);
    expect(answer({ maxWaitSeconds: 600 }, { succeeded: 10, open: 90 })).toBe('inconclusive');
    expect(judgeGate(gate({ maxWaitSeconds: 601 }), batch({ succeeded: 10, open: 90 }))).toMatchObject({
      answer: null,
      nextAt: '2026-11-28T12:10:01.000Z',
    });
  });

  it('of successes alone fails when they cannot be reached any more', () => {
    const half = { minSuccessPercent: 50, maxFailurePercent: null };
    expect(answer(half, { succeeded: 20, failed: 40, open: 40 })).toBe(null);
    expect(answer(half, { succeeded: 20, failed: 60, open: 20 })).toBe('fail');
    expect(answer(half, { succeeded: 30, failed: 30 })).toBe('pass');
  });

  it('takes devices that are away as it is told', () => {
    const away = { succeeded: 3, offline: 7 };
    expect(answer({ offline: 'exclude' }, away)).toBe('pass');
    expect(answer({ offline: 'wait' }, away)).toBe(null);
    expect(answer({ offline: 'fail' }, away)).toBe('fail');
    expect(answer({ offline: 'fail', soakSeconds: 900 }, away)).toBe(null);
  });

  it('does not pass by a single device while all others are away', () => {
    const quarter = { minSettledPercent: 25 };
    expect(answer(quarter, { succeeded: 1, offline: 3 })).toBe('pass');
    expect(answer(quarter, { succeeded: 1, offline: 4 })).toBe('inconclusive');
    expect(answer(quarter, { succeeded: 1, open: 1, offline: 4 })).toBe(null);
    expect(answer({ ...quarter, soakSeconds: 900 }, { succeeded: 1, offline: 4 })).toBe(null);
    // It fails by what it knows all the same.
    expect(answer(quarter, { failed: 1, offline: 4 })).toBe('fail');
    // Never more than is asked for of a batch that is there as a whole.
    expect(answer(quarter, { succeeded: 50, offline: 1_000 })).toBe('pass');
    expect(answer({}, { succeeded: 1, offline: 4 })).toBe('pass');
    const numbers = { size: 5, settled: 1, succeeded: 1, failed: 0, timedOut: 0 };
    expect(gateDetail(1, 'inconclusive', gate(quarter), numbers)).toMatch(
      /1 of 5 devices have settled: .*; at least 2 devices have to be settled and at most 5 % may fail/,
    );
  });

  it('does not pass because everybody is away', () => {
    expect(answer({}, { offline: 10 })).toBe(null);
    expect(answer({ maxWaitSeconds: 60 }, { offline: 10 })).toBe('inconclusive');
  });

  it('passes where no device is left to be judged', () => {
    expect(answer({}, {})).toBe('pass');
  });
});
