import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, type Schema } from '../api/client.js';

export type Supervision = Schema<'SupervisionView'>;
export type Verdict = Schema<'SupervisedDevice'>['verdict'];
export const VERDICTS: readonly Verdict[] = ['invalid', 'pending', 'unknown', 'valid'];

export const supervisionsQuery = (cursor: string | undefined) =>
  queryOptions({
    queryKey: ['supervisions', 'list', cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/supervisions', {
          params: { query: { limit: 50, count: true, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

export const supervisionQuery = (id: string) =>
  queryOptions({
    queryKey: ['supervision', id, 'itself'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/supervisions/{id}', { params: { path: { id } }, signal })),
  });

export const supervisedQuery = (id: string, verdict: Verdict | undefined, cursor: string | undefined) =>
  queryOptions({
    queryKey: ['supervision', id, 'devices', verdict, cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/supervisions/{id}/devices', {
          params: {
            path: { id },
            query: {
              limit: 50,
              ...(verdict === undefined ? {} : { verdict }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
