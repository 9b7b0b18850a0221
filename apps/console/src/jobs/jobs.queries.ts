import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, type Schema } from '../api/client.js';

export type Job = Schema<'JobView'>;
export type JobStatus = Job['status'];
export const JOB_STATUSES: readonly JobStatus[] = [
  'created',
  'in_progress',
  'waiting',
  'cancelling',
  'success',
  'failed',
  'cancelled',
];

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['jobs', id],
    queryFn: ({ signal }) => answered(api.GET('/api/v1/jobs/{id}', { params: { path: { id } }, signal })),
  });

export const jobErrorsQuery = (id: string, cursor: string | undefined) =>
  queryOptions({
    queryKey: ['jobs', id, 'errors', cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/jobs/{id}/errors', {
          params: {
            path: { id },
            query: { limit: 100, count: true, ...(cursor === undefined ? {} : { cursor }) },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

/** As many ids as surely go into a filter, which ends at 4,096 characters; the others are shown by their id. */
const MOST_NAMES = 100;

/** Names of devices by their id; one that is gone has none. */
export const namesQuery = (deviceIds: readonly string[]) =>
  queryOptions({
    queryKey: ['devices', 'names', ...deviceIds],
    queryFn: async ({ signal }) => {
      const filter = `id=in=(${deviceIds.slice(0, MOST_NAMES).join(',')})`;
      const { items } = await answered(
        api.GET('/api/v1/devices', { params: { query: { filter, limit: MOST_NAMES } }, signal }),
      );
      return new Map(items.map(({ id, name }) => [id, name]));
    },
    enabled: deviceIds.length > 0,
    placeholderData: keepPreviousData,
  });

export const jobsQuery = (status: JobStatus | undefined, cursor: string | undefined, limit = 50) =>
  queryOptions({
    queryKey: ['jobs', 'list', status, cursor, limit],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/jobs', {
          params: {
            query: {
              limit,
              count: true,
              ...(status === undefined ? {} : { status }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
