import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE } from '@muster/contracts';
import {
  listCampaignHistory,
  type CampaignHistoryPage,
  type ListCampaignHistory,
} from '@muster/contracts/campaign-orchestrator/history.requests';
import type { EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { decodeCursor, EVENT_STORE, pageBy } from '@muster/service-host';
import { historyItemOf } from './campaign-history.js';
import { campaign } from './campaign.decider.js';

/** What happened to a campaign, from its own stream of events. */
@Controller()
export class CampaignHistoryHandlers {
  constructor(@Inject(EVENT_STORE) private readonly store: EventStore) {}

  @Handles(listCampaignHistory)
  async list(request: ListCampaignHistory): Promise<CampaignHistoryPage> {
    const { tenantId, campaignId, cursor, count } = request;
    const limit = request.limit ?? DEFAULT_PAGE;
    const list = `campaign-history ${campaignId}`;
    const [before] = decodeCursor(list, cursor, [VERSION]) ?? [];
    const { state, version } = await this.store.load(campaign, tenantId, campaignId);
    if (state.status === null) throw new AppError('campaign-not-found', 'No such campaign.');
    const events = await this.store.readStream(tenantId, campaign, campaignId, {
      ...(before === undefined ? {} : { toVersion: Number(before) - 1 }),
      backwards: true,
      limit: limit + 1,
      omit: ['definition'],
    });
    return {
      ...pageBy(list, events.map(historyItemOf), limit, (item) => [String(item.version)]),
      ...(count === true ? { total: version } : {}),
    };
  }
}

const VERSION = /^[1-9]\d{0,9}$/;
