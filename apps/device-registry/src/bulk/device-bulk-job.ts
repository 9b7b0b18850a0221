import type { EventStore } from '@muster/event-store';
import type { DeviceTargets, JobKind, TargetParams } from '@muster/jobs';
import { device, type DeviceCommand } from '../device/device.decider.js';
import type { ChangeInBulk } from './bulk-decisions.js';

export const DEVICE_BULK_JOB = 'device-bulk';
export const DEVICE_BULK_DELETE_JOB = 'device-bulk-delete';

export interface DeviceBulkParams extends TargetParams {
  readonly change: Omit<ChangeInBulk, 'type'>;
}

interface Parts {
  readonly targets: DeviceTargets;
  readonly store: EventStore;
}

/** The same change of many devices. Of two that are asked for one after the other the later has the last word. */
export const deviceBulkJob = (parts: Parts): JobKind<DeviceBulkParams> =>
  jobOfCommands(DEVICE_BULK_JOB, parts, ({ change }) => ({ type: 'ChangeInBulk', ...change }));

/** Deletes many devices, each as `deleteDevice` does. One that was deleted before is no error. */
export const deviceBulkDeleteJob = (parts: Parts): JobKind<TargetParams> =>
  jobOfCommands(DEVICE_BULK_DELETE_JOB, parts, () => ({ type: 'DeleteDevice' }));

const jobOfCommands = <Params extends TargetParams>(
  kind: string,
  { targets, store }: Parts,
  commandOf: (params: Params) => DeviceCommand,
): JobKind<Params> => ({
  kind,
  inOrder: true,
  plan: (job, cursor) => targets.plan(job, cursor),
  run: async (tx, { tenantId, actor, params }, items) => {
    const command = commandOf(params);
    const outcomes = await store.executeMany(
      device,
      items.map((id) => ({ tenantId, id, command, metadata: { actor } })),
      { within: tx },
    );
    return outcomes.map(({ error }) =>
      error === undefined ? {} : { code: error.code, detail: error.detail },
    );
  },
});
