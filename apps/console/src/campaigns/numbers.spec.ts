import { describe, expect, it } from '@jest/globals';
import { addedBefore, batchOf, draftOf, takesTheRest } from './batch-plan.js';
import type { Campaign, Statistics } from './campaigns.queries.js';
import { outcomeOf, ratePerMinute, releasable, secondsLeft } from './numbers.js';

const point = (at: string, planned: number) => ({ at, byStatus: { planned } });

const campaign = (over: Partial<Campaign>): Campaign =>
  ({ status: 'running', phase: 'dispatching', ratePerMinute: 100, batches: [], ...over }) as Campaign;
const statistics = (planned: number, points: Statistics['points'] = []): Statistics =>
  ({ byStatus: { planned }, points }) as unknown as Statistics;

describe('the numbers of a campaign', () => {
  it('put each state of a device into one of five parts', () => {
    expect(
      outcomeOf({
        planned: 1,
        written: 2,
        dispatched: 3,
        acknowledged: 4,
        retry_wait: 5,
        succeeded: 6,
        failed: 7,
        timed_out: 8,
        skipped: 9,
        superseded: 10,
        cancelled: 11,
        removed: 12,
      }),
    ).toEqual({ planned: 1, inProgress: 14, succeeded: 6, bad: 15, leftOut: 42 });
  });

  it('tell the rate of what was written last, and none while it waits', () => {
    const before = point('2026-01-01T00:00:00Z', 900);
    expect(ratePerMinute([before, point('2026-01-01T00:00:30Z', 600)])).toBe(600);
    expect(ratePerMinute([before, point('2026-01-01T00:01:00Z', 900)])).toBeUndefined();
    expect(ratePerMinute([before])).toBeUndefined();
  });

  it('estimate only while values are written', () => {
    expect(secondsLeft(campaign({}), statistics(200))).toBe(120);
    expect(secondsLeft(campaign({ phase: 'awaiting_operator' }), statistics(200))).toBeUndefined();
    expect(secondsLeft(campaign({ status: 'paused', phase: null }), statistics(200))).toBeUndefined();
  });

  it('offer the first batch that waits, of a running campaign only', () => {
    const batches = [
      { index: 1, status: 'passed' },
      { index: 2, status: 'waiting' },
    ] as Campaign['batches'];
    expect(releasable(campaign({ batches }))).toBe(2);
    expect(releasable(campaign({ batches, status: 'paused' }))).toBeUndefined();
  });
});

describe('a plan of batches', () => {
  const gate = { maxFailurePercent: 2, soakSeconds: 30, offline: 'wait' as const };

  it('keeps what the form does not show', () => {
    const batch = { filter: 'tags==canary', release: 'manual' as const, recentlySeenFirst: true, gate };
    expect(batchOf(draftOf(batch))).toEqual({
      ...batch,
      gate: { ...gate, minSettled: 50, maxWaitSeconds: 3_600 },
    });
  });

  it('has each batch by one thing only', () => {
    expect(batchOf({ ...draftOf({ percent: 100 }), by: 'count', amount: 7 })).toEqual({
      count: 7,
      release: 'auto',
    });
    expect(batchOf(draftOf({ deviceIds: ['a'] }))).toEqual({ deviceIds: ['a'], release: 'auto' });
  });

  it('gets a new batch before the one that takes the rest', () => {
    const grown = addedBefore([draftOf({ percent: 100 })]);
    expect(grown.map(({ amount }) => amount)).toEqual([10, 100]);
    expect(takesTheRest(grown)).toBe(true);
    expect(takesTheRest([draftOf({ count: 100 })])).toBe(false);
  });
});
