import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, type Schema } from '../api/client.js';

export type Entry = Schema<'AuditEntry'>;

export interface AuditSearch {
  readonly filter?: string;
  readonly device?: string;
  readonly from?: string;
  readonly to?: string;
  readonly cursor?: string;
}

const PAGE = 50;

export const auditQuery = ({ filter, device, from, to, cursor }: AuditSearch) =>
  queryOptions({
    queryKey: ['audit', filter, device, from, to, cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/audit', {
          params: {
            query: {
              limit: PAGE,
              ...(filter === undefined ? {} : { filter }),
              ...(device === undefined ? {} : { deviceId: device }),
              ...(from === undefined ? {} : { from }),
              ...(to === undefined ? {} : { to }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
