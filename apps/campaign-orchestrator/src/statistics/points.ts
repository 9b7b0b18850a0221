import type { Database } from '@muster/event-store';
import type { Counts } from '../batch/counts.js';

const EVERY_MS = 60_000;

/**
 * The curves of campaigns over time. At most one point a minute, and none where nothing has changed. When there are more than
 * `most`, every second one is given up, never the first or the last: so they lie the farther apart the older they are, and a
 * campaign of a month takes no more room than one of a day.
 */
export class Points {
  constructor(
    private readonly database: Database,
    private readonly most: number,
  ) {}

  async record(tenantId: string, launchId: string, counts: Counts): Promise<void> {
    const { rowCount } = await this.database.query({
      name: 'campaign-point',
      text: `INSERT INTO campaign_points (tenant_id, launch_id, at, counts, adoption)
             SELECT $1, $2, now(), $3::jsonb, (
               SELECT jsonb_build_object('pending', c.pending, 'valid', c.valid, 'invalid', c.invalid, 'unknown', c.unknown)
               FROM campaign_launches l JOIN supervisions s ON s.tenant_id = $1 AND s.campaign_id = l.campaign_id
               JOIN supervision_counts c ON c.tenant_id = $1 AND c.supervision_id = s.id
               WHERE l.tenant_id = $1 AND l.launch_id = $2 ORDER BY s.opened_at DESC LIMIT 1)
             WHERE NOT EXISTS (
               SELECT 1 FROM campaign_points WHERE tenant_id = $1 AND launch_id = $2
                 AND (at > now() - $4 * interval '1 millisecond' OR counts = $3::jsonb
                      -- as it is now, and not as it was once before
                      AND at = (SELECT max(at) FROM campaign_points WHERE tenant_id = $1 AND launch_id = $2)))`,
      values: [tenantId, launchId, JSON.stringify(counts), EVERY_MS],
    });
    if (rowCount === 1) await this.thin(tenantId, launchId);
  }

  private async thin(tenantId: string, launchId: string): Promise<void> {
    await this.database.query({
      name: 'campaign-points-thinned',
      text: `DELETE FROM campaign_points p USING (
               SELECT at, row_number() OVER (ORDER BY at) AS nth, count(*) OVER () AS n
               FROM campaign_points WHERE tenant_id = $1 AND launch_id = $2) all_of_it
             WHERE p.tenant_id = $1 AND p.launch_id = $2 AND p.at = all_of_it.at
               AND all_of_it.n > $3 AND all_of_it.nth % 2 = 0 AND all_of_it.nth < all_of_it.n`,
      values: [tenantId, launchId, this.most],
    });
  }
}
