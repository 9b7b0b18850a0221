/** What opens something, for a time, and for a number where it has a limit. */
export interface Opens {
  readonly status: string;
  readonly validFrom?: string;
  readonly validUntil?: string;
  readonly limit?: number;
  readonly enrolled?: number;
}

/** What it is at `now` (epoch milliseconds), as a state: an active one may not have begun, be over, or be used up. */
export const standingOf = (
  { status, validFrom, validUntil, limit, enrolled }: Opens,
  now: number,
): string => {
  if (status !== 'active') return status;
  if (validUntil !== undefined && Date.parse(validUntil) <= now) return 'over';
  if (limit !== undefined && enrolled !== undefined && enrolled >= limit) return 'used_up';
  if (validFrom !== undefined && Date.parse(validFrom) > now) return 'not_yet';
  return 'active';
};
