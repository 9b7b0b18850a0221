import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, withEtag, type Schema } from '../api/client.js';

export type IntegrationState = Schema<'IntegrationState'>;

export const integrationsQuery = (cursor?: string) =>
  queryOptions({
    queryKey: ['integrations', 'list', cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/integrations', {
          params: { query: { limit: 100, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

/** With the version that an edit is made upon, and how far behind each of its consumers is. */
export const integrationQuery = (id: string) =>
  queryOptions({
    queryKey: ['integrations', id],
    queryFn: ({ signal }) =>
      withEtag(api.GET('/api/v1/integrations/{id}', { params: { path: { id } }, signal })),
  });

/** How many device types the tenant has. */
export const typesCountQuery = queryOptions({
  queryKey: ['device-types', 'count'],
  queryFn: async ({ signal }) =>
    (
      await answered(
        api.GET('/api/v1/device-types', { params: { query: { limit: 1, count: true } }, signal }),
      )
    ).total ?? 0,
});
