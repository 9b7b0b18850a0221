/** So many durations of up to `10^(bucket / 20)` ms; see the table `campaign_durations`. */
export interface DurationBucket {
  readonly bucket: number;
  readonly n: number;
}

export interface Percentiles {
  readonly p50Seconds: number;
  readonly p90Seconds: number;
  readonly p99Seconds: number;
}

/** Undefined: nothing was measured. Each is the upper end of its bucket, 12 % above its lower one. */
export const percentilesOf = (buckets: readonly DurationBucket[]): Percentiles | undefined => {
  const sorted = buckets.filter(({ n }) => n > 0).sort((a, b) => a.bucket - b.bucket);
  const total = sorted.reduce((sum, { n }) => sum + n, 0);
  if (total === 0) return undefined;
  const at = (share: number): number => {
    let seen = 0;
    const found = sorted.find(({ n }) => (seen += n) >= total * share) ?? sorted.at(-1);
    return Math.round(10 ** ((found?.bucket ?? 0) / 20)) / 1_000;
  };
  return { p50Seconds: at(0.5), p90Seconds: at(0.9), p99Seconds: at(0.99) };
};
