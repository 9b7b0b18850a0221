import {
  campaignTargetsChanged,
  MAX_TOLD_TARGETS,
  type CampaignTargetsChanged,
} from '@muster/contracts/campaign-orchestrator/targets.published';
import type { EventStore, Published, RecordedEvent } from '@muster/event-store';
import type { TargetChange, TargetListener } from './target-rows.js';

/** Targets are rows, and are told as announcements. */
export const TARGETS_ANNOUNCED = 'campaign-targets';

export interface TargetsChanged {
  readonly type: 'TargetsChanged';
  readonly data: Omit<CampaignTargetsChanged, 'version'>;
}

export const publishedOfTargets = (event: RecordedEvent<TargetsChanged>): readonly Published[] => [
  {
    contract: campaignTargetsChanged,
    entityId: event.streamId,
    data: { ...event.data, version: event.version },
  },
];

/** Tells others of targets that stand otherwise than before, in the transaction in which they change. */
export const tellTargets =
  (store: Pick<EventStore, 'announce'>): TargetListener =>
  async (tx, tenantId, changes) => {
    const turned = changes.filter(({ row, next }) => row.status !== next.status);
    const campaigns = [...new Set(turned.map(({ row }) => row.campaignId))].sort();
    for (const campaignId of campaigns) {
      const own = turned.filter(({ row }) => row.campaignId === campaignId);
      const messages = Math.ceil(own.length / MAX_TOLD_TARGETS);
      const { rows } = await tx.query<{ told: number }>({
        name: 'tell-targets',
        text: `INSERT INTO campaign_tellings AS t (tenant_id, campaign_id, told) VALUES ($1, $2, $3)
               ON CONFLICT (tenant_id, campaign_id) DO UPDATE SET told = t.told + excluded.told RETURNING told`,
        values: [tenantId, campaignId, messages],
      });
      const told = rows[0]?.told ?? messages;
      const at = new Date().toISOString();
      await store.announce(
        tx,
        Array.from({ length: messages }, (_none, nth) => ({
          tenantId,
          about: TARGETS_ANNOUNCED,
          id: campaignId,
          version: told - messages + nth + 1,
          event: messageOf(campaignId, at, own.slice(nth * MAX_TOLD_TARGETS, (nth + 1) * MAX_TOLD_TARGETS)),
          metadata: { actor: { kind: 'campaign' as const, id: campaignId } },
        })),
      );
    }
  };

const messageOf = (campaignId: string, at: string, changes: readonly TargetChange[]): TargetsChanged => ({
  type: 'TargetsChanged',
  data: {
    campaignId,
    at,
    devices: changes.map(({ row, next }) => ({
      deviceId: row.deviceId,
      batch: row.batch,
      from: row.status,
      status: next.status,
      ...(next.reason === null ? {} : { reason: next.reason }),
    })),
  },
});
