import type pg from 'pg';
import type { Counts, SeenCampaign, SeenStatistics } from './campaign-watch.js';
import { call } from './platform.js';

/** What was counted, what it should be, and what it is. */
export type Counted = readonly [what: string, wanted: number | string, found: number | string];

export const isAsWanted = ([, wanted, found]: Counted): boolean => wanted === found;

/** Who should stand how in the end. */
export interface Expected {
  readonly campaignId: string;
  readonly devices: number;
  readonly batches: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Devices that are offered their document again. */
  readonly busy: number;
}

interface Job {
  readonly total: number | null;
  readonly done: number;
  readonly endedAt?: string | null;
  readonly children: readonly { readonly total: number | null; readonly done: number }[];
}

/**
 * Counts a campaign again from the sources of truth, the events of configuration and of the campaign, and holds the rows of
 * its devices, the counters and what the API says against them.
 */
export const recount = async (database: pg.Client, expected: Expected): Promise<Counted[]> => {
  const { campaignId, devices, batches, succeeded, failed, busy } = expected;
  const campaign = await call<SeenCampaign>('GET', `/campaigns/${campaignId}`);
  const statistics = await call<SeenStatistics>('GET', `/campaigns/${campaignId}/statistics`);
  const written = await writesOf(database, campaignId);
  const events = await outcomesByEvents(database, campaignId);
  const targets = await outcomesByTargets(database, campaignId);
  const decided = await decisionsOf(database, campaignId);
  const rows = await rowsOf(database, campaignId);
  const wanted = textOf({ succeeded, failed, written: devices - succeeded - failed });
  const count = (type: string): number => decided[type] ?? 0;
  return [
    ['campaign', 'completed completed_with_failures', `${campaign.status} ${String(campaign.outcome)}`],
    ['events of configuration: changes by the campaign', devices, written.changes],
    ['events of configuration: devices changed by it', devices, written.devices],
    ['events of configuration: offered again', busy, written.offers],
    ['devices by the events of configuration', wanted, textOf(events)],
    ['devices by the rows of targets', wanted, textOf(targets)],
    ['devices by the counters (statistics)', wanted, textOf(statistics.byStatus)],
    ['batches whose counters are not their rows', 0, await wrongBatches(database, campaignId, statistics)],
    ['synchronised (statistics)', devices, statistics.synchronised],
    ['in flight, late (statistics)', '0, 0', `${statistics.inFlight}, ${statistics.late}`],
    ['reasons (statistics)', rows.reasons, sumOf(statistics.failures.map(({ count: n }) => n))],
    ['adoption by the rows of the supervision', textOf(rows.verdicts), textOf(statistics.adoption)],
    ['devices not judged by the supervision', 0, rows.unjudged],
    ['offers on record (attempts beyond the first)', busy, rows.offers],
    ['handed over and not answered', 0, rows.handedOver],
    [
      'events of the campaign: launched, resolved, completed',
      '1, 1, 1',
      ['CampaignLaunched', 'CampaignTargetsResolved', 'CampaignCompleted'].map(count).join(', '),
    ],
    [
      'events of the campaign: released, dispatched, synchronised, passed',
      [batches, batches, batches, batches].join(', '),
      ['BatchReleased', 'BatchDispatched', 'BatchSynchronised', 'BatchPassed'].map(count).join(', '),
    ],
    ['other events of the campaign', 1, sumOf(Object.values(decided)) - 4 * batches - 3],
    ['its job, and the parts of it', textOfJob(devices, batches), await jobOf(campaign.jobId)],
  ];
};

const writesOf = async (
  database: pg.Client,
  campaignId: string,
): Promise<{ changes: number; devices: number; offers: number }> => {
  const { rows } = await database.query<{ changes: number; devices: number; offers: number }>(
    `SELECT count(*) FILTER (WHERE type = 'DesiredConfigurationChanged')::integer AS changes,
       count(DISTINCT stream) FILTER (WHERE type = 'DesiredConfigurationChanged')::integer AS devices,
       count(*) FILTER (WHERE type = 'ConfigurationReoffered')::integer AS offers
     FROM configuration.events
     WHERE tenant_id = 'default' AND data->'source'->>'kind' = 'campaign' AND data->'source'->>'id' = $1`,
    [campaignId],
  );
  return rows[0] ?? { changes: 0, devices: 0, offers: 0 };
};

/** What a device said of the campaign's document, by the last event of it; `written`: it never said anything. */
const outcomesByEvents = async (database: pg.Client, campaignId: string): Promise<Counts> => {
  const { rows } = await database.query<{ outcome: string; n: number }>(
    `WITH written AS (
       SELECT stream, data->>'configId' AS config_id FROM configuration.events
       WHERE tenant_id = 'default' AND type = 'DesiredConfigurationChanged'
         AND data->'source'->>'kind' = 'campaign' AND data->'source'->>'id' = $1)
     SELECT CASE (SELECT e.type FROM configuration.events e
                  WHERE e.tenant_id = 'default' AND e.stream = w.stream AND e.data->>'configId' = w.config_id
                    AND e.type IN ('ConfigurationApplied', 'ConfigurationRejected')
                  ORDER BY e.version DESC LIMIT 1)
            WHEN 'ConfigurationApplied' THEN 'succeeded' WHEN 'ConfigurationRejected' THEN 'failed' ELSE 'written' END AS outcome,
       count(*)::integer AS n
     FROM written w GROUP BY 1`,
    [campaignId],
  );
  return Object.fromEntries(rows.map(({ outcome, n }) => [outcome, n]));
};

const outcomesByTargets = async (database: pg.Client, campaignId: string): Promise<Counts> => {
  const { rows } = await database.query<{ status: string; n: number }>(
    `SELECT status, count(*)::integer AS n FROM campaign_orchestrator.campaign_targets
     WHERE tenant_id = 'default' AND campaign_id = $1 GROUP BY 1`,
    [campaignId],
  );
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
};

const wrongBatches = async (
  database: pg.Client,
  campaignId: string,
  { batches }: SeenStatistics,
): Promise<number> => {
  const { rows } = await database.query<{ batch: number; counts: Counts }>(
    `SELECT batch, jsonb_object_agg(status, n) AS counts FROM (
       SELECT batch, status, count(*)::integer AS n FROM campaign_orchestrator.campaign_targets
       WHERE tenant_id = 'default' AND campaign_id = $1 GROUP BY 1, 2) s GROUP BY 1`,
    [campaignId],
  );
  const counted = new Map(rows.map(({ batch, counts }) => [batch, textOf(counts)]));
  return batches.filter(({ index, byStatus }) => counted.get(index) !== textOf(byStatus)).length;
};

/** How many events of each type the campaign's stream has. */
const decisionsOf = async (database: pg.Client, campaignId: string): Promise<Counts> => {
  const { rows } = await database.query<{ type: string; n: number }>(
    `SELECT type, count(*)::integer AS n FROM campaign_orchestrator.events
     WHERE tenant_id = 'default' AND stream = 'campaign-' || $1 GROUP BY 1`,
    [campaignId],
  );
  return Object.fromEntries(rows.map(({ type, n }) => [type, n]));
};

interface Rows {
  readonly offers: number;
  readonly reasons: number;
  readonly handedOver: number;
  readonly unjudged: number;
  readonly verdicts: Counts;
}

const rowsOf = async (database: pg.Client, campaignId: string): Promise<Rows> => {
  const { rows } = await database.query<Rows>(
    `SELECT (SELECT coalesce(sum(attempts - 1), 0)::integer FROM campaign_orchestrator.campaign_targets t
             WHERE t.tenant_id = 'default' AND campaign_id = $1 AND attempts > 1) AS offers,
            (SELECT count(*)::integer FROM campaign_orchestrator.campaign_targets t
             WHERE t.tenant_id = 'default' AND campaign_id = $1 AND finished_at IS NOT NULL AND reason IS NOT NULL) AS reasons,
            (SELECT count(*)::integer FROM campaign_orchestrator.campaign_writes w JOIN campaign_orchestrator.campaign_launches l USING (tenant_id, launch_id)
             WHERE l.tenant_id = 'default' AND l.campaign_id = $1) AS "handedOver",
            (SELECT count(*)::integer FROM campaign_orchestrator.supervised_devices d JOIN campaign_orchestrator.supervisions s
               ON s.tenant_id = d.tenant_id AND s.id = d.supervision_id
             WHERE s.tenant_id = 'default' AND s.campaign_id = $1 AND d.since IS NULL) AS unjudged,
            (SELECT coalesce(jsonb_object_agg(verdict, n), '{}') FROM (
               SELECT d.verdict, count(*)::integer AS n FROM campaign_orchestrator.supervised_devices d JOIN campaign_orchestrator.supervisions s
                 ON s.tenant_id = d.tenant_id AND s.id = d.supervision_id
               WHERE s.tenant_id = 'default' AND s.campaign_id = $1 GROUP BY 1) v) AS verdicts`,
    [campaignId],
  );
  const [found] = rows;
  if (found === undefined) throw new Error('one row');
  return found;
};

const jobOf = async (jobId: string | null): Promise<string> => {
  if (jobId === null) return 'none';
  const { total, done, endedAt, children } = await call<Job>('GET', `/jobs/${jobId}`);
  const ended = endedAt == null ? 'open' : 'ended';
  return `${ended}, ${done} of ${String(total)}; ${children.length} parts, ${sumOf(children.map((one) => one.done))} done`;
};

const textOfJob = (devices: number, batches: number): string =>
  `ended, ${devices} of ${devices}; ${batches} parts, ${devices} done`;

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);

/** Without what is 0, in one order. */
const textOf = (counts: Counts): string =>
  Object.entries(counts)
    .filter(([, n]) => n !== 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([what, n]) => `${n} ${what}`)
    .join(', ');
