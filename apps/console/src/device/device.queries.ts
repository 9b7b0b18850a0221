import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, withEtag, type Schema } from '../api/client.js';
import { MOST } from '../shared/most.js';

const path = (id: string) => ({ path: { id } });

export const deviceQuery = (id: string) =>
  queryOptions({
    queryKey: ['device', id, 'itself'],
    queryFn: ({ signal }) => withEtag(api.GET('/api/v1/devices/{id}', { params: path(id), signal })),
  });

export type Configuration = Schema<'ConfigurationView'>;

/** With the version of it, which a change is made upon. `at`: as it was then. */
export const configurationQuery = (id: string, at?: string) =>
  queryOptions({
    queryKey: ['device', id, 'configuration', at ?? 'now'],
    queryFn: ({ signal }) =>
      withEtag(
        api.GET('/api/v1/devices/{id}/configuration', {
          params: { ...path(id), query: at === undefined ? {} : { at } },
          signal,
        }),
      ),
    ...(at === undefined ? {} : { staleTime: Infinity }),
  });

export const historyQuery = (id: string, key: string | undefined, limit = 50) =>
  queryOptions({
    queryKey: ['device', id, 'history', key, limit],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/devices/{id}/configuration/history', {
          params: { ...path(id), query: { limit, ...(key === undefined ? {} : { key }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

export const latestQuery = (id: string) =>
  queryOptions({
    queryKey: ['device', id, 'latest'],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/devices/{id}/telemetry/latest', {
          params: { ...path(id), query: { limit: MOST } },
          signal,
        }),
      ),
  });

export const commandsQuery = (id: string, limit = 50) =>
  queryOptions({
    queryKey: ['device', id, 'commands', limit],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/devices/{id}/commands', { params: { ...path(id), query: { limit } }, signal }),
      ),
    placeholderData: keepPreviousData,
  });

export const softwareQuery = (id: string) =>
  queryOptions({
    queryKey: ['device', id, 'software'],
    queryFn: ({ signal }) => answered(api.GET('/api/v1/devices/{id}/software', { params: path(id), signal })),
  });

export const firmwaresQuery = (deviceTypeId: string) =>
  queryOptions({
    queryKey: ['firmwares', 'of-type', deviceTypeId],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/firmwares', { params: { query: { deviceTypeId, limit: MOST } }, signal })),
  });

export const connectivityQuery = (id: string) =>
  queryOptions({
    queryKey: ['device', id, 'connectivity'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/devices/{id}/connectivity', { params: path(id), signal })),
  });

export const tokensQuery = (id: string) =>
  queryOptions({
    queryKey: ['device', id, 'tokens'],
    queryFn: ({ signal }) => answered(api.GET('/api/v1/devices/{id}/tokens', { params: path(id), signal })),
  });

export const credentialsQuery = (id: string) =>
  queryOptions({
    queryKey: ['device', id, 'credentials'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/devices/{id}/credentials', { params: path(id), signal })),
  });

export const filesQuery = (id: string) =>
  queryOptions({
    queryKey: ['device', id, 'files'],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/devices/{id}/files', { params: { ...path(id), query: { limit: MOST } }, signal }),
      ),
  });
