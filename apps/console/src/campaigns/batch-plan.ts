import type { Schema } from '../api/client.js';

type BatchDefinition = Schema<'BatchDefinition'>;

/** A batch as it is being written: everything is text or a choice, so that it can be unfinished. */
export interface BatchDraft {
  readonly key: string;
  readonly by: 'percent' | 'count' | 'filter' | 'named';
  readonly amount: number;
  readonly filter: string;
  readonly named: readonly string[];
  readonly manual: boolean;
  readonly gated: boolean;
  readonly maxFailurePercent: number;
  readonly minSettled: number;
  readonly maxWaitSeconds: number;
  /** What the form does not show of a gate and a batch stays as it was. */
  readonly kept: BatchDefinition;
}

let keys = 0;
const nextKey = (): string => `batch-${(keys += 1)}`;

export const draftOf = (batch: BatchDefinition): BatchDraft => ({
  key: nextKey(),
  by:
    batch.filter !== undefined
      ? 'filter'
      : batch.count !== undefined
        ? 'count'
        : batch.deviceIds !== undefined
          ? 'named'
          : 'percent',
  amount: batch.count ?? batch.percent ?? 100,
  filter: batch.filter ?? '',
  named: batch.deviceIds ?? [],
  manual: batch.release === 'manual',
  gated: batch.gate !== undefined,
  maxFailurePercent: batch.gate?.maxFailurePercent ?? 5,
  minSettled: batch.gate?.minSettled ?? 50,
  maxWaitSeconds: batch.gate?.maxWaitSeconds ?? 3_600,
  kept: batch,
});

export const batchOf = (draft: BatchDraft): BatchDefinition => ({
  ...(draft.by === 'filter'
    ? { filter: draft.filter }
    : draft.by === 'named'
      ? { deviceIds: [...draft.named] }
      : draft.by === 'count'
        ? { count: draft.amount }
        : { percent: draft.amount }),
  release: draft.manual ? 'manual' : 'auto',
  ...(draft.kept.recentlySeenFirst === undefined ? {} : { recentlySeenFirst: draft.kept.recentlySeenFirst }),
  ...(draft.gated
    ? {
        gate: {
          ...draft.kept.gate,
          maxFailurePercent: draft.maxFailurePercent,
          minSettled: draft.minSettled,
          maxWaitSeconds: draft.maxWaitSeconds,
        },
      }
    : {}),
});

/** A canary with a gate, then a person, then the rest: the careful way to begin with. */
export const CAREFUL: readonly BatchDefinition[] = [
  { percent: 5, release: 'auto', gate: { maxFailurePercent: 5, minSettled: 50, maxWaitSeconds: 3_600 } },
  { percent: 100, release: 'manual' },
];

/** The last batch takes the rest; without such a one devices would be left over, which is refused. */
export const takesTheRest = (drafts: readonly BatchDraft[]): boolean => {
  const last = drafts.at(-1);
  return last !== undefined && last.by === 'percent' && last.amount === 100;
};

export const addedBefore = (drafts: readonly BatchDraft[]): readonly BatchDraft[] => {
  const added = draftOf({ percent: 10 });
  return takesTheRest(drafts) ? [...drafts.slice(0, -1), added, ...drafts.slice(-1)] : [...drafts, added];
};
