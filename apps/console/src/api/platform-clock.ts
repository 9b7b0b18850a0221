/** What an answer is on its way, and what its `Date` leaves out of its second. */
const NEAR_MS = 5_000;

let aheadMs = 0;

/**
 * By how much the platform's clock is ahead of this computer's, learnt from each answer: where the computer's is wrong, "seen
 * 1 h ago" would be said of a device that was seen just now.
 */
export const learnClock = ({ headers }: Pick<Response, 'headers'>, own = Date.now()): void => {
  const told = Date.parse(headers.get('date') ?? '');
  if (Number.isNaN(told)) return;
  aheadMs = Math.abs(told - own) < NEAR_MS ? 0 : told - own;
};

/** The platform's time, of now or of a moment of this computer's clock. */
export const platformTime = (own = Date.now()): number => own + aheadMs;
