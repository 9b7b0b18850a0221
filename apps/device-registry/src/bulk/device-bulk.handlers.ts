import { Controller, Inject } from '@nestjs/common';
import { AppError, errorUnder } from '@muster/contracts';
import {
  previewDeviceBulk,
  startDeviceBulk,
  type DeviceBulkInput,
  type PreviewDeviceBulk,
  type StartDeviceBulk,
  type TagsChange,
} from '@muster/contracts/device-registry/bulk.requests';
import type { TargetPreview } from '@muster/contracts/device-registry/targets.requests';
import type { JobStarted } from '@muster/contracts/jobs/requests';
import { idempotently, type Database } from '@muster/event-store';
import { DeviceTargets, Jobs } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { refuseBadMetadata } from '../metadata/metadata-rules.js';
import type { TagChange } from './bulk-decisions.js';
import {
  DEVICE_BULK_DELETE_JOB,
  DEVICE_BULK_JOB,
  type DeviceBulkDeleteParams,
  type DeviceBulkParams,
} from './device-bulk-job.js';

/** What is asked for, or undefined: the devices are to be deleted. */
type Wanted = DeviceBulkParams['change'] | undefined;

/** Refuses at once what could only become the same error of every device; everything else is the job's. */
@Controller()
export class DeviceBulkHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Jobs) private readonly jobs: Jobs,
    @Inject(DeviceTargets) private readonly targets: DeviceTargets,
  ) {}

  @Handles(startDeviceBulk)
  async start({ idempotencyKey, ...body }: StartDeviceBulk): Promise<JobStarted> {
    const { tenantId, actor, bulk } = body;
    const change = wantedOf(bulk);
    if (change === undefined && bulk.expectedCount == null)
      refuse(
        'expectedCount',
        'must be given with delete: how many devices these are, as ?preview=true tells',
      );
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: 'start-device-bulk', ...body },
      prepare: () => this.targets.check({ tenantId, input: bulk, path: 'bulk' }),
      run: async (tx, target) => {
        const start = (kind: string, params: object) =>
          this.jobs.start(tx, { ...target, tenantId, kind, params, actor });
        const jobId =
          change === undefined
            ? await start(DEVICE_BULK_DELETE_JOB, {
                ...target.params,
                ...(bulk.erase === true ? { erase: true } : {}),
              } satisfies DeviceBulkDeleteParams)
            : await start(DEVICE_BULK_JOB, { ...target.params, change } satisfies DeviceBulkParams);
        return { jobId };
      },
    });
  }

  /** Also without the count that a deletion needs: this is where it comes from. */
  @Handles(previewDeviceBulk)
  async preview({ tenantId, bulk }: PreviewDeviceBulk): Promise<TargetPreview> {
    wantedOf(bulk);
    return this.targets.preview({ tenantId, input: bulk, path: 'bulk' });
  }
}

/** Null in an optional field means absent. */
const wantedOf = (bulk: DeviceBulkInput): Wanted => {
  const given = (['tags', 'folder', 'metadata'] as const).filter((name) => bulk[name] != null);
  if (bulk.delete === true) {
    if (given.length > 0)
      refuse('delete', `must be alone: ${given.join(', ')} cannot be changed of what is deleted`);
    return undefined;
  }
  if (bulk.erase === true) refuse('erase', 'must be with delete: only what is deleted can be erased');
  if (given.length === 0) refuse('', 'must have something to do: tags, folder, metadata, or delete');
  const { tags, folder, metadata } = bulk;
  if (metadata != null) {
    if (Object.keys(metadata).length === 0) refuse('metadata', 'must have at least one key');
    try {
      refuseBadMetadata('metadata', metadata);
    } catch (error) {
      throw errorUnder('bulk', error);
    }
  }
  return {
    ...(tags == null ? {} : { tags: tagChangeOf(tags) }),
    ...(folder == null ? {} : { folder }),
    ...(metadata == null ? {} : { metadata }),
  };
};

const tagChangeOf = ({ set, add, remove }: TagsChange): TagChange => {
  if (set != null) {
    if (add != null || remove != null) refuse('tags', 'must have either set, or add and remove');
    return { set };
  }
  const change = { add: add ?? [], remove: remove ?? [] };
  if (change.add.length + change.remove.length === 0)
    refuse('tags', 'must have set, or something to add or remove');
  const both = change.add.filter((tag) => change.remove.includes(tag));
  if (both.length > 0) refuse('tags', `must not both add and remove ${both.join(', ')}`);
  return change;
};

/** `field` of the input; empty: the whole of it. */
const refuse = (field: string, message: string): never => {
  const path = field === '' ? 'bulk' : `bulk.${field}`;
  throw new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
};
