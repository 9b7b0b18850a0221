/** How much may come: so much a second, and so much at once after a silence. */
export interface AllowanceOptions {
  readonly perSecond: number;
  readonly burst: number;
}

/** Keys that are remembered; the ones that were charged longest ago give way. */
const MOST_KEYS = 50_000;

/**
 * An allowance per key: it is asked before something is begun, and charged when it is known how much it was, so it may go into
 * debt and is refused until that is paid (GCRA). In memory: each replica counts what comes to itself.
 */
export class Allowance {
  /** Key → when its bucket is full again, in milliseconds. */
  private readonly fullAt = new Map<string, number>();
  /** Milliseconds for one unit. */
  private readonly interval: number;
  /** Milliseconds from empty to full. */
  private readonly depth: number;

  constructor(
    { perSecond, burst }: AllowanceOptions,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.interval = 1_000 / perSecond;
    this.depth = this.interval * burst;
  }

  /** Undefined: there is room for one unit. Otherwise the whole seconds until there is. */
  secondsToWait(key: string): number | undefined {
    const fullAt = this.fullAt.get(key);
    if (fullAt === undefined) return undefined;
    const waitMs = fullAt + this.interval - this.depth - this.now();
    return waitMs <= 0 ? undefined : Math.max(1, Math.ceil(waitMs / 1_000));
  }

  charge(key: string, units = 1): void {
    const fullAt = Math.max(this.fullAt.get(key) ?? -Infinity, this.now()) + this.interval * units;
    this.fullAt.delete(key);
    const oldest = this.fullAt.keys().next();
    if (this.fullAt.size >= MOST_KEYS && oldest.done !== true) this.fullAt.delete(oldest.value);
    this.fullAt.set(key, fullAt);
  }
}
