import type { EventStore } from '@muster/event-store';
import type { DeviceTargets, JobKind, Jobs, TargetParams } from '@muster/jobs';
import { device, type DeviceCommand } from '../device/device.decider.js';
import { holdFolders } from '../folder/folder-tree.js';
import type { ChangeInBulk } from './bulk-decisions.js';
import { DEVICE_ERASE_JOB } from './device-erase-job.js';

export const DEVICE_BULK_JOB = 'device-bulk';
export const DEVICE_BULK_DELETE_JOB = 'device-bulk-delete';

export interface DeviceBulkParams extends TargetParams {
  readonly change: Omit<ChangeInBulk, 'type'>;
}

export interface DeviceBulkDeleteParams extends TargetParams {
  /** Each chunk begins the job that erases what others hold of its devices. */
  readonly erase?: boolean;
}

interface Parts {
  readonly targets: DeviceTargets;
  readonly store: EventStore;
}

/** The same change of many devices. Of two that are asked for one after the other the later has the last word. */
export const deviceBulkJob = (parts: Parts): JobKind<DeviceBulkParams> =>
  jobOfCommands(DEVICE_BULK_JOB, parts, ({ change }) => ({ type: 'ChangeInBulk', ...change }));

/** Deletes many devices, each as `deleteDevice` does. One that was deleted before is no error. */
export const deviceBulkDeleteJob = ({
  jobs,
  ...parts
}: Parts & {
  /** Asked when a chunk is done: the kinds are there before the jobs. */
  readonly jobs: () => Pick<Jobs, 'start'>;
}): JobKind<DeviceBulkDeleteParams> => {
  const deleting = jobOfCommands<DeviceBulkDeleteParams>(DEVICE_BULK_DELETE_JOB, parts, () => ({
    type: 'DeleteDevice',
  }));
  return {
    ...deleting,
    run: async (tx, job, items) => {
      const outcomes = await deleting.run(tx, job, items);
      const deleted = items.filter((_id, nth) => outcomes[nth]?.code === undefined);
      if (job.params.erase === true && deleted.length > 0) {
        const { tenantId, actor } = job;
        await jobs().start(tx, { tenantId, actor, kind: DEVICE_ERASE_JOB, params: {}, items: deleted });
      }
      return outcomes;
    },
  };
};

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
    if (command.type === 'ChangeInBulk' && command.folder !== undefined)
      await holdFolders(tx, store, { tenantId, actor }, [command.folder]);
    return outcomes.map(({ error }) =>
      error === undefined ? {} : { code: error.code, detail: error.detail },
    );
  },
});
