import { AppError } from '@muster/contracts';
import type { Queryable } from '@muster/event-store';
import { OPEN } from './target-rows.js';

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
