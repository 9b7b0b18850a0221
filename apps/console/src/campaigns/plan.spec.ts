import { describe, expect, it } from '@jest/globals';
import { addedBefore, asksNothing, batchOf, draftOf, idsIn, takesTheRest, withField } from './batch-plan.js';
import type { Campaign } from './campaigns.queries.js';
import { definitionOf, planBody, planOf } from './plan.js';

describe('a plan of batches', () => {
  const gate = { maxFailurePercent: 2, soakSeconds: 30, minSettledPercent: 10, offline: 'wait' as const };

  it('comes out as it went in', () => {
    for (const batch of [
      { filter: 'tags==canary', release: 'manual' as const, recentlySeenFirst: true, gate },
      { deviceIds: ['a', 'b'], release: 'auto' as const },
      { count: 7, release: 'auto' as const },
      { percent: 0.5, release: 'manual' as const },
    ])
      expect(batchOf(draftOf(batch))).toEqual(batch);
  });

  it('has each batch by one thing only', () => {
    expect(batchOf({ ...draftOf({ percent: 100 }), by: 'count', amount: 7 })).toEqual({
      count: 7,
      release: 'auto',
    });
  });

  it('reads ids as they are pasted, each once', () => {
    expect(idsIn(' a,b;c\n\nb\td ')).toEqual(['a', 'b', 'c', 'd']);
    expect(idsIn(' ')).toEqual([]);
  });

  it('gets a new batch before the one that takes the rest', () => {
    const grown = addedBefore([draftOf({ percent: 100 })]);
    expect(grown.map(({ amount }) => amount)).toEqual([10, 100]);
    expect(takesTheRest(grown)).toBe(true);
    expect(takesTheRest([draftOf({ count: 100 })])).toBe(false);
  });

  it('says no more of a gate than was said', () => {
    expect(withField(gate, 'soakSeconds', undefined)).toEqual({
      maxFailurePercent: 2,
      minSettledPercent: 10,
      offline: 'wait',
    });
    expect(asksNothing({ minSettled: 5 })).toBe(true);
    expect(asksNothing({ minSuccessPercent: 90 })).toBe(false);
  });
});

describe('the plan of a campaign', () => {
  const campaign = {
    batches: [{ index: 1, status: 'planned', size: null, percent: 100, release: 'auto' }],
    ...{ spacingSeconds: 60, ratePerMinute: 500, maxInFlight: 20, deadlineSeconds: 3_600 },
    retries: { max: 5, firstAfterSeconds: 10 },
    ...{ onConflict: 'skip', waitForDevices: true },
    window: { timeZone: 'Europe/Paris', from: '22:00', to: '05:00', days: ['sat', 'sun'] },
    failureThreshold: { maxFailurePercent: 3, minSettled: 10 },
    endAt: '2026-06-01T10:30:00.000Z',
  } as Campaign;

  it('is written back whole', () => {
    const { batches, ...rest } = campaign;
    expect(batches).toHaveLength(1);
    expect(planBody(planOf(campaign))).toEqual({
      ...rest,
      batches: [{ percent: 100, release: 'auto' }],
    });
  });

  it('puts back the default of what was emptied, and takes away what has none', () => {
    const emptied = {
      ...planOf(campaign),
      ...{ spacingSeconds: undefined, ratePerMinute: undefined, maxInFlight: undefined },
      ...{ deadlineSeconds: undefined, retriesMax: undefined, window: undefined, threshold: undefined },
      endAt: undefined,
    };
    expect(planBody(emptied)).toMatchObject({
      ...{ spacingSeconds: null, ratePerMinute: null, maxInFlight: null, deadlineSeconds: null },
      ...{ retries: null, window: null, failureThreshold: null, endAt: null },
    });
  });

  it('goes into a new draft with all the others have said, and what was changed', () => {
    const draft = {
      ...campaign,
      ...{ name: 'eco', target: { filter: 'tags==a' }, configurations: { eco: true }, expectedStates: {} },
      ...{ expectedFrom: 'any', deviceType: 'radiator', startAt: '2026-05-01T10:30:00.000Z', id: 'c1' },
    } as unknown as Campaign;
    const { batches: _, ...plan } = campaign;
    expect(definitionOf(draft, { ratePerMinute: 7, deviceType: null, window: null })).toEqual({
      ...{ ...plan, ratePerMinute: 7, window: undefined },
      ...{ name: 'eco', target: { filter: 'tags==a' }, configurations: { eco: true }, expectedStates: {} },
      expectedFrom: 'any',
      batches: [{ percent: 100, release: 'auto' }],
    });
  });

  it('goes on every day where no day is chosen', () => {
    const plan = planOf(campaign);
    const body = planBody({ ...plan, window: { timeZone: 'UTC', from: '01:00', to: '02:00', days: [] } });
    expect(body.window).toEqual({ timeZone: 'UTC', from: '01:00', to: '02:00' });
  });
});
