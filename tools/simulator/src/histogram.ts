/** Buckets grow by this factor, so a percentile is at most 2.5 % beside the true one. */
const GROWTH = 1.05;
const SMALLEST_MS = 0.1;
const LARGEST_MS = 600_000;
const BUCKETS = Math.ceil(Math.log(LARGEST_MS / SMALLEST_MS) / Math.log(GROWTH)) + 1;

/** Times in milliseconds, in memory that does not grow with their number. */
export class Histogram {
  private readonly buckets = new Uint32Array(BUCKETS);
  private recorded = 0;
  private largest = 0;

  get count(): number {
    return this.recorded;
  }

  /** Exact. */
  get max(): number {
    return this.largest;
  }

  record(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(ms, SMALLEST_MS) / SMALLEST_MS) / Math.log(GROWTH));
    const index = Math.min(BUCKETS - 1, bucket);
    this.buckets[index] = (this.buckets[index] ?? 0) + 1;
    this.recorded += 1;
    this.largest = Math.max(this.largest, ms);
  }

  /** The value below which `share` (0–1) of the values lie, by nearest rank; NaN without values. */
  percentile(share: number): number {
    let rank = Math.max(1, Math.ceil(this.recorded * share));
    for (const [index, count] of this.buckets.entries()) {
      rank -= count;
      if (rank <= 0) return Math.min(this.largest, SMALLEST_MS * GROWTH ** (index + 0.5));
    }
    return Number.NaN;
  }
}
