import type { FailedReplay, ParkedView, ReplayedSome } from '@muster/contracts/parked/requests';

export interface InTurn {
  /** Oldest first; of what belongs together, the older comes first. One more than `most` says that there are more. */
  readonly found: readonly ParkedView[];
  readonly most: number;
  /** No further one is begun after that. */
  readonly withinMs: number;
  /** Undefined: it succeeded. */
  readonly replay: (parked: ParkedView) => Promise<FailedReplay | undefined>;
}

/**
 * Replays one after the other for some time, counted from here: what finding them took is not taken off. One at least, so
 * that whoever goes on where this ended comes to an end. `last` is where that is; undefined: those were all.
 */
export const replayInTurn = async ({
  found,
  most,
  withinMs,
  replay,
}: InTurn): Promise<Omit<ReplayedSome, 'nextCursor'> & { readonly last: ParkedView | undefined }> => {
  const enoughAt = Date.now() + withinMs;
  const failures: FailedReplay[] = [];
  let replayed = 0;
  let last: ParkedView | undefined;
  for (const parked of found.slice(0, most)) {
    if (last !== undefined && Date.now() >= enoughAt) break;
    const failure = await replay(parked);
    if (failure === undefined) replayed += 1;
    else failures.push(failure);
    last = parked;
  }
  return { replayed, failures, last: last === found.at(-1) ? undefined : last };
};
