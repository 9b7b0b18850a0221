import type { Database } from '@muster/event-store';
import type { DeviceWatch } from './device-watch.js';
import { OPEN } from './target-rows.js';

/** Devices of one round of questions. */
const AT_ONCE = 500;

/**
 * Looks again at every device that a campaign has written to and waits for. Events ring for each of them; this is for the
 * bell that nobody heard, because a stream was lost or a service was away for longer than the stream keeps: without it such a
 * device would stand as it is until its deadline. Twice at the same time does no harm.
 */
export const sweepTargets = async (
  database: Pick<Database, 'query'>,
  watch: Pick<DeviceWatch, 'look'>,
  signal?: AbortSignal,
): Promise<void> => {
  for (let after = { tenantId: '', deviceId: '' }; ;) {
    const { rows } = await database.query<{ tenant_id: string; device_id: string }>({
      text: `SELECT DISTINCT tenant_id, device_id FROM campaign_targets
             WHERE ${OPEN} AND status <> 'planned' AND (tenant_id, device_id) > ($1, $2)
             ORDER BY tenant_id, device_id LIMIT $3`,
      values: [after.tenantId, after.deviceId, AT_ONCE],
    });
    const last = rows.at(-1);
    if (last === undefined || signal?.aborted === true) return;
    for (const tenantId of new Set(rows.map((row) => row.tenant_id)))
      await watch.look(
        tenantId,
        rows.filter((row) => row.tenant_id === tenantId).map((row) => row.device_id),
      );
    after = { tenantId: last.tenant_id, deviceId: last.device_id };
  }
};
