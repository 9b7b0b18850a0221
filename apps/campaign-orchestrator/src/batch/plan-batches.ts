import { AppError } from '@muster/contracts';

/** What a batch asks for. `named`: so many of the targets are meant by its list or its filter, and by no batch before it. */
export type BatchAsk = { readonly percent: number } | { readonly count: number } | { readonly named: number };

/**
 * How many devices each batch has, of `total`. Named devices are in the batch that names them; the others are dealt out in the order of
 * the batches. Percentages are of all targets, and are rounded together by the largest remainder, so that nobody is
 * counted twice or left out. What asks for more than is left takes the rest; a batch may come out empty. Throws
 * `invalid-request` when devices are left over.
 */
export const planBatches = (total: number, asks: readonly BatchAsk[]): readonly number[] => {
  const rounded = roundedShares(total, asks);
  let free = total - asks.reduce((sum, ask) => sum + ('named' in ask ? ask.named : 0), 0);
  const sizes = asks.map((ask, place) => {
    if ('named' in ask) return ask.named;
    const size = Math.min('count' in ask ? ask.count : (rounded[place] ?? 0), free);
    free -= size;
    return size;
  });
  if (free > 0) {
    const message = `leave ${free} of ${total} devices over; let the last one be {"percent": 100}, which takes the rest`;
    throw new AppError('invalid-request', `batches ${message}`, { errors: [{ path: 'batches', message }] });
  }
  return sizes;
};

/** Together never more than 100 percent: the one that would exceed them takes what is missing. */
const roundedShares = (total: number, asks: readonly BatchAsk[]): readonly number[] => {
  let sum = 0;
  const exact = asks.map((ask) => {
    if (!('percent' in ask)) return 0;
    const percent = Math.min(ask.percent, 100 - sum);
    sum += percent;
    return (percent * total) / 100;
  });
  // Sums of decimal fractions miss by a little: 33.3 + 33.3 + 33.4.
  const all = Math.floor((sum * total) / 100 + 1e-6);
  const floors = exact.map((share) => Math.floor(share + 1e-9));
  const byRemainder = exact
    .map((share, place) => ({ place, remainder: share - (floors[place] ?? 0) }))
    .filter(({ place }) => 'percent' in (asks[place] ?? {}))
    .sort((a, b) => b.remainder - a.remainder || a.place - b.place);
  const missing = all - floors.reduce((one, other) => one + other, 0);
  const raised = new Set(byRemainder.slice(0, missing).map(({ place }) => place));
  return floors.map((floor, place) => floor + (raised.has(place) ? 1 : 0));
};
