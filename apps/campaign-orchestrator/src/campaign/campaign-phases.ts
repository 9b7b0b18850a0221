import { AppError, isPassing } from '@muster/contracts';
import type { CampaignPhase } from '@muster/contracts/campaign-orchestrator/campaign';
import { asAppError, type EventStore } from '@muster/event-store';
import type pg from 'pg';
import { ENGINE } from './engine.decider.js';

/** What a running campaign does or waits for; of a scheduled one, what keeps it from its launch when its time has come. */
export interface Phase {
  readonly phase: CampaignPhase;
  /** ISO 8601; null: not at a known time. */
  readonly nextAt: string | null;
  /** A sentence. */
  readonly detail: string;
}

export interface StoredPhase extends Phase {
  readonly since: string;
}

export interface PhaseAnnounced {
  readonly type: 'CampaignPhaseChanged';
  readonly data: { readonly at: string; readonly since: string } & {
    readonly [Field in keyof Phase]: Phase[Field] | null;
  };
}

/** While a step that has failed is tried again: operators see why it does not go on. */
export const phaseOfFault = (error: unknown): Phase => {
  const fault = asAppError(error);
  const detail =
    fault instanceof AppError && isPassing(fault)
      ? `It cannot go on at the moment: ${fault.detail}`
      : 'A fault of campaign-orchestrator itself keeps it from going on. It is tried again; the log says more.';
  return { phase: 'awaiting_service', detail, nextAt: null };
};

/** Under which phases are announced: not a campaign's own stream. */
export const PHASES = { name: 'campaign-phase' } as const;

/**
 * Phases of campaigns. No events: a phase follows from the campaign's state, its devices and the time, and is found again by
 * the next step. What is told of it outside is announced.
 */
export class CampaignPhases {
  constructor(private readonly store: Pick<EventStore, 'announce'>) {}

  /** Changes and tells nothing when it is so already. `now` null: the campaign does not run, and waits for nothing. */
  async record(
    tx: pg.PoolClient,
    {
      tenantId,
      campaignId,
      at,
    }: { readonly tenantId: string; readonly campaignId: string; readonly at: string },
    now: Phase | null,
  ): Promise<void> {
    const { rows } = await tx.query<{ since: Date; version: number }>({
      name: 'record-campaign-phase',
      text: `INSERT INTO campaign_phases AS p (tenant_id, campaign_id, phase, since, next_at, detail, version)
             SELECT $1, $2, $3::text, $4::timestamptz, $5::timestamptz, $6::text, 1
             WHERE $3::text IS NOT NULL OR EXISTS (SELECT FROM campaign_phases WHERE tenant_id = $1 AND campaign_id = $2)
             ON CONFLICT (tenant_id, campaign_id) DO UPDATE SET
               phase = excluded.phase, next_at = excluded.next_at, detail = excluded.detail, version = p.version + 1,
               since = CASE WHEN p.phase IS NOT DISTINCT FROM excluded.phase THEN p.since ELSE excluded.since END
             WHERE (p.phase, p.next_at, p.detail) IS DISTINCT FROM (excluded.phase, excluded.next_at, excluded.detail)
             RETURNING since, version`,
      values: [tenantId, campaignId, now?.phase ?? null, at, now?.nextAt ?? null, now?.detail ?? null],
    });
    const [row] = rows;
    if (row === undefined) return;
    const event: PhaseAnnounced = {
      type: 'CampaignPhaseChanged',
      data: {
        at,
        since: row.since.toISOString(),
        phase: now?.phase ?? null,
        nextAt: now?.nextAt ?? null,
        detail: now?.detail ?? null,
      },
    };
    await this.store.announce(tx, [
      {
        tenantId,
        about: PHASES.name,
        id: campaignId,
        version: row.version,
        event,
        metadata: { actor: ENGINE },
      },
    ]);
  }
}
