import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, type Schema } from '../api/client.js';

const MOST_SAMPLES = 3_000;
const PAGE = 500;

export interface Samples {
  readonly series: readonly Schema<'Series'>[];
  /** False where there are more than could be shown: then these are the newest. */
  readonly complete: boolean;
}

/** Samples of some keys between two times, the newest where there are too many. */
export const samplesQuery = (id: string, keys: readonly string[], from: string, to: string) =>
  queryOptions({
    queryKey: ['telemetry', id, keys, from, to],
    queryFn: async ({ signal }): Promise<Samples> => {
      const read = await Promise.all(keys.map((key) => samplesOf(id, key, from, to, signal)));
      return {
        series: read.map(({ series }) => series),
        complete: read.every(({ complete }) => complete),
      };
    },
    enabled: keys.length > 0,
    placeholderData: keepPreviousData,
  });

const samplesOf = async (
  id: string,
  key: string,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<{ readonly series: Schema<'Series'>; readonly complete: boolean }> => {
  const points: Schema<'Series'>['points'] = [];
  let cursor: string | undefined;
  do {
    const page = await answered(
      api.GET('/api/v1/devices/{id}/telemetry', {
        params: {
          path: { id },
          query: { key, from, to, order: 'desc', limit: PAGE, ...(cursor === undefined ? {} : { cursor }) },
        },
        signal,
      }),
    );
    points.push(...((page.series[0]?.points ?? []) as typeof points));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && points.length < MOST_SAMPLES);
  return { series: { key, points: [...points].reverse() }, complete: cursor === undefined };
};
