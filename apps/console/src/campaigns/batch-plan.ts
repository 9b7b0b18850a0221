import type { Schema } from '../api/client.js';

type BatchDefinition = Schema<'BatchDefinition'>;
export type Gate = Schema<'Gate'>;

/** A batch as it is being written: everything is text or a choice, so that it can be unfinished. */
export interface BatchDraft {
  readonly key: string;
  readonly by: 'percent' | 'count' | 'filter' | 'named';
  readonly amount: number | undefined;
  readonly filter: string;
  /** Ids of devices, as they were written or pasted. */
  readonly named: string;
  readonly manual: boolean;
  readonly recentlySeenFirst: boolean;
  readonly gate: Gate | undefined;
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
  named: (batch.deviceIds ?? []).join('\n'),
  manual: batch.release === 'manual',
  recentlySeenFirst: batch.recentlySeenFirst === true,
  gate: batch.gate,
});

export const batchOf = (draft: BatchDraft): BatchDefinition => ({
  ...shareOf(draft),
  release: draft.manual ? 'manual' : 'auto',
  ...(draft.recentlySeenFirst ? { recentlySeenFirst: true } : {}),
  ...(draft.gate === undefined ? {} : { gate: draft.gate }),
});

const shareOf = ({ by, amount, filter, named }: BatchDraft): BatchDefinition => {
  if (by === 'filter') return { filter };
  if (by === 'named') return { deviceIds: idsIn(named) };
  // What was left empty is refused at its field.
  return by === 'count' ? { count: amount ?? 0 } : { percent: amount ?? 0 };
};

/** Ids as they come out of a table, a list or a file: with white space, commas or semicolons between. */
export const idsIn = (text: string): string[] => [
  ...new Set(text.split(/[\s,;]+/).filter((id) => id !== '')),
];

/** A gate to begin with: few failures, and a person when nothing can be said within an hour. */
export const FIRST_GATE: Gate = { maxFailurePercent: 5, minSettled: 50, maxWaitSeconds: 3_600 };

/** A canary with a gate, then a person, then the rest: the careful way to begin with. */
export const CAREFUL: readonly BatchDefinition[] = [
  { percent: 5, release: 'auto', gate: FIRST_GATE },
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

/** Nothing is asked of a gate: it would be refused, and is better said here. */
export const asksNothing = ({ maxFailurePercent, minSuccessPercent }: Gate): boolean =>
  maxFailurePercent === undefined && minSuccessPercent === undefined;

/** The same with one more said, or no more where it is undefined. */
export const withField = <Of extends object, Name extends keyof Of>(
  before: Of,
  name: Name,
  value: Of[Name] | undefined,
): Of => {
  const others = Object.entries(before).filter(([other]) => other !== name);
  return Object.fromEntries(value === undefined ? others : [...others, [name, value]]) as Of; // the same fields
};
