import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import type { paths } from '@muster/api-client';
import { answered, api, type Schema } from '../api/client.js';
import type { Series } from './course.js';

/** As few as this are drawn one by one. */
export const MOST_SAMPLES = 1_500;
const MOST_PAGES = 10;

/** What is asked of each bucket. */
export const AGGREGATES = ['min', 'avg', 'max', 'count'] as const;

/** Days are those of who looks. */
const TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Span {
  readonly id: string;
  readonly keys: readonly string[];
  /** ISO; without `to` up to now. */
  readonly from: string;
  readonly to?: string | undefined;
}

/** Min, average, max and count of keys in buckets of time, or the last value of each. */
export const bucketsQuery = (
  { id, keys, from, to }: Span,
  bucket: string,
  aggregate: readonly ('min' | 'avg' | 'max' | 'count' | 'last')[] = AGGREGATES,
) =>
  queryOptions({
    queryKey: ['telemetry', id, 'buckets', keys, from, to, bucket, aggregate],
    queryFn: ({ signal }) =>
      read(id, { keys, from, to }, { bucket, aggregate: [...aggregate], timeZone: TIME_ZONE }, signal),
    enabled: keys.length > 0,
    placeholderData: keepPreviousData,
  });

/** Samples as they were sent. */
export const samplesQuery = ({ id, keys, from, to }: Span) =>
  queryOptions({
    queryKey: ['telemetry', id, 'samples', keys, from, to],
    queryFn: ({ signal }) => read(id, { keys, from, to }, { limit: MOST_SAMPLES }, signal),
    placeholderData: keepPreviousData,
  });

export interface Answer {
  readonly series: readonly Series[];
  /** False: there is more than was read. */
  readonly complete: boolean;
}

type Query = NonNullable<paths['/api/v1/devices/{id}/telemetry']['get']['parameters']['query']>;

const read = async (
  id: string,
  { keys, from, to }: Omit<Span, 'id'>,
  how: Query,
  signal: AbortSignal,
): Promise<Answer> => {
  const span = { from, ...(to === undefined ? {} : { to }) };
  const answers = await Promise.all(
    questionsOf(keys).map((named) => allPages(id, { ...named, ...span, ...how }, signal)),
  );
  return {
    series: answers.flatMap(({ series }) => series),
    complete: answers.every(({ complete }) => complete),
  };
};

/** One question for all keys, but for those that a list with commas cannot name. */
const questionsOf = (keys: readonly string[]): readonly ({ keys: string[] } | { key: string })[] => {
  const plain = keys.filter(isPlain);
  const others = keys.filter((key) => !isPlain(key)).map((key) => ({ key }));
  return plain.length === 0 ? others : [{ keys: plain }, ...others];
};

const isPlain = (key: string): boolean => key !== '' && !key.includes(',');

/** Pages of an answer that did not fit in one, put together. */
const allPages = async (id: string, query: Query, signal: AbortSignal): Promise<Answer> => {
  const found = new Map<string, Schema<'Series'>>();
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page = await answered(
      api.GET('/api/v1/devices/{id}/telemetry', {
        params: { path: { id }, query: { ...query, ...(cursor === undefined ? {} : { cursor }) } },
        signal,
      }),
    );
    // The client's types lose the pairs.
    for (const series of page.series as Schema<'Series'>[]) {
      const name = `${series.aggregate ?? ''} ${series.key}`;
      const known = found.get(name);
      if (known === undefined) found.set(name, series);
      else known.points.push(...series.points);
    }
    cursor = page.nextCursor ?? undefined;
    pages += 1;
  } while (cursor !== undefined && pages < MOST_PAGES);
  return { series: [...found.values()], complete: cursor === undefined };
};

/** Where the file is. A list with commas cannot name every key; then it is the file of all. */
export const exportHref = ({ id, keys, from, to }: Span, format: 'csv' | 'ndjson'): string => {
  const query = new URLSearchParams({ format, from, ...(to === undefined ? {} : { to }) });
  if (keys.length === 1) query.set('key', keys[0] ?? '');
  else if (keys.length > 1 && keys.every(isPlain)) query.set('keys', keys.join(','));
  return `/api/v1/devices/${encodeURIComponent(id)}/telemetry/export?${query.toString()}`;
};
