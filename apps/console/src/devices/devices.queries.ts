import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, type Schema } from '../api/client.js';
import { MOST } from '../shared/most.js';

export type Device = Schema<'DeviceView'>;

export const PAGE_ROWS = 200;
/** 100,000 rows kept would be 430 MB of page; so many pages are some 4,000 rows. */
const MOST_PAGES = 20;

export type Sort = 'name' | '-name' | 'createdAt' | '-createdAt';

/** Where a page begins: the cursor that leads to it, and its first row. */
interface Place {
  readonly cursor: string | undefined;
  readonly row: number;
}

/** A page by its number, with how to come to it and to those before it. */
export interface PageAt {
  readonly number: number;
  readonly trail: readonly Place[];
}

export type DevicesPage = Schema<'DeviceList'> & { readonly at: PageAt };

const FIRST: PageAt = { number: 0, trail: [{ cursor: undefined, row: 0 }] };

export const firstRowOf = ({ at }: DevicesPage): number => at.trail[at.number]?.row ?? 0;

/** The rows of a list. Pages that were scrolled past are let go, and read again when they are come back to. */
export const devicesQuery = (filter: string, sort: Sort) =>
  infiniteQueryOptions({
    queryKey: ['devices', 'list', filter, sort],
    queryFn: async ({ pageParam: at, signal }): Promise<DevicesPage> => {
      const cursor = at.trail[at.number]?.cursor;
      const page = await answered(
        api.GET('/api/v1/devices', {
          params: {
            query: {
              ...(filter === '' ? {} : { filter }),
              sort,
              limit: PAGE_ROWS,
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      );
      return { ...page, at };
    },
    initialPageParam: FIRST,
    getNextPageParam: (page): PageAt | null => {
      const { at, nextCursor, items } = page;
      if (nextCursor === null) return null;
      // A page may hold fewer rows than were asked for, so where the next begins is known only now.
      const next = { cursor: nextCursor, row: firstRowOf(page) + items.length };
      return { number: at.number + 1, trail: [...at.trail.slice(0, at.number + 1), next] };
    },
    getPreviousPageParam: ({ at }): PageAt | null =>
      at.number === 0 ? null : { number: at.number - 1, trail: at.trail },
    maxPages: MOST_PAGES,
  });

export const fleetSummaryQuery = (filter: string) =>
  queryOptions({
    queryKey: ['devices', 'summary', filter],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/fleet/summary', { params: { query: filter === '' ? {} : { filter } }, signal }),
      ),
    placeholderData: keepPreviousData,
  });

export const filterFieldsQuery = queryOptions({
  queryKey: ['filter-fields'],
  queryFn: ({ signal }) => answered(api.GET('/api/v1/filters/fields', { signal })),
  staleTime: 60_000,
});

export const filterValuesQuery = (field: string, prefix: string) =>
  queryOptions({
    queryKey: ['filter-values', field, prefix],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/filters/values', {
          params: { query: { field, limit: 12, ...(prefix === '' ? {} : { prefix }) } },
          signal,
        }),
      ),
    staleTime: 30_000,
    retry: false,
  });

export const groupsQuery = queryOptions({
  queryKey: ['groups'],
  queryFn: ({ signal }) =>
    answered(api.GET('/api/v1/groups', { params: { query: { limit: MOST } }, signal })),
});

export const groupsPageQuery = (cursor: string | undefined) =>
  queryOptions({
    queryKey: ['groups', 'page', cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/groups', {
          params: { query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

export const deviceTypesQuery = queryOptions({
  queryKey: ['device-types'],
  queryFn: ({ signal }) =>
    answered(api.GET('/api/v1/device-types', { params: { query: { limit: MOST } }, signal })),
});
