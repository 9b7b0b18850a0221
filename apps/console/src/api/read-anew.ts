import type { Query, QueryClient, QueryKey } from '@tanstack/react-query';

/** What is read once more when it has come. */
const again = new WeakSet<Query>();

/**
 * Reads anew what is looked at below `queryKey`. What is being read is read to its end first, and then once more: where the
 * platform answers slower than events come, what is begun with each of them would never arrive.
 */
export const readAnew = (queries: QueryClient, queryKey: QueryKey): void => {
  for (const query of queries.getQueryCache().findAll({ queryKey })) {
    const read = () => void queries.invalidateQueries({ queryKey: query.queryKey, exact: true });
    if (query.state.fetchStatus !== 'fetching') {
      read();
      continue;
    }
    if (again.has(query)) continue;
    again.add(query);
    void Promise.allSettled([query.promise]).then(() => {
      again.delete(query);
      read();
    });
  }
};
