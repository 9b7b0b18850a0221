import type { JsonObject } from '@muster/contracts';
import { selectDevices } from '@muster/contracts/device-registry/devices.requests';
import type { JobKind } from '@muster/jobs';
import type { Bus } from '@muster/messaging';
import type { DesiredChanges } from '../desired/desired-changes.js';

export const BULK_CHANGE_JOB = 'configuration-bulk';

export interface BulkChangeParams {
  readonly mode: 'merge' | 'replace';
  readonly desired: JsonObject;
  readonly reason?: string;
  /** Absent: the devices were named. */
  readonly filter?: string;
}

const PAGE = 5_000;

/** A filter may take seconds before it is refused as too slow. */
export const FILTER_TIMEOUT_MS = 10_000;

/**
 * The same change of many devices. Of two bulk changes the later has the last word. A device that somebody changes by
 * itself meanwhile keeps whichever change came last: its chunk is done once, and what was done is not done again.
 */
export const bulkChangeJob = (parts: {
  readonly bus: Pick<Bus, 'request'>;
  readonly changes: DesiredChanges;
}): JobKind<BulkChangeParams> => ({
  kind: BULK_CHANGE_JOB,
  inOrder: true,
  plan: async ({ tenantId, params: { filter } }, cursor) => {
    if (filter === undefined) throw new Error('a bulk change without devices has no filter');
    const { deviceIds, next } = await parts.bus.request(
      selectDevices,
      { tenantId, filter, limit: PAGE, ...(cursor === null ? {} : { after: cursor }) },
      { timeoutMs: FILTER_TIMEOUT_MS },
    );
    return { items: deviceIds, next };
  },
  prepare: ({ tenantId }, items) => parts.changes.prepare(tenantId, items),
  run: async (tx, { tenantId, jobId, actor, params }, items) => {
    const outcomes = await parts.changes.changeMany(tx, {
      tenantId,
      deviceIds: items,
      mode: params.mode,
      desired: params.desired,
      source: actor,
      reason: params.reason === undefined ? `job ${jobId}` : `${params.reason} (job ${jobId})`,
    });
    return outcomes;
  },
});
