import type { JsonObject } from '@muster/contracts';
import type { DeviceTargets, JobKind, TargetParams } from '@muster/jobs';
import type { DesiredChanges } from '../desired/desired-changes.js';

export const BULK_CHANGE_JOB = 'configuration-bulk';

export interface BulkChangeParams extends TargetParams {
  readonly mode: 'merge' | 'replace';
  readonly desired: JsonObject;
  readonly reason?: string;
}

/**
 * The same change of many devices. Of two bulk changes the later has the last word. A device that somebody changes by
 * itself meanwhile keeps whichever change came last: its chunk is done once, and what was done is not done again.
 */
export const bulkChangeJob = (parts: {
  readonly targets: DeviceTargets;
  readonly changes: DesiredChanges;
}): JobKind<BulkChangeParams> => ({
  kind: BULK_CHANGE_JOB,
  inOrder: true,
  plan: (job, cursor) => parts.targets.plan(job, cursor),
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
