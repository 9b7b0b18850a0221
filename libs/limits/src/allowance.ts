/** How much may come: so much a second, and so much at once after a silence. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Keys that are remembered; the ones that were charged longest ago give way. */
const MOST_KEYS = 200_000;
const FORGET_EVERY_MS = 60_000;

/**
 * An allowance per key: it is asked before something is begun, and charged when it is known how much it was, so it may go into
 * debt and is refused until that is paid. One number per key (GCRA): when its bucket will be full again. A bucket that is full
 * needs no number, so memory is held for those that were heard of lately. Each replica counts what comes to itself.
 */
export class Allowance {
  /** Key → when its bucket is full again, in milliseconds. */
  private readonly fullAt = new Map<string, number>();
  /** Milliseconds for one unit. */
  private readonly interval: number;
  /** Milliseconds from empty to full. */
  private readonly depth: number;
  private forgetAt = 0;

  constructor(
    { perSecond, burst }: Rate,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.interval = 1_000 / perSecond;
    this.depth = this.interval * burst;
  }

  /** Keys held in memory. */
  get size(): number {
    return this.fullAt.size;
  }

  /** Undefined: there is room for one unit. Otherwise the whole seconds until there is. */
  secondsToWait(key: string): number | undefined {
    const waitMs = this.msToWait(key);
    return waitMs <= 0 ? undefined : Math.max(1, Math.ceil(waitMs / 1_000));
  }

  /** Milliseconds until there is room for one unit; 0: there is. */
  msToWait(key: string): number {
    return Math.max(0, this.filledAt(key) + this.interval - this.depth - this.now());
  }

  charge(key: string, units = 1): void {
    const fullAt = this.filledAt(key) + this.interval * units;
    this.forget();
    // Last in the order of insertion, so that the first is the one that was charged longest ago.
    this.fullAt.delete(key);
    const oldest = this.fullAt.keys().next();
    if (this.fullAt.size >= MOST_KEYS && oldest.done !== true) this.fullAt.delete(oldest.value);
    this.fullAt.set(key, fullAt);
  }

  private filledAt(key: string): number {
    return Math.max(this.fullAt.get(key) ?? -Infinity, this.now());
  }

  private forget(): void {
    const now = this.now();
    if (now < this.forgetAt) return;
    this.forgetAt = now + FORGET_EVERY_MS;
    for (const [key, fullAt] of this.fullAt) if (fullAt <= now) this.fullAt.delete(key);
  }
}
