import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, withEtag, type Schema } from '../api/client.js';

export type Campaign = Schema<'CampaignDetails'>;
export type CampaignRow = Schema<'CampaignView'>;
export type Statistics = Schema<'CampaignStatistics'>;
export type Target = Schema<'TargetView'>;
export type CampaignStatus = CampaignRow['status'];
export type TargetStatus = Target['status'];

export const CAMPAIGN_STATUSES: readonly CampaignStatus[] = [
  'draft',
  'scheduled',
  'running',
  'paused',
  'completed',
  'cancelled',
];

export const TARGET_STATUSES: readonly TargetStatus[] = [
  'planned',
  'written',
  'dispatched',
  'acknowledged',
  'retry_wait',
  'succeeded',
  'failed',
  'timed_out',
  'skipped',
  'superseded',
  'cancelled',
  'removed',
];

const path = (id: string) => ({ path: { id } });

export const campaignsQuery = (
  status: CampaignStatus | undefined,
  name: string | undefined,
  cursor: string | undefined,
) =>
  queryOptions({
    queryKey: ['campaigns', 'list', status, name, cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/campaigns', {
          params: {
            query: {
              limit: 50,
              count: true,
              ...(status === undefined ? {} : { status }),
              ...(name === undefined ? {} : { name }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

export const campaignQuery = (id: string) =>
  queryOptions({
    queryKey: ['campaign', id, 'itself'],
    queryFn: ({ signal }) => withEtag(api.GET('/api/v1/campaigns/{id}', { params: path(id), signal })),
  });

export const statisticsQuery = (id: string) =>
  queryOptions({
    queryKey: ['campaign', id, 'statistics'],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/v1/campaigns/{id}/statistics', { params: path(id), signal })),
  });

export const previewQuery = (id: string, revision: number) =>
  queryOptions({
    queryKey: ['campaign', id, 'preview', revision],
    queryFn: ({ signal }) =>
      answered(api.POST('/api/v1/campaigns/{id}/preview', { params: path(id), signal })),
    staleTime: 0,
    retry: false,
  });

export const targetsQuery = (
  id: string,
  status: TargetStatus | undefined,
  batch: number | undefined,
  cursor: string | undefined,
) =>
  queryOptions({
    queryKey: ['campaign', id, 'targets', status, batch, cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/campaigns/{id}/targets', {
          params: {
            ...path(id),
            query: {
              limit: 50,
              ...(status === undefined ? {} : { status }),
              ...(batch === undefined ? {} : { batch }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
