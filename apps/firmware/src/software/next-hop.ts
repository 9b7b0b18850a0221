/** A version that a device may be given, by its rollout. Lists of them are ordered, highest version first. */
export interface Candidate {
  readonly version: string;
  readonly upgradableFrom: readonly string[];
  /** When it was last made available; ISO 8601. */
  readonly availableSince: string;
}

/**
 * The highest version that a device may go to in one step. `reported` null: it never said what it runs, and gets only what
 * is upgradable from nothing. A version that is not ours leads nowhere, unless an upgrade path names it.
 *
 * A step down is for operators who take a version back. Where the way up is still open, the device would go up and down
 * for ever, so then it is not offered.
 */
export const nextHop = <One extends Candidate>(
  reported: string | null,
  candidates: readonly One[],
): One | undefined => {
  const place = candidates.findIndex(({ version }) => version === reported);
  return candidates.find((candidate, index) => {
    if (!mayFollow(reported, candidate)) return false;
    const down = place !== -1 && index > place;
    return !(down && reported !== null && leadsTo(reported, candidate.version, candidates));
  });
};

const mayFollow = (reported: string | null, { version, upgradableFrom }: Candidate): boolean =>
  reported === null ? upgradableFrom.length === 0 : version !== reported && upgradableFrom.includes(reported);

/** Whether steps from `start` can end at `goal`. */
const leadsTo = (goal: string, start: string, candidates: readonly Candidate[]): boolean => {
  const reached = new Set([start]);
  // A Set is also iterated over what is added meanwhile.
  for (const version of reached) {
    for (const next of candidates) if (mayFollow(version, next)) reached.add(next.version);
  }
  return reached.has(goal);
};
