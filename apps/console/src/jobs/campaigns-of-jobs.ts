import { useQuery } from '@tanstack/react-query';
import { campaignsQuery, type CampaignRow } from '../campaigns/campaigns.queries.js';

/** The newest campaigns by their job; jobs of older ones are shown without a name. */
export const useCampaignsOfJobs = (enabled: boolean): ReadonlyMap<string, CampaignRow> => {
  const { data } = useQuery({ ...campaignsQuery(undefined, undefined, undefined), enabled });
  return new Map(
    (data?.items ?? []).flatMap((campaign) => (campaign.jobId === null ? [] : [[campaign.jobId, campaign]])),
  );
};
