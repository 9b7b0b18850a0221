import { AppError } from '@muster/contracts';
import type { Database, Queryable } from '@muster/event-store';
import type pg from 'pg';
import { OPEN } from '../target/target-rows.js';

/** Rows of one round: a transaction that locks them. */
const AT_ONCE = 10_000;

/**
 * Removes what is kept of single devices long after the end: targets and points of a campaign, rows of a closed supervision.
 * What was counted stays, and so do all events. Lists say `no-longer-kept` from the first row on that is removed, for half a
 * list would be a wrong one. A campaign that still waits for a device is not touched.
 */
export class Retention {
  constructor(
    private readonly database: Database,
    private readonly days: number,
  ) {}

  /** True: there is more. SKIP LOCKED, so that replicas may do it at once. */
  async round(): Promise<boolean> {
    const campaigns = await this.database.transaction((tx) => this.forgetCampaign(tx));
    const supervisions = await this.database.transaction((tx) => this.forgetSupervision(tx));
    return campaigns || supervisions;
  }

  private async forgetCampaign(tx: pg.PoolClient): Promise<boolean> {
    const { rows } = await tx.query<{ tenant_id: string; launch_id: string }>(
      `SELECT l.tenant_id, l.launch_id FROM campaign_launches l
       JOIN campaigns c ON c.tenant_id = l.tenant_id AND c.campaign_id = l.campaign_id
       WHERE NOT l.emptied AND NOT l.open AND c.status IN ('completed', 'cancelled')
         AND (c.state->>'endedAt')::timestamptz < now() - $1 * interval '1 day'
         AND NOT EXISTS (SELECT 1 FROM campaign_targets t
                         WHERE t.tenant_id = l.tenant_id AND t.launch_id = l.launch_id AND t.${OPEN})
       LIMIT 1 FOR UPDATE OF l SKIP LOCKED`,
      [this.days],
    );
    const [launch] = rows;
    if (launch === undefined) return false;
    const key = [launch.tenant_id, launch.launch_id];
    const { rowCount } = await tx.query(
      `DELETE FROM campaign_targets WHERE tenant_id = $1 AND launch_id = $2 AND device_id = ANY (ARRAY(
         SELECT device_id FROM campaign_targets WHERE tenant_id = $1 AND launch_id = $2 LIMIT ${AT_ONCE}))`,
      key,
    );
    const emptied = rowCount !== AT_ONCE;
    if (emptied) await tx.query('DELETE FROM campaign_points WHERE tenant_id = $1 AND launch_id = $2', key);
    await tx.query(
      `UPDATE campaign_launches SET forgotten_at = coalesce(forgotten_at, now()), emptied = $3
       WHERE tenant_id = $1 AND launch_id = $2`,
      [...key, emptied],
    );
    return true;
  }

  private async forgetSupervision(tx: pg.PoolClient): Promise<boolean> {
    const { rows } = await tx.query<{ tenant_id: string; supervision_id: string }>(
      `SELECT n.tenant_id, n.supervision_id FROM supervision_counts n
       JOIN supervisions s ON s.tenant_id = n.tenant_id AND s.id = n.supervision_id
       WHERE NOT n.emptied AND s.closed_at < now() - $1 * interval '1 day'
       LIMIT 1 FOR UPDATE OF n SKIP LOCKED`,
      [this.days],
    );
    const [closed] = rows;
    if (closed === undefined) return false;
    const key = [closed.tenant_id, closed.supervision_id];
    const { rowCount } = await tx.query(
      `DELETE FROM supervised_devices WHERE tenant_id = $1 AND supervision_id = $2 AND device_id = ANY (ARRAY(
         SELECT device_id FROM supervised_devices WHERE tenant_id = $1 AND supervision_id = $2 LIMIT ${AT_ONCE}))`,
      key,
    );
    await tx.query(
      `UPDATE supervision_counts SET forgotten_at = coalesce(forgotten_at, now()), emptied = $3
       WHERE tenant_id = $1 AND supervision_id = $2`,
      [...key, rowCount !== AT_ONCE],
    );
    return true;
  }
}

/** Throws `no-longer-kept` for a launch whose devices are being removed, or were. */
export const assertTargetsKept = async (
  from: Queryable,
  tenantId: string,
  launchId: string | undefined,
): Promise<void> => {
  const { rows } = await from.query<{ forgotten_at: Date | null }>({
    name: 'targets-kept',
    text: 'SELECT forgotten_at FROM campaign_launches WHERE tenant_id = $1 AND launch_id = $2',
    values: [tenantId, launchId ?? ''],
  });
  refuseForgotten(
    rows[0]?.forgotten_at,
    'The devices of a campaign',
    'its end',
    'Its numbers and its events stay.',
  );
};

/** Throws `no-longer-kept`, as above. */
export const assertSupervisedKept = async (
  from: Queryable,
  tenantId: string,
  supervisionId: string,
): Promise<void> => {
  const { rows } = await from.query<{ forgotten_at: Date | null }>({
    name: 'supervised-kept',
    text: 'SELECT forgotten_at FROM supervision_counts WHERE tenant_id = $1 AND supervision_id = $2',
    values: [tenantId, supervisionId],
  });
  refuseForgotten(
    rows[0]?.forgotten_at,
    'The devices of a supervision',
    'it was closed',
    'Its numbers stay.',
  );
};

const refuseForgotten = (at: Date | null | undefined, what: string, since: string, stays: string): void => {
  if (at == null) return;
  throw new AppError(
    'no-longer-kept',
    `${what} are kept for a time after ${since}; these were removed on ${at.toISOString()}. ${stays}`,
  );
};
