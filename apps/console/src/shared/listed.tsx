import { Button, Group, Text } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { OwnMoment } from './moment.js';
import { Loaded } from './page.js';
import { Table } from './table.js';

interface PagingProps {
  /** Where the page that is shown begins; undefined: the first one. */
  readonly cursor: string | undefined;
  readonly onPage: (search: { readonly cursor?: string }) => void;
  readonly first?: string;
  readonly more?: string;
}

/** A list page by page: its shape while it comes, why it is empty, its rows, and the way to what there is more. */
export const Listed = <Item extends { readonly id: string }>({
  query,
  nothing,
  head,
  children,
  ...paging
}: PagingProps & {
  readonly query: UseQueryResult<{ readonly items: readonly Item[]; readonly nextCursor: string | null }>;
  readonly nothing: ReactNode;
  /** The cells of its head. */
  readonly head: ReactNode;
  /** The cells of a row. */
  readonly children: (item: Item) => ReactNode;
}) => (
  <Loaded query={query}>
    {({ items, nextCursor }) =>
      items.length === 0 && paging.cursor === undefined ? (
        nothing
      ) : (
        <>
          <Table isCards head={<>{head}</>}>
            {items.map((item) => (
              <tr key={item.id}>{children(item)}</tr>
            ))}
          </Table>
          <Paging {...paging} nextCursor={nextCursor} readAt={query.dataUpdatedAt} />
        </>
      )
    }
  </Loaded>
);

/** The ways to the other pages of a list, and how old this one is where nothing tells it what happens. */
export const Paging = ({
  cursor,
  nextCursor,
  onPage,
  first = 'To the first',
  more = 'More',
  readAt,
}: PagingProps & {
  readonly nextCursor: string | null;
  /** Epoch milliseconds; undefined: it is live. */
  readonly readAt?: number;
}) => (
  <Group mt="sm" gap="xs">
    {cursor !== undefined && (
      <Button variant="default" onClick={() => onPage({})}>
        {first}
      </Button>
    )}
    {nextCursor !== null && (
      <Button variant="default" onClick={() => onPage({ cursor: nextCursor })}>
        {more}
      </Button>
    )}
    {readAt !== undefined && (
      <Text c="dimmed">
        Last read: <OwnMoment at={readAt} />
      </Text>
    )}
  </Group>
);
