import type { TargetCounts } from '@muster/contracts/campaign-orchestrator/campaign';
import {
  campaignTargetsChanged,
  MAX_TOLD_TARGETS,
  type CampaignTargetsChanged,
  type ChangedTarget,
} from '@muster/contracts/campaign-orchestrator/targets.published';
import type { EventStore, Published, RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import { statusCounts, type Counted } from '../batch/counts.js';
import type { ResolvedListener } from './snapshot.js';
import type { TargetReason } from './target.js';
import type { TargetChange, TargetListener } from './target-rows.js';

/** Targets are rows, and are told as announcements. */
export const TARGETS_ANNOUNCED = 'campaign-targets';

export interface TargetsChanged {
  readonly type: 'TargetsChanged';
  readonly data: Omit<CampaignTargetsChanged, 'version' | 'devices'> & {
    readonly devices: readonly ChangedTarget[];
  };
}

export const publishedOfTargets = (event: RecordedEvent<TargetsChanged>): readonly Published[] => [
  {
    contract: campaignTargetsChanged,
    entityId: event.streamId,
    data: { ...event.data, devices: [...event.data.devices], version: event.version },
  },
];

/** Tells others of targets that stand otherwise than before, in the transaction in which they change. */
export const tellTargets =
  (store: Announcing): TargetListener =>
  async (tx, tenantId, changes) => {
    const turned = changes.filter(({ row, next }) => row.status !== next.status);
    const campaigns = [...new Set(turned.map(({ row }) => row.campaignId))].sort();
    for (const campaignId of campaigns) {
      const own = turned.filter(({ row }) => row.campaignId === campaignId);
      const launchId = own[0]?.row.launchId ?? '';
      await tell(tx, store, { tenantId, campaignId, launchId, devices: own.map(toldOf) });
    }
  };

/** Tells of the devices that a launch leaves out, and why, as it begins; all others are planned. */
export const tellSkipped =
  (store: Announcing): ResolvedListener =>
  async (tx, { tenantId, campaignId, launchId }) => {
    for (let after = ''; ;) {
      const { rows } = await tx.query<Skipped>({
        text: `SELECT device_id, batch, reason FROM campaign_targets
               WHERE tenant_id = $1 AND launch_id = $2 AND status = 'skipped' AND device_id > $3
               ORDER BY device_id LIMIT ${TOLD_AT_ONCE}`,
        values: [tenantId, launchId, after],
      });
      const last = rows.at(-1);
      if (last === undefined) return;
      const devices = rows.map(({ device_id: deviceId, batch, reason }) => ({
        ...{ deviceId, batch, reason },
        ...{ from: 'planned' as const, status: 'skipped' as const },
      }));
      await tell(tx, store, { tenantId, campaignId, launchId, devices });
      after = last.device_id;
    }
  };

type Announcing = Pick<EventStore, 'announce'>;

interface Skipped {
  readonly device_id: string;
  readonly batch: number;
  readonly reason: TargetReason;
}

const TOLD_AT_ONCE = 10 * MAX_TOLD_TARGETS;

const toldOf = ({ row, next }: TargetChange): ChangedTarget => ({
  deviceId: row.deviceId,
  batch: row.batch,
  from: row.status,
  status: next.status,
  ...(next.reason === null ? {} : { reason: next.reason }),
});

const tell = async (
  tx: pg.PoolClient,
  store: Announcing,
  {
    tenantId,
    campaignId,
    launchId,
    devices,
  }: {
    readonly tenantId: string;
    readonly campaignId: string;
    readonly launchId: string;
    readonly devices: readonly ChangedTarget[];
  },
): Promise<void> => {
  const messages = Math.ceil(devices.length / MAX_TOLD_TARGETS);
  const { rows } = await tx.query<{ told: number }>({
    name: 'tell-targets',
    text: `INSERT INTO campaign_tellings AS t (tenant_id, campaign_id, told) VALUES ($1, $2, $3)
           ON CONFLICT (tenant_id, campaign_id) DO UPDATE SET told = t.told + excluded.told RETURNING told`,
    values: [tenantId, campaignId, messages],
  });
  const told = rows[0]?.told ?? messages;
  // Whoever tells of the same campaign waits for the row above, so the last message has the last numbers.
  const byStatus = await countsOf(tx, tenantId, launchId);
  const at = new Date().toISOString();
  await store.announce(
    tx,
    Array.from({ length: messages }, (_none, nth) => {
      const own = devices.slice(nth * MAX_TOLD_TARGETS, (nth + 1) * MAX_TOLD_TARGETS);
      const event: TargetsChanged = {
        type: 'TargetsChanged',
        data: { campaignId, at, devices: own, byStatus },
      };
      return {
        ...{ tenantId, about: TARGETS_ANNOUNCED, id: campaignId, event },
        version: told - messages + nth + 1,
        metadata: { actor: { kind: 'campaign' as const, id: campaignId } },
      };
    }),
  );
};

const countsOf = async (tx: pg.PoolClient, tenantId: string, launchId: string): Promise<TargetCounts> => {
  const { rows } = await tx.query<{ counted: Counted; n: number }>({
    name: 'told-counts',
    text: `SELECT counted, sum(n)::integer AS n FROM campaign_counters
           WHERE tenant_id = $1 AND launch_id = $2 GROUP BY counted`,
    values: [tenantId, launchId],
  });
  return statusCounts(Object.fromEntries(rows.map(({ counted, n }) => [counted, n])));
};
