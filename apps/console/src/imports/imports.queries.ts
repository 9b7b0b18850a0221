import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, type Schema } from '../api/client.js';

export type RowOutcome = Schema<'ImportedRow'>['outcome'];
export const IMPORT_OUTCOMES: readonly RowOutcome[] = [
  'waiting',
  'created',
  'updated',
  'unchanged',
  'failed',
];

export const importsQuery = (cursor: string | undefined) =>
  queryOptions({
    queryKey: ['imports', 'list', cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/imports', {
          params: { query: { limit: 50, count: true, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

export const importQuery = (id: string) =>
  queryOptions({
    queryKey: ['imports', 'one', id],
    queryFn: ({ signal }) => answered(api.GET('/api/v1/imports/{id}', { params: { path: { id } }, signal })),
  });

export const importRowsQuery = (id: string, outcome: RowOutcome | undefined, cursor: string | undefined) =>
  queryOptions({
    queryKey: ['imports', 'one', id, 'rows', outcome, cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/imports/{id}/rows', {
          params: {
            path: { id },
            query: {
              limit: 100,
              ...(outcome === undefined ? {} : { outcome }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

/** A row that has come to a new device is done; a job that is `created` has not begun. What was only tried has come to nothing. */
export const rowState = (outcome: RowOutcome, dryRun: boolean): string =>
  (dryRun ? WOULD : HAS)[outcome] ?? outcome;

const HAS: Partial<Record<RowOutcome, string>> = { created: 'added' };
const WOULD: Partial<Record<RowOutcome, string>> = {
  created: 'would_add',
  updated: 'would_update',
  unchanged: 'would_stay',
  failed: 'would_fail',
};
