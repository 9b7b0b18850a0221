import { Controller, Inject } from '@nestjs/common';
import { AppError, errorUnder, type JsonObject } from '@muster/contracts';
import {
  previewBulkChange,
  startBulkChange,
  type BulkChangeInput,
  type PreviewBulkChange,
  type StartBulkChange,
} from '@muster/contracts/configuration/bulk.requests';
import type { TargetPreview } from '@muster/contracts/device-registry/targets.requests';
import type { JobStarted } from '@muster/contracts/jobs/requests';
import { idempotently, type Database } from '@muster/event-store';
import { DeviceTargets, Jobs } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { CEILINGS } from '../providers.js';
import { assertAcceptable, assertWithinLimits, type Limits } from '../desired/acceptable-values.js';
import { mergePatch } from '../desired/merge-patch.js';
import { BULK_CHANGE_JOB, type BulkChangeParams } from './bulk-change-job.js';

/** Refuses at once what could only become the same error of every device; everything else is the job's. */
@Controller()
export class BulkChangeHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Jobs) private readonly jobs: Jobs,
    @Inject(DeviceTargets) private readonly targets: DeviceTargets,
    @Inject(CEILINGS) private readonly ceilings: Limits,
  ) {}

  @Handles(startBulkChange)
  async start({ idempotencyKey, ...body }: StartBulkChange): Promise<JobStarted> {
    const { tenantId, actor, bulkChange } = body;
    const { desired, mode = 'merge', reason } = bulkChange;
    this.assertPossible(bulkChange);
    const change = { mode, desired, ...(reason == null ? {} : { reason }) };
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: 'start-bulk-change', ...body },
      prepare: () => this.targets.check({ tenantId, input: bulkChange, path: 'bulkChange' }),
      run: async (tx, target) => {
        const params: BulkChangeParams = { ...target.params, ...change };
        return {
          jobId: await this.jobs.start(tx, { ...target, tenantId, kind: BULK_CHANGE_JOB, params, actor }),
        };
      },
    });
  }

  @Handles(previewBulkChange)
  async preview({ tenantId, bulkChange }: PreviewBulkChange): Promise<TargetPreview> {
    this.assertPossible(bulkChange);
    return this.targets.preview({ tenantId, input: bulkChange, path: 'bulkChange' });
  }

  private assertPossible({ desired, mode = 'merge' }: BulkChangeInput): void {
    try {
      assertChanges(desired, mode);
      assertAcceptable(desired, 'desired');
      // What a device that has nothing yet would get; with what others have it only becomes more.
      const document = leastDocument(desired);
      assertWithinLimits(document, this.ceilings, 'desired', Object.keys(document));
    } catch (error) {
      throw errorUnder('bulkChange', error);
    }
  }
}

const leastDocument = (desired: JsonObject): JsonObject => mergePatch(undefined, desired) as JsonObject; // an object yields one

/** To replace everything by nothing is a change; to merge nothing is a mistake, and a job that does nothing hides it. */
const assertChanges = (desired: JsonObject, mode: 'merge' | 'replace'): void => {
  if (mode === 'replace' || Object.keys(desired).length > 0) return;
  const message = 'must have at least one key';
  throw new AppError('invalid-request', `desired ${message}`, { errors: [{ path: 'desired', message }] });
};
