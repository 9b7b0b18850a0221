/** A value of a key at a time; of a bucket its average, with the least and the greatest. Epoch seconds. */
export interface Point {
  readonly at: number;
  readonly value: number;
  readonly min?: number;
  readonly max?: number;
}

/** The numbers of a key over time. */
export interface Line {
  readonly key: string;
  readonly points: readonly Point[];
}

/** For so long, in epoch seconds, a key had a value that is no number. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly value: unknown;
}

export interface Strip {
  readonly key: string;
  readonly stretches: readonly Stretch[];
}

/** As the API answers. */
export interface Series {
  readonly key: string;
  readonly aggregate?: string | undefined;
  readonly points: readonly (readonly [string, unknown])[];
}

const secondsOf = (ts: string): number => Date.parse(ts) / 1_000;

/** A part and what came after it; of a time that is in both, the later word. */
export const joined = (past: readonly Series[], tail: readonly Series[]): readonly Series[] => {
  const nameOf = ({ key, aggregate = '' }: Series): string => `${aggregate} ${key}`;
  const after = new Map(tail.map((series) => [nameOf(series), series]));
  const both = past.map((series) => {
    const later = after.get(nameOf(series));
    after.delete(nameOf(series));
    if (later === undefined) return series;
    const begins = later.points[0]?.[0];
    const before = begins === undefined ? series.points : series.points.filter(([ts]) => ts < begins);
    return { ...series, points: [...before, ...later.points] };
  });
  return [...both, ...after.values()];
};

/** Without what is older than `from`, in epoch milliseconds: a chart that moves on has read a little more than it shows. */
export const since = (series: readonly Series[], from: number): readonly Series[] =>
  series.map((one) => ({ ...one, points: one.points.filter(([ts]) => Date.parse(ts) >= from) }));

const pointsOf = (series: readonly Series[], key: string, aggregate: string): ReadonlyMap<string, unknown> =>
  new Map(series.find((one) => one.key === key && one.aggregate === aggregate)?.points);

/** How many values were put together, of all keys. */
export const countOf = (series: readonly Series[]): number =>
  series
    .filter(({ aggregate }) => aggregate === 'count')
    .flatMap(({ points }) => points)
    .reduce((sum, [, count]) => sum + Number(count), 0);

/** Keys of which a bucket has values and no number: what they are must be asked for. */
export const keysWithOthers = (series: readonly Series[], keys: readonly string[]): readonly string[] =>
  keys.filter((key) => {
    const averages = pointsOf(series, key, 'avg');
    return [...pointsOf(series, key, 'count').keys()].some((ts) => !averages.has(ts));
  });

/** A bucket's point is in its middle: it stands for all of it. */
export const linesOfBuckets = (
  series: readonly Series[],
  keys: readonly string[],
  bucketSeconds: number,
): readonly Line[] =>
  keys.map((key) => {
    const least = pointsOf(series, key, 'min');
    const greatest = pointsOf(series, key, 'max');
    const points = [...pointsOf(series, key, 'avg')].map(([ts, value]) => ({
      at: secondsOf(ts) + bucketSeconds / 2,
      value: Number(value),
      min: Number(least.get(ts) ?? value),
      max: Number(greatest.get(ts) ?? value),
    }));
    return { key, points };
  });

export const linesOfSamples = (series: readonly Series[], keys: readonly string[]): readonly Line[] =>
  keys.map((key) => {
    const points = series.find((one) => one.key === key)?.points ?? [];
    return {
      key,
      points: points.flatMap(([ts, value]) =>
        typeof value === 'number' ? [{ at: secondsOf(ts), value }] : [],
      ),
    };
  });

const USUAL_TIMES = 3;

/**
 * For how long, in seconds, nothing may come before the line is broken off: some times what is usual between two points of this
 * line, and no less than `least`. Of two points nobody knows what is usual.
 */
const longestPause = (times: readonly number[], least: number): number => {
  if (times.length < 3) return least;
  const pauses = times.slice(1).map((at, index) => at - (times[index] ?? at));
  pauses.sort((a, b) => a - b);
  return Math.max(least, USUAL_TIMES * (pauses[Math.floor(pauses.length / 2)] ?? 0));
};

/** Values that are no numbers, for as long as they stayed the same. The last one lasts as long as a pause may, or to `end`. */
export const stripOf = (
  key: string,
  points: readonly (readonly [string, unknown])[],
  { bucketSeconds, end }: { readonly bucketSeconds: number; readonly end: number },
): Strip => {
  const times = points.map(([ts]) => secondsOf(ts));
  const pause = longestPause(times, bucketSeconds * 1.5);
  const stretches: { from: number; to: number; value: unknown }[] = [];
  for (const [index, [, value]] of points.entries()) {
    const at = times[index] ?? 0;
    const next = times[index + 1];
    const to =
      next !== undefined && next - at <= pause
        ? next
        : Math.min(end, at + Math.max(bucketSeconds, pause / USUAL_TIMES));
    const last = stretches.at(-1);
    if (last !== undefined && last.to === at && JSON.stringify(last.value) === JSON.stringify(value)) {
      last.to = to;
    } else if (typeof value !== 'number') {
      stretches.push({ from: at, to: Math.max(at, to), value });
    }
  }
  return { key, stretches };
};

/** A column of a chart: of which line, and what of its points. */
export interface Column {
  readonly line: number;
  readonly part: 'value' | 'min' | 'max';
}

export interface Drawing {
  readonly columns: readonly Column[];
  /** Times in epoch seconds; then the numbers of each column. */
  readonly data: [number[], ...(number | null | undefined)[][]];
}

/** What a chart draws of the lines: undefined is another line's time, over which one is drawn on; null breaks it off. */
export const drawn = (lines: readonly Line[], bucketSeconds: number): Drawing => {
  const columns: Column[] = [];
  const values: Map<number, number | null>[] = [];
  for (const [line, { points }] of lines.entries()) {
    const hasBand = points.some(({ min }) => min !== undefined);
    const breaks = breaksOf(points, bucketSeconds);
    for (const part of hasBand ? (['value', 'min', 'max'] as const) : (['value'] as const)) {
      columns.push({ line, part });
      values.push(
        new Map([
          ...points.map((point): [number, number | null] => [point.at, point[part] ?? point.value]),
          ...breaks.map((at): [number, null] => [at, null]),
        ]),
      );
    }
  }
  const times = [...new Set(values.flatMap((column) => [...column.keys()]))].sort((a, b) => a - b);
  return { columns, data: [times, ...values.map((column) => times.map((at) => column.get(at)))] };
};

const breaksOf = (points: readonly Point[], bucketSeconds: number): readonly number[] => {
  const times = points.map(({ at }) => at);
  const pause = longestPause(times, bucketSeconds * 1.5);
  return times.flatMap((at, index) => {
    const next = times[index + 1];
    return next !== undefined && next - at > pause ? [(at + next) / 2] : [];
  });
};
