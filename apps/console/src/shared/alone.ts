/**
 * Where in a line a point has no neighbour that it is joined with, so that no line shows it: it must be drawn as a dot. Undefined is
 * nothing of this line, over which it is drawn on; null breaks it off.
 */
export const aloneIn = (values: ArrayLike<number | null | undefined>): number[] => {
  const own = Array.from(values, (value, at) => ({ value, at })).filter(({ value }) => value !== undefined);
  return own
    .filter(({ value }, nth) => value !== null && own[nth - 1]?.value == null && own[nth + 1]?.value == null)
    .map(({ at }) => at);
};
