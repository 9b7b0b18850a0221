import { Controller, Inject } from '@nestjs/common';
import { AppError } from '@muster/contracts';
import type { TargetStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { CampaignRef } from '@muster/contracts/campaign-orchestrator/campaigns.requests';
import {
  getCampaignStatistics,
  type CampaignStatistics,
  type ReasonCount,
  type StatisticsPoint,
} from '@muster/contracts/campaign-orchestrator/statistics.requests';
import type { VerdictCounts } from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import type { ReasonOrigin } from '@muster/contracts/campaign-orchestrator/targets.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import {
  everyStatus,
  inFlight,
  numberOf,
  statusCounts,
  sumOf,
  unsynced,
  type Counts,
} from '../batch/counts.js';
import { campaign } from '../campaign/campaign.decider.js';
import { findSupervision } from '../supervision/supervision-list.projection.js';
import { readCounts } from '../target/target-rows.js';
import { MOST_POINTS } from '../config.js';
import { percentilesOf } from './percentiles.js';

const NOBODY: VerdictCounts = { pending: 0, valid: 0, invalid: 0, unknown: 0 };

/** Numbers of a campaign. None is counted when it is asked for: each changed with what it counts. */
@Controller()
export class StatisticsHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
  ) {}

  @Handles(getCampaignStatistics)
  async get({ tenantId, campaignId }: CampaignRef): Promise<CampaignStatistics> {
    const { state } = await this.store.load(campaign, tenantId, campaignId);
    if (state.status === null) throw new AppError('campaign-not-found', 'No such campaign.');
    const launchId = state.launch?.launchId ?? '';
    const { supervisionId } = state;
    const [byBatch, supervision, durations, failures, points] = await Promise.all([
      readCounts(this.database, tenantId, launchId, state.batches.length),
      supervisionId === null ? undefined : findSupervision(this.database, tenantId, supervisionId),
      this.durations(tenantId, launchId),
      this.failures(tenantId, launchId),
      this.points(tenantId, launchId),
    ]);
    const counts = sumOf(byBatch);
    const timeToApply = percentilesOf(durations);
    const targets = state.total ?? 0;
    return {
      campaignId,
      targets,
      byStatus: everyStatus(counts),
      synchronised: targets - numberOf(counts, 'planned') - unsynced(counts),
      inFlight: inFlight(counts),
      late: numberOf(counts, 'late'),
      adoption: supervision?.verdicts ?? NOBODY,
      failures,
      ...(timeToApply === undefined ? {} : { timeToApply }),
      batches: byBatch.map((own, place) => ({ index: place + 1, byStatus: everyStatus(own) })),
      points,
    };
  }

  private async failures(tenantId: string, launchId: string): Promise<ReasonCount[]> {
    const { rows } = await this.database.query<{
      status: TargetStatus;
      origin: ReasonOrigin;
      code: string;
      n: number;
    }>({
      name: 'campaign-failures',
      text: `SELECT status, origin, code, n FROM campaign_failures
             WHERE tenant_id = $1 AND launch_id = $2 AND n > 0 ORDER BY n DESC, code LIMIT 200`,
      values: [tenantId, launchId],
    });
    return rows.map(({ n, ...reason }) => ({ ...reason, count: n }));
  }

  private async durations(tenantId: string, launchId: string): Promise<{ bucket: number; n: number }[]> {
    const { rows } = await this.database.query<{ bucket: number; n: number }>({
      name: 'campaign-durations',
      text: 'SELECT bucket, n FROM campaign_durations WHERE tenant_id = $1 AND launch_id = $2',
      values: [tenantId, launchId],
    });
    return rows;
  }

  private async points(tenantId: string, launchId: string): Promise<StatisticsPoint[]> {
    const { rows } = await this.database.query<{ at: Date; counts: Counts; adoption: VerdictCounts | null }>({
      name: 'campaign-points',
      text: `SELECT at, counts, adoption FROM campaign_points WHERE tenant_id = $1 AND launch_id = $2
             ORDER BY at DESC LIMIT $3`,
      values: [tenantId, launchId, MOST_POINTS],
    });
    return rows.reverse().map(({ at, counts, adoption }) => ({
      at: at.toISOString(),
      byStatus: statusCounts(counts),
      ...(adoption === null ? {} : { adoption }),
    }));
  }
}
