import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import {
  devicesQuery,
  firstRowOf,
  PAGE_ROWS,
  type Device,
  type DevicesPage,
  type Sort,
} from './devices.queries.js';
import { heldRows, type Rows } from './held-rows.js';

/** So many pages are read anew by themselves; a longer way down would cost a request for each. */
const FRESH_PAGES = 3;
const FRESH_EVERY_MS = 10_000;

const NO_PAGES: readonly DevicesPage[] = [];

/** The rows that are shown, of which list, by what was read. */
interface Shown {
  readonly of: string;
  readonly pages: readonly DevicesPage[];
  readonly isHeld: boolean;
  readonly rows: Rows<Device>;
  /** Devices that have come meanwhile and are not shown yet. */
  readonly fresh: number;
}

const NOTHING_SHOWN: Shown = { of: '', pages: NO_PAGES, isHeld: false, rows: new Map(), fresh: 0 };

/** The devices of a filter as rows that are loaded where they are looked at. While `isHeld` none changes its place. */
export const useDeviceRows = (filter: string, sort: Sort, isHeld: boolean) => {
  const query = useInfiniteQuery({
    ...devicesQuery(filter, sort),
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) <= FRESH_PAGES ? FRESH_EVERY_MS : false),
  });
  const pages = query.data?.pages ?? NO_PAGES;
  const firstPage = pages[0];
  const lastPage = pages.at(-1);
  const begin = firstPage === undefined ? 0 : firstRowOf(firstPage);
  const end = lastPage === undefined ? 0 : firstRowOf(lastPage) + lastPage.items.length;
  const of = `${sort} ${filter}`;
  const [shown, setShown] = useState<Shown>(NOTHING_SHOWN);
  if (shown.of !== of || shown.pages !== pages || shown.isHeld !== isHeld) {
    const now = new Map(
      pages.flatMap((page) => page.items.map((device, nth) => [firstRowOf(page) + nth, device] as const)),
    );
    const held = isHeld && shown.of === of ? heldRows(shown.rows, now) : { rows: now, fresh: 0 };
    setShown({ of, pages, isHeld, ...held });
  }
  const rowAt = (index: number): Device | undefined => shown.rows.get(index);
  const { fetchNextPage, fetchPreviousPage, hasNextPage, hasPreviousPage, isFetching } = query;
  const onSeen = (first: number, last: number) => {
    if (isFetching) return;
    if (hasNextPage && last >= end - PAGE_ROWS / 2) void fetchNextPage();
    else if (hasPreviousPage && first < begin + PAGE_ROWS / 2) void fetchPreviousPage();
  };
  return { query, rowAt, known: end + (hasNextPage ? 1 : 0), onSeen, fresh: shown.fresh };
};
