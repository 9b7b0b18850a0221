import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE } from '@muster/contracts';
import type { TargetStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { CampaignRef } from '@muster/contracts/campaign-orchestrator/campaigns.requests';
import {
  listTargets,
  MAX_TARGET_IDS,
  previewCampaign,
  readTargetIds,
  type CampaignPreview,
  type ListTargets,
  type ReadTargetIds,
  type TargetIds,
  type TargetPage,
  type TargetReason,
  type TargetView,
} from '@muster/contracts/campaign-orchestrator/targets.requests';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy } from '@muster/service-host';
import { campaign } from '../campaign/campaign.decider.js';
import { assertTargetsKept } from '../retention/retention.js';
import { LaunchPlan } from './launch-plan.js';
import { targetIds } from './target-devices.js';

const DEVICE_ID = /^[A-Za-z0-9_-]{1,64}$/;

interface Row {
  device_id: string;
  name: string;
  device_type: string;
  batch: number;
  status: TargetStatus;
  attempts: number;
  synced: boolean;
  written_at: Date | null;
  dispatched_at: Date | null;
  acknowledged_at: Date | null;
  finished_at: Date | null;
  deadline_at: Date | null;
  retry_at: Date | null;
  late: boolean;
  reason: TargetReason | null;
}

/** The devices of a campaign. */
@Controller()
export class TargetHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(LaunchPlan) private readonly plan: LaunchPlan,
  ) {}

  @Handles(previewCampaign)
  async preview({ tenantId, campaignId }: CampaignRef): Promise<CampaignPreview> {
    const { state } = await this.store.load(campaign, tenantId, campaignId);
    if (state.status === null || state.definition === null)
      throw new AppError('campaign-not-found', 'No such campaign.');
    return this.plan.preview(tenantId, campaignId, state.definition);
  }

  @Handles(listTargets)
  async list(request: ListTargets): Promise<TargetPage> {
    const { tenantId, campaignId, status, batch, reason, origin, cursor, count } = request;
    const limit = request.limit ?? DEFAULT_PAGE;
    const [after] = decodeCursor('campaign-targets', cursor, [DEVICE_ID]) ?? [];
    const { state } = await this.store.load(campaign, tenantId, campaignId);
    if (state.status === null) throw new AppError('campaign-not-found', 'No such campaign.');
    await assertTargetsKept(this.database, tenantId, state.launch?.launchId);
    const launchId = state.launch?.launchId ?? '';
    const which = [tenantId, launchId, status ?? null, batch ?? null, reason ?? null, origin ?? null];
    const { rows } = await this.database.query<Row>(
      `SELECT device_id, name, device_type, batch, status, attempts, synced, written_at, dispatched_at,
              acknowledged_at, finished_at, deadline_at, retry_at, late, reason
       FROM campaign_targets WHERE ${WHICH} AND device_id > $7 ORDER BY device_id LIMIT $8`,
      [...which, after ?? '', limit + 1],
    );
    return {
      ...pageBy('campaign-targets', rows.map(viewOf), limit, ({ deviceId }) => [deviceId]),
      ...(count === true ? { total: await this.count(which) } : {}),
    };
  }

  @Handles(readTargetIds)
  async ids({ tenantId, campaignId, statuses, after, limit }: ReadTargetIds): Promise<TargetIds> {
    const { state } = await this.store.load(campaign, tenantId, campaignId);
    if (state.status === null) throw new AppError('campaign-not-found', 'No such campaign.');
    if (state.launch?.resolved !== true) {
      const message = 'must be a campaign that was launched';
      throw new AppError('invalid-request', `campaignId ${message}`, {
        errors: [{ path: 'campaignId', message }],
      });
    }
    const { launchId } = state.launch;
    await assertTargetsKept(this.database, tenantId, launchId);
    const most = limit ?? MAX_TARGET_IDS;
    const which = [tenantId, launchId, statuses ?? null] as const;
    const found = await targetIds(this.database, which, { after: after ?? null, limit: most + 1 });
    const deviceIds = found.slice(0, most);
    return { deviceIds, next: found.length > most ? (deviceIds.at(-1) ?? null) : null };
  }

  /** From the counters, and not by looking at all; those of a reason, which are not counted by their batch, by their index. */
  private async count(which: readonly unknown[]): Promise<number> {
    const [, , , , reason, origin] = which;
    const isByReason = reason !== null || origin !== null;
    const { rows } = await this.database.query<{ total: number }>(
      isByReason
        ? `SELECT count(*)::integer AS total FROM campaign_targets WHERE ${WHICH}`
        : `SELECT coalesce(sum(n), 0)::integer AS total FROM campaign_counters
           WHERE tenant_id = $1 AND launch_id = $2 AND ($3::text IS NULL OR counted = $3)
             AND ($4::integer IS NULL OR batch = $4) AND counted NOT IN ('synced', 'away', 'late')`,
      isByReason ? [...which] : which.slice(0, 4),
    );
    return rows[0]?.total ?? 0;
  }
}

/** As of the index `campaign_targets_reason`, where there is a reason. */
const WHICH = `tenant_id = $1 AND launch_id = $2 AND ($3::text IS NULL OR status = $3)
               AND ($4::integer IS NULL OR batch = $4) AND ($5::text IS NULL OR reason->>'code' = $5)
               AND ($6::text IS NULL OR reason->>'origin' = $6)`;

const viewOf = (row: Row): TargetView => ({
  deviceId: row.device_id,
  name: row.name,
  deviceType: row.device_type,
  batch: row.batch,
  status: row.status,
  attempts: row.attempts,
  synchronised: row.synced && row.written_at !== null,
  ...timesOf(row),
  ...(row.late ? { late: true } : {}),
  ...(row.reason === null ? {} : { reason: row.reason }),
});

const timesOf = (row: Row): Partial<TargetView> =>
  Object.fromEntries(
    Object.entries({
      writtenAt: row.written_at,
      dispatchedAt: row.dispatched_at,
      acknowledgedAt: row.acknowledged_at,
      finishedAt: row.finished_at,
      deadlineAt: row.deadline_at,
      retryAt: row.retry_at,
    }).flatMap(([name, time]) => (time === null ? [] : [[name, time.toISOString()]])),
  );
