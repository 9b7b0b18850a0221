import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, type Schema } from '../api/client.js';

export type Parked = Schema<'ParkedView'>;
export type ParkedState = Parked['state'];
export const PARKED_STATES: readonly ParkedState[] = ['open', 'replayed', 'dropped'];

/** Both must hold; `filter` may have an "or" in it. */
const parkedFilter = (state: ParkedState, filter: string): string =>
  filter === '' ? `state==${state}` : `state==${state};(${filter})`;

export const parkedListQuery = (state: ParkedState, filter: string, cursor: string | undefined) =>
  queryOptions({
    queryKey: ['parked', 'list', state, filter, cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/parked', {
          params: {
            query: {
              filter: parkedFilter(state, filter),
              limit: 50,
              count: true,
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });

/** How many wait for somebody's decision. */
export const openParkedQuery = queryOptions({
  queryKey: ['parked', 'open'],
  queryFn: async ({ signal }) => {
    const page = await answered(
      api.GET('/api/v1/parked', {
        params: { query: { filter: parkedFilter('open', ''), limit: 1, count: true } },
        signal,
      }),
    );
    return page.total ?? 0;
  },
  refetchInterval: 15_000,
});

export const parkedQuery = (id: string) =>
  queryOptions({
    queryKey: ['parked', 'one', id],
    queryFn: ({ signal }) => answered(api.GET('/api/v1/parked/{id}', { params: { path: { id } }, signal })),
  });
