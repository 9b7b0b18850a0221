import { describe, expect, it } from '@jest/globals';
import type { Campaign, Statistics } from './campaigns.queries.js';
import {
  answeredAt,
  batchState,
  gateStanding,
  gateTerms,
  goesUnwatched,
  outcomeOf,
  ratePerMinute,
  releasable,
  secondsLeft,
  silentOf,
  wentHow,
  writtenOf,
} from './numbers.js';

const point = (at: string, planned: number) => ({ at, byStatus: { planned } });

const campaign = (over: Partial<Campaign>): Campaign =>
  ({
    ...{ status: 'running', phase: 'dispatching', ratePerMinute: 100 },
    batches: [
      { index: 1, status: 'passed' },
      { index: 2, status: 'writing' },
      { index: 3, status: 'planned' },
    ],
    ...over,
  }) as Campaign;
/** Of which the second batch has so many to write, and the third 5,000. */
const statistics = (planned: number, points: Statistics['points'] = []): Statistics =>
  ({
    points,
    batches: [
      { index: 1, byStatus: { succeeded: 10 } },
      { index: 2, byStatus: { planned } },
      { index: 3, byStatus: { planned: 5_000 } },
    ],
  }) as unknown as Statistics;

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

  it('of what the job has done are all of its devices: who was left out is not written', () => {
    // Two of 110 were written when it was cancelled.
    const byStatus = { succeeded: 1, failed: 1, cancelled: 100, skipped: 8 };
    const written = writtenOf({ targets: 110, byStatus, synchronised: 110 });
    expect(written).toEqual({ synchronised: 2, unsynchronised: 0, planned: 0, leftOut: 108 });
    expect(
      writtenOf({
        targets: 10,
        byStatus: { planned: 4, written: 3, succeeded: 2, skipped: 1 },
        synchronised: 4,
      }),
    ).toEqual({ synchronised: 3, unsynchronised: 2, planned: 4, leftOut: 1 });
  });

  it('of a batch are all of its devices, in words', () => {
    expect(wentHow(outcomeOf({ succeeded: 3, failed: 1 }))).toBe('3 ok, 1 failed, 0 open');
    expect(wentHow(outcomeOf({ planned: 4, written: 3, succeeded: 2, cancelled: 1 }))).toBe(
      '2 ok, 0 failed, 3 open, 4 not written yet, 1 left out',
    );
  });

  it('tell the rate of what was written last, and none while it waits', () => {
    const before = point('2026-01-01T00:00:00Z', 900);
    expect(ratePerMinute([before, point('2026-01-01T00:00:30Z', 600)])).toBe(600);
    expect(ratePerMinute([before, point('2026-01-01T00:01:00Z', 900)])).toBeUndefined();
    expect(ratePerMinute([before])).toBeUndefined();
  });

  it('estimate what is released, and only while values are written', () => {
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

  it('name the batches that are silent, by whether they were reached', () => {
    const batches = [
      { index: 1, byStatus: { succeeded: 10 } },
      { index: 2, byStatus: { written: 3, dispatched: 4, acknowledged: 9 } },
    ];
    expect(silentOf({ batches } as unknown as Statistics)).toEqual([
      { index: 2, unreached: 3, unanswered: 4 },
    ]);
  });
});

describe('a gate', () => {
  const batch = {
    ...{ index: 1, status: 'observing', size: 60, synchronisedAt: '2026-01-01T00:00:00.000Z' },
    gate: { maxFailurePercent: 5, soakSeconds: 60, maxWaitSeconds: 600 },
  } as Campaign['batches'][number];
  const at = (seconds: number) => Date.parse('2026-01-01T00:00:00Z') + seconds * 1_000;

  it('stands by its numbers, until when it is watched and when it gives up', () => {
    const counts = { succeeded: 9, failed: 1, dispatched: 40, skipped: 10 };
    expect(gateStanding(batch, counts, at(30))).toEqual({
      ...{ settled: 10, needed: 50, bad: 1 },
      soaksUntil: '2026-01-01T00:01:00.000Z',
      givesUpAt: '2026-01-01T00:10:00.000Z',
    });
    expect(gateStanding(batch, counts, at(90))).toEqual({
      ...{ settled: 10, needed: 50, bad: 1 },
      givesUpAt: '2026-01-01T00:10:00.000Z',
    });
  });

  it('needs no more than its batch has, without those that were left out', () => {
    expect(gateStanding({ ...batch, size: 12 }, { skipped: 2 }, at(0))?.needed).toBe(10);
    expect(gateStanding({ ...batch, size: 12 }, { skipped: 12 }, at(0))?.needed).toBe(1);
  });

  it('does not stand where it has answered, is not asked yet, or is none', () => {
    const verdict = { answer: 'pass' } as NonNullable<typeof batch.verdict>;
    const without = Object.fromEntries(
      Object.entries(batch).filter(([name]) => name !== 'gate'),
    ) as typeof batch;
    for (const one of [{ ...batch, verdict }, { ...batch, status: 'waiting' as const }, without])
      expect(gateStanding(one, {}, at(0))).toBeUndefined();
  });

  it('is told with what counts where nothing was said', () => {
    expect(gateTerms({ maxFailurePercent: 5 })).toBe(
      'of 50 settled, waits as long as it takes, does not wait for devices that are away, if 25 % have settled',
    );
    expect(gateTerms({ minSettled: 5, soakSeconds: 90, maxWaitSeconds: 3_600, offline: 'fail' })).toBe(
      'of 5 settled, watched for 1 min 30 s, waits 1 h at most, devices that are away count as failed',
    );
  });

  it('warn of one batch that nothing and nobody holds', () => {
    const batch = { index: 1, percent: 100, release: 'auto' } as Campaign['batches'][number];
    expect(goesUnwatched({ batches: [batch] })).toBe(true);
    expect(goesUnwatched({ batches: [{ ...batch, gate: { maxFailurePercent: 5 } }] })).toBe(false);
    expect(goesUnwatched({ batches: [{ ...batch, release: 'manual' }] })).toBe(false);
    expect(goesUnwatched({ batches: [{ ...batch, percent: 5 }, batch] })).toBe(false);
  });

  it('say what a gate had seen when it answered, of how many', () => {
    const verdict = {
      answer: 'pass' as const,
      at: '2026-01-01T00:00:00.000Z',
      numbers: { settled: 3, succeeded: 2, failed: 1, timedOut: 0 },
    } as NonNullable<Campaign['batches'][number]['verdict']>;
    expect(answeredAt(verdict, 5)).toMatch(/^when 3 of 5 were settled: 1 failed \(33\D3 %\)$/);
    const none = { ...verdict, numbers: { ...verdict.numbers, settled: 0, failed: 0 } };
    expect(answeredAt(none, 5)).toBe('when 0 of 5 were settled: 0 failed');
  });

  it('say that a batch passed only where a gate let it, and green only where nothing is open', () => {
    const batch = { status: 'passed' } as Campaign['batches'][number];
    expect(batchState(batch, { succeeded: 3 })).toBe('done');
    expect(batchState(batch, { succeeded: 3, written: 1 })).toBe('done_unsettled');
    expect(batchState(batch, { succeeded: 3, failed: 1 })).toBe('done_with_failures');
    expect(batchState({ ...batch, gate: {} }, { failed: 1 })).toBe('passed');
    expect(batchState({ ...batch, status: 'writing' }, {})).toBe('writing');
  });
});
