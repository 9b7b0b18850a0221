import { describe, expect, it } from '@jest/globals';
import type { BatchDefinition } from '@muster/contracts/campaign-orchestrator/campaign';
import { definitionOf } from '../campaign/definition.js';
import { timesOf } from './launch-plan.js';

const NOW = '2026-11-28T12:00:00.000Z';
const definition = (more: object = {}, batches: BatchDefinition[] = [{ count: 1 }, { percent: 100 }]) =>
  definitionOf(
    {
      name: 'c',
      target: { filter: 'name==a' },
      configurations: { a: 1 },
      batches,
      spacingSeconds: 3_600,
      ...more,
    },
    { ratePerMinute: 1_000, deadlineSeconds: 60 },
  );
const earliest = (of: ReturnType<typeof definition>, sizes = [1, 9]) =>
  timesOf(of, sizes, new Date(NOW)).map(({ earliestAt }) => earliestAt);

describe('when the batches of a campaign can go at the earliest', () => {
  it('is now, with their spacing; of an empty batch nobody has to wait', () => {
    expect(earliest(definition())).toEqual([NOW, '2026-11-28T13:00:00.000Z']);
    expect(earliest(definition(), [0, 9])).toEqual([NOW, NOW]);
  });

  it('is the start date, where it is ahead', () => {
    const startAt = '2026-12-01T06:00:00.000Z';
    expect(earliest(definition({ startAt }))).toEqual([startAt, '2026-12-01T07:00:00.000Z']);
    expect(earliest(definition({ startAt: '2026-11-28T11:00:00.000Z' }))[0]).toBe(NOW);
    const window = { timeZone: 'UTC', from: '22:00', to: '23:00' };
    expect(earliest(definition({ startAt, window }))).toEqual([
      '2026-12-01T22:00:00.000Z',
      '2026-12-02T22:00:00.000Z',
    ]);
  });

  it('is not known from the batch on that an operator releases', () => {
    const batches: BatchDefinition[] = [{ count: 1 }, { count: 1, release: 'manual' }, { percent: 100 }];
    expect(earliest(definition({}, batches), [1, 1, 8])).toEqual([NOW, null, null]);
  });
});
