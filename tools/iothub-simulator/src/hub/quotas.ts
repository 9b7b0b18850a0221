/** What a hub throttles, each by a bucket of its own. Tokens are calls; of `method`, blocks of 4 KB. */
export type QuotaClass =
  'identity' | 'twinRead' | 'twinUpdate' | 'c2dSend' | 'method' | 'query' | 'connect' | 'd2cSend';

export type Tier = 'S1' | 'S2' | 'S3';

export interface QuotaOptions {
  readonly tier: Tier;
  /** Units of the tier. Default 1. */
  readonly units?: number;
  /** All rates times this. Default 1; 0.1 makes a hub ten times as narrow. */
  readonly scale?: number;
}

interface Rate {
  readonly perUnit: number;
  /** Of the whole hub, when more than its units have. */
  readonly least?: number;
  /** In which so many tokens come, all of which may be spent at once. */
  readonly seconds: number;
}

export const METHOD_BLOCK_BYTES = 4_096;

/** "IoT Hub quotas and throttling" of Microsoft's documentation. */
const RATES: Readonly<Record<Tier, Readonly<Record<QuotaClass, Rate>>>> = {
  S1: {
    identity: { perUnit: 100, seconds: 60 },
    twinRead: { perUnit: 0, least: 100, seconds: 1 },
    twinUpdate: { perUnit: 0, least: 50, seconds: 1 },
    c2dSend: { perUnit: 100, seconds: 60 },
    method: { perUnit: 40, seconds: 1 },
    query: { perUnit: 20, seconds: 60 },
    connect: { perUnit: 12, least: 100, seconds: 1 },
    d2cSend: { perUnit: 12, least: 100, seconds: 1 },
  },
  S2: {
    identity: { perUnit: 100, seconds: 60 },
    twinRead: { perUnit: 10, least: 100, seconds: 1 },
    twinUpdate: { perUnit: 5, least: 50, seconds: 1 },
    c2dSend: { perUnit: 100, seconds: 60 },
    method: { perUnit: 120, seconds: 1 },
    query: { perUnit: 20, seconds: 60 },
    connect: { perUnit: 120, seconds: 1 },
    d2cSend: { perUnit: 120, seconds: 1 },
  },
  S3: {
    identity: { perUnit: 5_000, seconds: 60 },
    twinRead: { perUnit: 500, seconds: 1 },
    twinUpdate: { perUnit: 250, seconds: 1 },
    c2dSend: { perUnit: 5_000, seconds: 60 },
    method: { perUnit: 6_144, seconds: 1 },
    query: { perUnit: 1_000, seconds: 60 },
    connect: { perUnit: 6_000, seconds: 1 },
    d2cSend: { perUnit: 6_000, seconds: 1 },
  },
};

/** Token buckets of a hub. Full at the beginning. */
export class Quotas {
  private readonly buckets = new Map<QuotaClass, { tokens: number; at: number }>();

  /** Undefined: nothing is throttled. */
  constructor(private readonly options: QuotaOptions | undefined) {}

  /** Takes `tokens`; or takes none, and says in how many milliseconds they will be there. */
  take(what: QuotaClass, now: number, tokens = 1): { readonly waitMs: number } {
    if (this.options === undefined) return { waitMs: 0 };
    const { capacity, perMs } = rateOf(what, this.options);
    const bucket = this.buckets.get(what) ?? { tokens: capacity, at: now };
    this.buckets.set(what, bucket);
    bucket.tokens = Math.min(capacity, bucket.tokens + Math.max(0, now - bucket.at) * perMs);
    bucket.at = now;
    // More than the bucket holds is let through when it is full, or it never were.
    const needed = Math.min(tokens, capacity);
    if (bucket.tokens < needed) return { waitMs: Math.ceil((needed - bucket.tokens) / perMs) };
    bucket.tokens -= tokens;
    return { waitMs: 0 };
  }
}

const rateOf = (
  what: QuotaClass,
  { tier, units = 1, scale = 1 }: QuotaOptions,
): { readonly capacity: number; readonly perMs: number } => {
  const { perUnit, least = 0, seconds } = RATES[tier][what];
  const tokens = Math.max(perUnit * units, least) * scale;
  return { capacity: Math.max(1, tokens), perMs: tokens / (seconds * 1_000) };
};
