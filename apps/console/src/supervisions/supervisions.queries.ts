import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, withEtag, type Schema } from '../api/client.js';

export type Supervision = Schema<'SupervisionView'>;
export type Verdict = Schema<'SupervisedDevice'>['verdict'];
export const VERDICTS: readonly Verdict[] = ['invalid', 'pending', 'unknown', 'valid'];

export type VerdictReason = Schema<'VerdictReason'>['code'];
export const VERDICT_REASONS: readonly VerdictReason[] = [
  'desired_changed',
  'state_mismatch',
  'drift',
  'device_error',
  'removed',
];

export interface SupervisedFilter {
  readonly verdict?: Verdict | undefined;
  readonly reason?: VerdictReason | undefined;
}

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
      withEtag(api.GET('/api/v1/supervisions/{id}', { params: { path: { id } }, signal })),
  });

/** It is counted with the verdicts, but where every device reports a value of its own, it is long: not read with each event. */
export const reportedValuesQuery = (id: string) =>
  queryOptions({
    queryKey: ['reported-values', id],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/supervisions/{id}/values', { params: { path: { id } }, signal })),
    refetchInterval: 5_000,
  });

export const supervisedQuery = (
  id: string,
  { verdict, reason }: SupervisedFilter,
  cursor: string | undefined,
) =>
  queryOptions({
    queryKey: ['supervision', id, 'devices', verdict, reason, cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/supervisions/{id}/devices', {
          params: {
            path: { id },
            query: {
              limit: 50,
              count: true,
              ...(verdict === undefined ? {} : { verdict }),
              ...(reason === undefined ? {} : { reason }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
