import type { TargetStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import type { TargetReason } from '@muster/contracts/campaign-orchestrator/targets.requests';
import type { JobError } from '@muster/contracts/jobs/requests';
import type { Database } from '@muster/event-store';
import { assertTargetsKept } from '../retention/retention.js';
import type { JobKey } from './job-list.js';

interface CampaignOfJob {
  readonly launchId: string;
  /** Of the job of one batch; null: of the whole campaign. */
  readonly batch: number | null;
}

/**
 * The errors of a campaign's job and of its batches' jobs: the devices that have failed or timed out, as they stand now. Their
 * rows say it already; told a second time in events of the job, a device that answers late would stay an error for ever.
 */
export class CampaignJobErrors {
  constructor(private readonly database: Database) {}

  /** undefined: the job is no campaign's. */
  async campaignOf({ tenantId, jobId }: JobKey): Promise<CampaignOfJob | undefined> {
    const { rows } = await this.database.query<{ launch_id: string; batch: number | null }>({
      name: 'campaign-of-job',
      text: `SELECT l.launch_id, (w.params->>'batch')::integer AS batch FROM job_work w
             JOIN campaign_launches l ON l.tenant_id = w.tenant_id AND l.campaign_id = w.params->>'campaignId'
                                     AND l.cursor->>'part' = 'done'
             WHERE w.tenant_id = $1 AND w.job_id = $2 AND w.kind IN ('campaign', 'campaign-batch')`,
      values: [tenantId, jobId],
    });
    const [row] = rows;
    return row && { launchId: row.launch_id, batch: row.batch };
  }

  /** By device. `after`: the last one of the page before. Throws `no-longer-kept`. */
  async errors(
    { tenantId, jobId }: JobKey,
    { launchId, batch }: CampaignOfJob,
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ): Promise<JobError[]> {
    await assertTargetsKept(this.database, tenantId, launchId);
    const { rows } = await this.database.query<{
      device_id: string;
      status: TargetStatus;
      reason: TargetReason | null;
      job_id: string;
    }>({
      name: 'campaign-job-errors',
      // Two statuses, each in the order of the index: sorted together they would be all read for every page.
      text: `SELECT t.device_id, t.status, t.reason, coalesce(w.job_id, $2) AS job_id FROM (
               (SELECT * FROM campaign_targets WHERE tenant_id = $1 AND launch_id = $3 AND status = 'failed'
                  AND ($4::integer IS NULL OR batch = $4) AND device_id > $5 ORDER BY device_id LIMIT $6)
               UNION ALL
               (SELECT * FROM campaign_targets WHERE tenant_id = $1 AND launch_id = $3 AND status = 'timed_out'
                  AND ($4::integer IS NULL OR batch = $4) AND device_id > $5 ORDER BY device_id LIMIT $6)) t
             LEFT JOIN job_work w ON w.tenant_id = $1 AND (w.parent = $2 OR w.job_id = $2)
                                 AND w.kind = 'campaign-batch' AND (w.params->>'batch')::integer = t.batch
             ORDER BY t.device_id LIMIT $6`,
      values: [tenantId, jobId, launchId, batch, after ?? '', limit],
    });
    return rows.map(({ device_id: item, status, reason, job_id: own }) => ({
      jobId: own,
      item,
      code: reason?.code ?? status,
      detail: `${WORDS[status] ?? status}: ${reason?.detail ?? reason?.code ?? 'no reason is known'}`,
    }));
  }

  async count(tenantId: string, { launchId, batch }: CampaignOfJob): Promise<number> {
    const { rows } = await this.database.query<{ total: number }>(
      `SELECT coalesce(sum(n), 0)::integer AS total FROM campaign_counters
       WHERE tenant_id = $1 AND launch_id = $2 AND counted IN ('failed', 'timed_out')
         AND ($3::integer IS NULL OR batch = $3)`,
      [tenantId, launchId, batch],
    );
    return rows[0]?.total ?? 0;
  }
}

const WORDS: Partial<Record<TargetStatus, string>> = {
  failed: 'The device has failed',
  timed_out: 'The device has not answered in time',
};
