import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { answered, api, withEtag, type Schema } from '../api/client.js';

export type Campaign = Schema<'CampaignDetails'>;
export type CampaignRow = Schema<'CampaignView'>;
export type Statistics = Schema<'CampaignStatistics'>;
export type Target = Schema<'TargetView'>;
export type CampaignStatus = CampaignRow['status'];
export type TargetStatus = Target['status'];
export type Happening = Schema<'CampaignHistoryItem'>;

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

export type ReasonOrigin = Statistics['failures'][number]['origin'];
export const REASON_ORIGINS: readonly ReasonOrigin[] = ['campaign', 'device', 'configuration', 'user'];

/** Which devices of a campaign. The address of its page holds the same. */
export interface TargetFilter {
  readonly status?: TargetStatus | undefined;
  readonly batch?: number | undefined;
  /** Code of the reason. */
  readonly reason?: string | undefined;
  readonly origin?: ReasonOrigin | undefined;
}

const given = ({ status, batch, reason, origin }: TargetFilter) => ({
  ...(status === undefined ? {} : { status }),
  ...(batch === undefined ? {} : { batch }),
  ...(reason === undefined ? {} : { reason }),
  ...(origin === undefined ? {} : { origin }),
});

/** The same as parameters of an address, `&status=failed`. */
export const asParameters = (filter: TargetFilter): string =>
  Object.entries(given(filter))
    .map(([name, value]) => `&${name}=${encodeURIComponent(value)}`)
    .join('');

export const targetsQuery = (id: string, filter: TargetFilter, cursor: string | undefined) =>
  queryOptions({
    queryKey: ['campaign', id, 'targets', given(filter), cursor],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/campaigns/{id}/targets', {
          params: {
            ...path(id),
            query: {
              limit: 50,
              count: true,
              ...given(filter),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });

/** Devices of a reason that are read for what they said. */
const MOST_READ = 5;

/** The different sentences of the first devices that stand so. */
export const sentencesQuery = (id: string, filter: TargetFilter) =>
  queryOptions({
    // Not with each event of the campaign: what the first devices said stays.
    queryKey: ['sentences', id, given(filter)],
    queryFn: async ({ signal }) => {
      const { items } = await answered(
        api.GET('/api/v1/campaigns/{id}/targets', {
          params: { ...path(id), query: { limit: MOST_READ, ...given(filter) } },
          signal,
        }),
      );
      return [...new Set(items.flatMap(({ reason }) => reason?.detail ?? []))];
    },
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  });

/** When the devices of one page were heard last, by their id; what a filter holds of ids ends at 4,096 characters. */
export const lastSeenQuery = (deviceIds: readonly string[]) =>
  queryOptions({
    queryKey: ['devices', 'last-seen', ...deviceIds],
    queryFn: async ({ signal }) => {
      const filter = `id=in=(${deviceIds.join(',')})`;
      const { items } = await answered(
        api.GET('/api/v1/devices', { params: { query: { filter, limit: 50 } }, signal }),
      );
      return new Map(items.map(({ id, connectivity }) => [id, connectivity.lastSeenAt]));
    },
    enabled: deviceIds.length > 0,
    refetchInterval: 10_000,
    placeholderData: keepPreviousData,
  });

export const historyQuery = (id: string, limit: number) =>
  queryOptions({
    queryKey: ['campaign', id, 'history', limit],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/v1/campaigns/{id}/history', {
          params: { ...path(id), query: { limit, count: true } },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
  });
