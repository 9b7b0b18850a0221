import type { Schema } from '../api/client.js';
import { idsIn } from './batch-plan.js';
import type { TargetStatus } from './campaigns.queries.js';

type CampaignTarget = Schema<'CampaignTarget'>;

/** Which devices, as it is being written. */
export interface TargetDraft {
  readonly by: 'filter' | 'named' | 'campaign';
  readonly filter: string;
  /** Something is in the filter's box that is not applied. */
  readonly unfinished: boolean;
  /** An empty filter means all there are only when that was said. */
  readonly everything: boolean;
  /** Ids, as they were pasted. */
  readonly named: string;
  readonly campaignId: string;
  /** None: devices in every state. */
  readonly statuses: readonly TargetStatus[];
}

export const targetDraftOf = (target: CampaignTarget | undefined): TargetDraft => ({
  by: target?.deviceIds !== undefined ? 'named' : target?.campaignId !== undefined ? 'campaign' : 'filter',
  filter: target?.filter ?? '',
  unfinished: false,
  everything: false,
  named: (target?.deviceIds ?? []).join('\n'),
  campaignId: target?.campaignId ?? '',
  statuses: target?.statuses ?? [],
});

/** A filter that every device matches: what an empty one means. */
const EVERY_DEVICE = 'name=exists=true';

/** Undefined: it is not finished, and must not mean more than is seen. */
export const targetIn = (draft: TargetDraft): CampaignTarget | undefined => {
  switch (draft.by) {
    case 'filter':
      if (draft.unfinished) return undefined;
      if (draft.filter.trim() === '') return draft.everything ? { filter: EVERY_DEVICE } : undefined;
      return { filter: draft.filter };
    case 'named': {
      const deviceIds = idsIn(draft.named);
      return deviceIds.length === 0 ? undefined : { deviceIds };
    }
    case 'campaign': {
      const campaignId = draft.campaignId.trim();
      if (campaignId === '') return undefined;
      return { campaignId, ...(draft.statuses.length === 0 ? {} : { statuses: [...draft.statuses] }) };
    }
  }
};
