/** A key's numbers over time, as a chart takes them. */
export interface Line {
  readonly key: string;
  /** Epoch seconds, rising; with the number of each. */
  readonly points: readonly (readonly [number, number])[];
}

/** One list of times for all lines, and for each line a number or a gap at each of them. */
export const aligned = (lines: readonly Line[]): [number[], ...(number | null | undefined)[][]] => {
  const times = [...new Set(lines.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const columns = lines.map(({ points }) => {
    const values = new Map(points);
    // undefined: another line's time, over which this one is drawn on; null would be a gap.
    return times.map((at) => values.get(at));
  });
  return [times, ...columns];
};

/** The points that are numbers; JSON's texts, objects and lists cannot be drawn. */
export const numbersOf = (
  points: readonly (readonly [string, unknown])[],
): readonly (readonly [number, number])[] =>
  points
    .flatMap(([at, value]): [number, number][] =>
      typeof value === 'number' ? [[Date.parse(at) / 1000, value]] : [],
    )
    .sort(([a], [b]) => a - b);

export const RANGES = { '1h': 3_600, '6h': 21_600, '24h': 86_400, '7d': 604_800, '30d': 2_592_000 } as const;
export type Range = keyof typeof RANGES;

/** Keys in an address: any text may be a key, so each is written so that a comma in it is none. */
export const writeKeys = (keys: readonly string[]): string => keys.map(encodeURIComponent).join(',');
export const readKeys = (text: string | undefined): readonly string[] =>
  text === undefined || text === ''
    ? []
    : text.split(',').flatMap((key) => {
        try {
          return [decodeURIComponent(key)];
        } catch {
          return []; // written by hand
        }
      });
