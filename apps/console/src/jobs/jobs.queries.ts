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
