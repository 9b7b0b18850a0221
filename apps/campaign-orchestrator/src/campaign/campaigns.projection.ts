import type { CampaignStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { Database, Projection, Queryable, RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import { initial, type Campaign } from './campaign-state.js';
import type { StoredPhase } from './campaign-phases.js';
import type { CampaignEvent } from './campaign.events.js';
import { evolve } from './evolve-campaign.js';
import { withoutDevices } from './named-devices.js';

/**
 * A row per campaign for the list. `state` is the campaign's own, folded by the same function, but without the devices that
 * are named in it, which may be tens of thousands: a page of them would not fit in a message. Raise `stateVersion` of the
 * aggregate, and rebuild this, when `evolve` changes.
 */
export const campaignsProjection: Projection = {
  name: 'campaigns',
  handles: [
    'CampaignCreated',
    'CampaignEdited',
    'CampaignScheduled',
    'CampaignUnscheduled',
    'CampaignDeleted',
    'CampaignLaunched',
    'CampaignTargetsResolved',
    'CampaignLaunchFailed',
    'CampaignPaused',
    'CampaignResumed',
    'CampaignCancelRequested',
    'CampaignCancelled',
    'CampaignCompleted',
    'CampaignWaitEnded',
    'CampaignSettled',
    'RateChanged',
    'BatchReleased',
    'BatchDispatched',
    'BatchSynchronised',
    'BatchGateEvaluated',
    'BatchPassed',
    'BatchHeld',
  ] satisfies CampaignEvent['type'][],
  project: async (tx, events) => {
    const byCampaign = new Map<string, RecordedEvent<CampaignEvent>[]>();
    for (const event of events as readonly RecordedEvent<CampaignEvent>[]) {
      const key = `${event.tenantId}\n${event.streamId}`;
      byCampaign.set(key, [...(byCampaign.get(key) ?? []), event]);
    }
    for (const own of byCampaign.values()) await projectCampaign(tx, own);
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM campaigns');
  },
};

const projectCampaign = async (
  tx: pg.PoolClient,
  events: readonly RecordedEvent<CampaignEvent>[],
): Promise<void> => {
  const [first] = events;
  if (first === undefined) return;
  const key = [first.tenantId, first.streamId];
  const { rows } = await tx.query<{ state: Campaign }>(
    'SELECT state FROM campaigns WHERE tenant_id = $1 AND campaign_id = $2',
    key,
  );
  const state = events.map(short).reduce(evolve, rows[0]?.state ?? initial);
  if (state.deleted) {
    await tx.query('DELETE FROM campaigns WHERE tenant_id = $1 AND campaign_id = $2', key);
    return;
  }
  await tx.query(
    `INSERT INTO campaigns (tenant_id, campaign_id, name, status, state) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (tenant_id, campaign_id) DO UPDATE SET
       name = excluded.name, status = excluded.status, state = excluded.state`,
    [...key, state.definition?.name, state.status, JSON.stringify(state)],
  );
};

const short = (event: CampaignEvent): CampaignEvent => {
  if (event.type !== 'CampaignCreated' && event.type !== 'CampaignEdited') return event;
  const { data } = event;
  return { ...event, data: { ...data, definition: withoutDevices(data.definition) } } as CampaignEvent; // the same type
};

export interface CampaignFilter {
  readonly status: CampaignStatus | undefined;
  /** A part of the name. */
  readonly name: string | undefined;
}

export interface ListedCampaign {
  readonly campaignId: string;
  readonly state: Campaign;
  readonly phase: StoredPhase | undefined;
}

interface PhaseRow {
  phase: StoredPhase['phase'] | null;
  since: Date | null;
  next_at: Date | null;
  detail: string | null;
}

/** The list of campaigns, and their phases. */
export class Campaigns {
  constructor(private readonly database: Database) {}

  /** Newest first. `before`: id of the last one of the page before. */
  async list(
    tenantId: string,
    filter: CampaignFilter,
    { before, limit }: { readonly before: string | undefined; readonly limit: number },
  ): Promise<ListedCampaign[]> {
    const { rows } = await this.database.query<PhaseRow & { campaign_id: string; state: Campaign }>(
      `SELECT c.campaign_id, c.state, p.phase, p.since, p.next_at, p.detail FROM campaigns c
       LEFT JOIN campaign_phases p ON p.tenant_id = c.tenant_id AND p.campaign_id = c.campaign_id
       WHERE ${WHICH} AND ($4::text IS NULL OR c.campaign_id < $4) ORDER BY c.campaign_id DESC LIMIT $5`,
      [...valuesOf(tenantId, filter), before ?? null, limit],
    );
    return rows.map((row) => ({ campaignId: row.campaign_id, state: row.state, phase: phaseOf(row) }));
  }

  async count(tenantId: string, filter: CampaignFilter): Promise<number> {
    const { rows } = await this.database.query<{ total: number }>(
      `SELECT count(*)::integer AS total FROM campaigns c WHERE ${WHICH}`,
      valuesOf(tenantId, filter),
    );
    return rows[0]?.total ?? 0;
  }

  /** `tx`: to see what it has written. */
  async phaseOf(
    tenantId: string,
    campaignId: string,
    tx: Queryable = this.database,
  ): Promise<StoredPhase | undefined> {
    const { rows } = await tx.query<PhaseRow>({
      text: `SELECT phase, since, next_at, detail FROM campaign_phases WHERE tenant_id = $1 AND campaign_id = $2`,
      values: [tenantId, campaignId],
    });
    return rows[0] && phaseOf(rows[0]);
  }
}

const WHICH = `c.tenant_id = $1 AND ($2::text IS NULL OR c.status = $2)
               AND ($3::text IS NULL OR position(lower($3) in lower(c.name)) > 0)`;

const valuesOf = (tenantId: string, { status, name }: CampaignFilter): unknown[] => [
  tenantId,
  status ?? null,
  name ?? null,
];

const phaseOf = ({ phase, since, next_at, detail }: PhaseRow): StoredPhase | undefined =>
  phase === null || since === null
    ? undefined
    : { phase, since: since.toISOString(), nextAt: next_at?.toISOString() ?? null, detail: detail ?? '' };
