import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import pLimit from 'p-limit';
import { answered, api, withEtag, type Schema } from '../api/client.js';

export type DeviceType = Schema<'DeviceTypeView'>;
export type TypeConfiguration = Schema<'TypeConfigurationView'>;
export type FirmwareType = Schema<'FirmwareTypeView'>;

const path = (id: string) => ({ path: { id } });

export const typesQuery = (cursor: string | undefined) =>
  queryOptions({
    queryKey: ['device-types', 'list', cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/device-types', {
          params: { query: { limit: 100, count: true, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

/** `id`: or its name. */
export const typeQuery = (id: string) =>
  queryOptions({
    queryKey: ['device-types', 'one', id],
    queryFn: ({ signal }) => withEtag(api.GET('/api/v1/device-types/{id}', { params: path(id), signal })),
  });

// Pages that show values ask both of every type, to know what is secret. With HTTP/1.1 a browser has six connections to a host, one
// of them the stream's: where a service was away, twenty answers that each took five seconds held up all that the page was about.
const inConfigurationTurn = pLimit(2);
const inFirmwareTurn = pLimit(1);

export const typeConfigurationQuery = (id: string) =>
  queryOptions({
    queryKey: ['device-types', 'one', id, 'configuration'],
    queryFn: ({ signal }) =>
      inConfigurationTurn(() =>
        withEtag(api.GET('/api/v1/device-types/{id}/configuration', { params: path(id), signal })),
      ),
  });

export const firmwareTypesQuery = (id: string) =>
  queryOptions({
    queryKey: ['firmware-types', id],
    queryFn: ({ signal }) =>
      inFirmwareTurn(() =>
        answered(
          api.GET('/api/v1/device-types/{id}/firmware-types', {
            params: { ...path(id), query: { limit: 200 } },
            signal,
          }),
        ),
      ),
  });

export const firmwareTypeQuery = (id: string, firmwareTypeId: string) =>
  queryOptions({
    queryKey: ['firmware-types', id, firmwareTypeId],
    queryFn: ({ signal }) =>
      withEtag(
        api.GET('/api/v1/device-types/{id}/firmware-types/{firmwareTypeId}', {
          params: { path: { id, firmwareTypeId } },
          signal,
        }),
      ),
  });
