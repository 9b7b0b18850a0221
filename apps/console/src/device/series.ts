/** How far back a chart looks, in seconds. */
export const RANGES = {
  '1h': 3_600,
  '6h': 21_600,
  '24h': 86_400,
  '7d': 604_800,
  '30d': 2_592_000,
  '90d': 7_776_000,
} as const;
export type Range = keyof typeof RANGES;

/** A bucket narrower than this cannot be told from its neighbour. */
const BUCKET_PX = 4;
/** What telemetry takes by default: buckets × keys × aggregates. A lower limit is refused, in words. */
const MOST_POINTS = 10_000;
const SECONDS_OF = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
/** No 12 h: half days are not those of anybody's zone. `7d` are weeks. */
const SIZES = [
  ...['1s', '2s', '5s', '10s', '15s', '30s', '1m', '2m', '5m', '10m', '15m', '30m'],
  ...['1h', '2h', '3h', '6h', '1d', '7d', '28d', '366d'],
];

export interface Bucket {
  /** As the API takes it: `15m`. */
  readonly size: string;
  readonly seconds: number;
}

const bucketOf = (size: string): Bucket => {
  const unit = size.slice(-1) as keyof typeof SECONDS_OF; // SIZES has no other
  return { size, seconds: Number(size.slice(0, -1)) * SECONDS_OF[unit] };
};

/** The smallest bucket by which `seconds` fit in the width, for so many keys with so many aggregates each. */
export const bucketFor = (
  seconds: number,
  widthPx: number,
  { keys, aggregates }: { readonly keys: number; readonly aggregates: number },
): Bucket => {
  const most = Math.min(widthPx / BUCKET_PX, MOST_POINTS / Math.max(1, keys * aggregates) - 2);
  const buckets = SIZES.map(bucketOf);
  return buckets.find((bucket) => seconds / bucket.seconds <= most) ?? bucketOf('366d');
};

/** `10 min`, `6 h`. */
export const sizeInWords = (size: string): string =>
  `${size.slice(0, -1)} ${{ s: 's', m: 'min', h: 'h', d: Number.parseInt(size, 10) === 1 ? 'day' : 'days' }[size.slice(-1)] ?? ''}`;

const CUT_BUCKETS = 16;

/**
 * Up to where the buckets of a chart that moves with the time are read once; behind it, again and again. Epoch milliseconds. It is
 * where a bucket begins, so that none is read in two halves: days begin where the viewer is.
 */
export const cutOf = (now: number, { seconds }: Bucket): number => {
  if (seconds >= SECONDS_OF.d) {
    const day = new Date(now);
    const sinceMonday = seconds === SECONDS_OF.d ? 0 : (day.getDay() + 6) % 7;
    return new Date(day.getFullYear(), day.getMonth(), day.getDate() - sinceMonday).getTime();
  }
  const step = seconds * CUT_BUCKETS * 1_000;
  return Math.floor(now / step) * step;
};

/**
 * Keys in an address: any text may be a key, so each is written so that a comma in it is none. An empty text is no key; the
 * empty key alone is written twice.
 */
export const writeKeys = (keys: readonly string[]): string =>
  (keys.length === 1 && keys[0] === '' ? ['', ''] : keys).map(encodeURIComponent).join(',');
export const readKeys = (text: string | undefined): readonly string[] =>
  text === undefined || text === ''
    ? []
    : [
        ...new Set(
          text.split(',').flatMap((key) => {
            try {
              return [decodeURIComponent(key)];
            } catch {
              return []; // written by hand
            }
          }),
        ),
      ];
