/** A leaky bucket: `tokens` at `at` (ISO 8601), one for each device that may be written. */
export interface Bucket {
  readonly tokens: number;
  readonly at: string;
}

/** What may be written at once after a pause: as much as in two seconds, at least one. */
const BURST_SECONDS = 2;
/** Small portions cost as much as large ones: it waits for half a second's worth, where that is not more than is wanted. */
const PORTION_SECONDS = 0.5;

export interface Portion {
  /** 0: wait until `nextAt`. */
  readonly count: number;
  readonly bucket: Bucket;
  readonly nextAt: string | null;
}

/** Takes up to `wanted`. `bucket` null: nothing was ever taken. A clock that went back costs nothing and gives nothing. */
export const takePortion = (
  bucket: Bucket | null,
  {
    ratePerMinute,
    wanted,
    now,
  }: { readonly ratePerMinute: number; readonly wanted: number; readonly now: string },
): Portion => {
  const perSecond = ratePerMinute / 60;
  const burst = Math.max(1, perSecond * BURST_SECONDS);
  const passed = bucket === null ? 0 : Math.max(0, Date.parse(now) - Date.parse(bucket.at)) / 1_000;
  const tokens = bucket === null ? burst : Math.min(burst, bucket.tokens + passed * perSecond);
  const least = Math.min(wanted, Math.max(1, Math.floor(perSecond * PORTION_SECONDS)));
  // A thousandth of a token is lost to rounding now and then: nobody shall wait for it.
  const count = Math.min(wanted, Math.floor(tokens + 1e-3));
  if (count >= least) return { count, bucket: { tokens: tokens - count, at: now }, nextAt: null };
  const waitMs = Math.ceil(((least - tokens) / perSecond) * 1_000);
  return { count: 0, bucket: { tokens, at: now }, nextAt: new Date(Date.parse(now) + waitMs).toISOString() };
};
