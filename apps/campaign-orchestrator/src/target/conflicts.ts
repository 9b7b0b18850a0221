import { AppError } from '@muster/contracts';
import type { Queryable } from '@muster/event-store';
import type pg from 'pg';
import type { Launch } from '../campaign/campaign-state.js';
import type { CampaignDefinition } from '../campaign/campaign.events.js';
import type { Launches } from './launches.js';
import { ended, type TargetReason } from './target.js';
import { OPEN, readTargets, type TargetChanges } from './target-rows.js';

export interface Conflict {
  readonly campaignId: string;
  readonly devices: number;
}

/** Campaigns that are told of, at most. */
const MOST = 20;

/**
 * Other campaigns that set one of these keys on one of these devices, and on how many: as long as that device is not settled
 * there, be the campaign completed or not. Of the campaign that is taken back nobody need be warned.
 */
export const conflictsAmong = async (
  from: Queryable,
  tenantId: string,
  {
    keys,
    campaignId,
    revertOf,
    deviceIds,
  }: {
    readonly keys: readonly string[];
    readonly campaignId: string;
    readonly revertOf: string | null;
    readonly deviceIds: readonly string[];
  },
): Promise<readonly Conflict[]> => {
  const { rows } = await from.query<{ campaign_id: string; n: number }>({
    text: `SELECT l.campaign_id, count(*)::integer AS n FROM campaign_launches l
           JOIN campaign_targets t ON t.tenant_id = $1 AND t.launch_id = l.launch_id AND t.${OPEN}
           WHERE l.tenant_id = $1 AND l.open AND l.campaign_id <> ALL($2) AND l.keys && $3 AND t.device_id = ANY($4)
           GROUP BY l.campaign_id ORDER BY n DESC LIMIT ${MOST}`,
    values: [tenantId, [campaignId, ...(revertOf === null ? [] : [revertOf])], keys, deviceIds],
  });
  return rows.map(({ campaign_id: id, n }) => ({ campaignId: id, devices: n }));
};

export const conflictError = (found: readonly Conflict[]): AppError => {
  const who = found.map(({ campaignId, devices }) => `${campaignId} (${devices})`).join(', ');
  return new AppError(
    'campaign-conflict',
    `Other campaigns set the same keys on devices that have not settled there yet: ${who}. Let onConflict be skip or supersede, or wait for them.`,
  );
};

interface Of {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly definition: CampaignDefinition;
  readonly launch: Launch;
}

/** Targets of other campaigns that are taken from them at once. */
const SUPERSEDED_AT_ONCE = 5_000;

/**
 * What becomes of candidates that other campaigns want as well: the launch is refused (`campaign-conflict`), or they are left to the
 * other one, or they are meant, whatever they have at the moment.
 */
export const settleConflicts = async (
  tx: pg.PoolClient,
  { tenantId, campaignId, definition, launch }: Of,
): Promise<void> => {
  if (definition.onConflict === 'supersede') return meanContested(tx, tenantId, launch.launchId);
  const { rows } = await tx.query<{ ids: string[]; keys: string[] }>(
    `SELECT keys, ARRAY(SELECT device_id FROM campaign_candidates
                        WHERE tenant_id = $1 AND launch_id = $2 AND skip IS NULL) AS ids
     FROM campaign_launches WHERE tenant_id = $1 AND launch_id = $2`,
    [tenantId, launch.launchId],
  );
  const found = await conflictsAmong(tx, tenantId, {
    ...{ keys: rows[0]?.keys ?? [], deviceIds: rows[0]?.ids ?? [] },
    ...{ campaignId, revertOf: definition.revertOf },
  });
  if (found.length === 0) return;
  if (definition.onConflict === 'reject') throw conflictError(found);
  await tx.query(
    `UPDATE campaign_candidates c SET skip = 'conflict', contested_by = (${OTHERS} LIMIT 1)
     WHERE c.tenant_id = $1 AND c.launch_id = $2 AND c.skip IS NULL AND EXISTS (${OTHERS})`,
    [tenantId, launch.launchId, definition.revertOf],
  );
};

/** What another campaign is about to change is to be written, be it right at this moment or not. */
const meanContested = async (tx: pg.PoolClient, tenantId: string, launchId: string): Promise<void> => {
  await tx.query(
    `UPDATE campaign_candidates c SET skip = NULL
     WHERE c.tenant_id = $1 AND c.launch_id = $2 AND c.skip = 'already_compliant' AND EXISTS (${OTHERS})`,
    [tenantId, launchId, null],
  );
};

/** Takes the devices of a launch from all others that want them. Those give way from now on to what it writes. */
export const supersedeOthers = async (
  tx: pg.PoolClient,
  { changes, launches }: { readonly changes: TargetChanges; readonly launches: Launches },
  { tenantId, campaignId, launch }: Of,
): Promise<void> => {
  const at = new Date().toISOString();
  const reason: TargetReason = {
    code: 'campaign-superseded',
    origin: 'campaign',
    detail: 'Another campaign has taken the device, as it was told to.',
    by: { kind: 'campaign', id: campaignId },
    at,
  };
  const overruled = new Set<string>();
  for (;;) {
    const rows = await readTargets(
      tx,
      tenantId,
      `${OPEN} AND launch_id IN (
         SELECT l.launch_id FROM campaign_launches own JOIN campaign_launches l ON l.tenant_id = $1 AND l.open
           AND l.launch_id <> $2 AND l.keys && own.keys
         WHERE own.tenant_id = $1 AND own.launch_id = $2)
       AND device_id IN (SELECT device_id FROM campaign_targets
                         WHERE tenant_id = $1 AND launch_id = $2 AND status = 'planned')
       LIMIT ${SUPERSEDED_AT_ONCE}`,
      [launch.launchId],
    );
    if (rows.length === 0) break;
    const next = rows.map((row) => ({
      row,
      next: ended(row, 'superseded', at, reason),
      // What was handed over may be written already: a revert must know it, so the answer is still awaited.
      ...(row.operation === null ? {} : { operation: row.operation }),
    }));
    await changes.apply(tx, tenantId, next);
    for (const { campaignId: id } of rows) overruled.add(id);
  }
  await launches.overrule(tx, tenantId, launch.launchId, [...overruled]);
};

/** Beside the name of the campaign that a device is left to. */
export const CONTESTED =
  'Another campaign sets the same keys on the device, which has not settled there yet.';

/** The campaigns that a candidate `c` has not settled in, and that set one of this one's keys. */
const OTHERS = `
  SELECT t.campaign_id FROM campaign_targets t
  JOIN campaign_launches l ON l.tenant_id = $1 AND l.launch_id = t.launch_id AND l.open AND l.launch_id <> $2
    AND l.campaign_id IS DISTINCT FROM $3
    AND l.keys && (SELECT own.keys FROM campaign_launches own WHERE own.tenant_id = $1 AND own.launch_id = $2)
  WHERE t.tenant_id = $1 AND t.device_id = c.device_id AND t.${OPEN}`;
