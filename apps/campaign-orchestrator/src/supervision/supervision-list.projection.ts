import type { Actor, JsonObject } from '@muster/contracts';
import {
  VERDICTS,
  type SupervisionFault,
  type SupervisionStatus,
  type SupervisionView,
} from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import type { ExpectedFrom } from '@muster/contracts/configuration/expected-from';
import type { Projection, Queryable, RecordedEvent } from '@muster/event-store';
import type pg from 'pg';
import type { SupervisionEvent } from './supervision.events.js';
import { keysOf } from './verdict.js';

/** Supervisions, for lists, and for whoever judges a device. The devices themselves are in `supervised-devices.ts`. */
export const supervisionList: Projection = {
  name: 'supervision-list',
  handles: [
    'SupervisionOpened',
    'SupervisionResolved',
    'SupervisionFailed',
    'SupervisionRenamed',
    'SupervisionClosed',
    'SupervisionDeleted',
  ],
  project: async (tx, events) => {
    // `handles` names the events of this aggregate and no others.
    for (const event of events as readonly RecordedEvent<SupervisionEvent>[]) await projectOne(tx, event);
  },
  reset: async (tx) => {
    await tx.query('DELETE FROM supervisions');
  },
};

const projectOne = async (tx: pg.PoolClient, event: RecordedEvent<SupervisionEvent>): Promise<void> => {
  const key = [event.tenantId, event.streamId];
  const { status, at, by } = event.data;
  const set = (assignments: string, ...values: unknown[]) =>
    tx.query(
      `UPDATE supervisions SET version = $3, status = $4${assignments} WHERE tenant_id = $1 AND id = $2`,
      [...key, event.version, status, ...values],
    );
  switch (event.type) {
    case 'SupervisionOpened': {
      const { name, campaignId, configurations, expectedStates, expectedFrom } = event.data;
      await tx.query(
        `INSERT INTO supervisions (tenant_id, id, version, name, status, campaign_id, configurations, expected_states,
                                   expected_from, keys, opened_at, opened_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
        [
          ...key,
          event.version,
          name,
          status,
          campaignId,
          JSON.stringify(configurations),
          JSON.stringify(expectedStates),
          expectedFrom,
          keysOf({ configurations, expectedStates }),
          at,
          JSON.stringify(by),
        ],
      );
      await tx.query(
        'INSERT INTO supervision_counts (tenant_id, supervision_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
        key,
      );
      return;
    }
    case 'SupervisionResolved':
      await set(', error = NULL');
      return;
    case 'SupervisionFailed': {
      const { code, detail } = event.data;
      await set(', error = $5', JSON.stringify({ code, detail }));
      return;
    }
    case 'SupervisionRenamed':
      await set(', name = $5', event.data.name);
      return;
    case 'SupervisionClosed':
      await set(', closed_at = $5, closed_by = $6', at, JSON.stringify(by));
      return;
    case 'SupervisionDeleted':
      await tx.query('DELETE FROM supervisions WHERE tenant_id = $1 AND id = $2', key);
      return;
  }
};

interface SupervisionRow {
  id: string;
  version: number;
  name: string;
  status: SupervisionStatus;
  campaign_id: string | null;
  configurations: JsonObject;
  expected_states: JsonObject;
  expected_from: ExpectedFrom;
  opened_at: Date;
  opened_by: Actor;
  closed_at: Date | null;
  closed_by: Actor | null;
  error: SupervisionFault | null;
  pending: number;
  valid: number;
  invalid: number;
  unknown: number;
  unjudged: number;
}

const SELECT = `
  SELECT s.id, s.version, s.name, s.status, s.campaign_id, s.configurations, s.expected_states, s.expected_from, s.opened_at,
         s.opened_by, s.closed_at, s.closed_by, s.error, c.pending, c.valid, c.invalid, c.unknown, c.unjudged
  FROM supervisions s JOIN supervision_counts c ON c.tenant_id = s.tenant_id AND c.supervision_id = s.id`;

export const findSupervision = async (
  from: Queryable,
  tenantId: string,
  id: string,
): Promise<SupervisionView | undefined> => {
  const { rows } = await from.query<SupervisionRow>({
    name: 'find-supervision',
    text: `${SELECT} WHERE s.tenant_id = $1 AND s.id = $2`,
    values: [tenantId, id],
  });
  return rows[0] && viewOf(rows[0]);
};

export interface SupervisionFilter {
  readonly status: SupervisionStatus | undefined;
  readonly campaignId: string | undefined;
}

const WHICH = `s.tenant_id = $1 AND ($2::text IS NULL OR s.status = $2) AND ($3::text IS NULL OR s.campaign_id = $3)`;

/** Newest first, before the id `before`. */
export const searchSupervisions = async (
  from: Queryable,
  tenantId: string,
  { status, campaignId }: SupervisionFilter,
  { before, limit }: { readonly before: string | undefined; readonly limit: number },
): Promise<SupervisionView[]> => {
  const { rows } = await from.query<SupervisionRow>({
    text: `${SELECT} WHERE ${WHICH} AND ($4::text IS NULL OR s.id < $4) ORDER BY s.id DESC LIMIT $5`,
    values: [tenantId, status ?? null, campaignId ?? null, before ?? null, limit],
  });
  return rows.map(viewOf);
};

export const countSupervisions = async (
  from: Queryable,
  tenantId: string,
  { status, campaignId }: SupervisionFilter,
): Promise<number> => {
  const { rows } = await from.query<{ count: string }>({
    text: `SELECT count(*) FROM supervisions s WHERE ${WHICH}`,
    values: [tenantId, status ?? null, campaignId ?? null],
  });
  return Number(rows[0]?.count ?? 0);
};

const viewOf = (row: SupervisionRow): SupervisionView => ({
  id: row.id,
  name: row.name,
  version: row.version,
  status: row.status,
  ...(row.campaign_id === null ? {} : { campaignId: row.campaign_id }),
  configurations: row.configurations,
  expectedStates: row.expected_states,
  expectedFrom: row.expected_from,
  total: VERDICTS.reduce((sum, verdict) => sum + row[verdict], 0),
  verdicts: { pending: row.pending, valid: row.valid, invalid: row.invalid, unknown: row.unknown },
  judging: row.unjudged > 0,
  openedAt: row.opened_at.toISOString(),
  openedBy: row.opened_by,
  ...(row.closed_at === null ? {} : { closedAt: row.closed_at.toISOString() }),
  ...(row.closed_by === null ? {} : { closedBy: row.closed_by }),
  ...(row.error === null ? {} : { error: row.error }),
});
