import { useInfiniteQuery } from '@tanstack/react-query';
import { devicesQuery, firstRowOf, PAGE_ROWS, type Device, type Sort } from './devices.queries.js';

/** So many pages are read anew by themselves; a longer way down would cost a request for each. */
const FRESH_PAGES = 3;
const FRESH_EVERY_MS = 10_000;

/** The devices of a filter as rows that are loaded where they are looked at. */
export const useDeviceRows = (filter: string, sort: Sort) => {
  const query = useInfiniteQuery({
    ...devicesQuery(filter, sort),
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) <= FRESH_PAGES ? FRESH_EVERY_MS : false),
  });
  const pages = query.data?.pages ?? [];
  const firstPage = pages[0];
  const lastPage = pages.at(-1);
  const begin = firstPage === undefined ? 0 : firstRowOf(firstPage);
  const end = lastPage === undefined ? 0 : firstRowOf(lastPage) + lastPage.items.length;
  const rowAt = (index: number): Device | undefined => {
    const page = pages.find((one) => index >= firstRowOf(one) && index < firstRowOf(one) + one.items.length);
    return page?.items[index - firstRowOf(page)];
  };
  const { fetchNextPage, fetchPreviousPage, hasNextPage, hasPreviousPage, isFetching } = query;
  const onSeen = (first: number, last: number) => {
    if (isFetching) return;
    if (hasNextPage && last >= end - PAGE_ROWS / 2) void fetchNextPage();
    else if (hasPreviousPage && first < begin + PAGE_ROWS / 2) void fetchPreviousPage();
  };
  return { query, rowAt, known: end + (hasNextPage ? 1 : 0), onSeen };
};
