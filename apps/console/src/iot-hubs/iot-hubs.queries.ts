import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, withEtag, type Schema } from '../api/client.js';

export type Hub = Schema<'HubView'>;
export type Finding = Schema<'HubFinding'>;

export const FINDING_KINDS: readonly Finding['finding'][] = ['missing', 'different', 'unknown'];
export const FINDING_OUTCOMES: readonly Finding['outcome'][] = [
  'open',
  'refused',
  'made',
  'mended',
  'adopted',
  'removed',
];

/** How a hub is changes without an event. */
export const HUBS_EVERY_MS = 15_000;

export const hubsQuery = (cursor?: string) =>
  queryOptions({
    queryKey: ['iot-hubs', 'list', cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/iot-hubs', {
          params: { query: { limit: 100, count: true, ...(cursor === undefined ? {} : { cursor }) } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

/** With the version that an edit is made upon, and what it seems to tell of. */
export const hubQuery = (id: string) =>
  queryOptions({
    queryKey: ['iot-hubs', id, 'itself'],
    queryFn: ({ signal }) => withEtag(api.GET('/api/v1/iot-hubs/{id}', { params: { path: { id } }, signal })),
  });

export interface FindingFilter {
  readonly finding?: Finding['finding'] | undefined;
  readonly outcome?: Finding['outcome'] | undefined;
  readonly cursor?: string | undefined;
}

export const findingsQuery = (id: string, { finding, outcome, cursor }: FindingFilter) =>
  queryOptions({
    queryKey: ['iot-hubs', id, 'findings', finding, outcome, cursor],
    queryFn: async ({ signal }) => {
      const page = await answered(
        api.GET('/api/v1/iot-hubs/{id}/findings', {
          params: {
            path: { id },
            query: {
              limit: 100,
              count: true,
              ...(finding === undefined ? {} : { finding }),
              ...(outcome === undefined ? {} : { outcome }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      );
      return { ...page, items: page.items.map((item) => ({ ...item, id: item.hubDeviceId })) };
    },
    placeholderData: keepPreviousData,
  });

/** A device as its hub knows it; refused where it is in none. */
export const hubDeviceQuery = (deviceId: string) =>
  queryOptions({
    queryKey: ['device', deviceId, 'iot-hub'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/devices/{deviceId}/iot-hub', { params: { path: { deviceId } }, signal })),
  });
