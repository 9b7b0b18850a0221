import { Controller, Inject } from '@nestjs/common';
import { AppError, type JsonObject } from '@muster/contracts';
import {
  startBulkChange,
  type BulkChangeInput,
  type JobStarted,
  type StartBulkChange,
} from '@muster/contracts/configuration/bulk.requests';
import { selectDevices } from '@muster/contracts/device-registry/devices.requests';
import { idempotently, type Database } from '@muster/event-store';
import { Jobs } from '@muster/jobs';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE } from '@muster/service-host';
import { BULK_DEVICES, CEILINGS } from '../providers.js';
import { assertAcceptable, assertWithinLimits, type Limits } from '../desired/acceptable-values.js';
import { mergePatch } from '../desired/merge-patch.js';
import { BULK_CHANGE_JOB, FILTER_TIMEOUT_MS, type BulkChangeParams } from './bulk-change-job.js';

/** Refuses at once what could only become the same error of every device; everything else is the job's. */
@Controller()
export class BulkChangeHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(BUS) private readonly bus: Bus,
    @Inject(Jobs) private readonly jobs: Jobs,
    @Inject(CEILINGS) private readonly ceilings: Limits,
    @Inject(BULK_DEVICES) private readonly mostDevices: number,
  ) {}

  @Handles(startBulkChange)
  async start(request: StartBulkChange): Promise<JobStarted> {
    const { idempotencyKey, ...body } = request;
    const { tenantId, actor, bulkChange } = body;
    const { desired, mode = 'merge', reason } = bulkChange;
    const { deviceIds, filter } = this.targetOf(bulkChange);
    await inBody(() => {
      assertChanges(desired, mode);
      assertAcceptable(desired, 'desired');
      // What a device that has nothing yet would get; with what others have it only becomes more.
      const document = leastDocument(desired);
      assertWithinLimits(document, this.ceilings, 'desired', Object.keys(document));
    });
    if (filter !== undefined) await inBody(() => this.assertFilter(tenantId, filter), 'target');
    const params: BulkChangeParams = {
      mode,
      desired,
      ...(reason == null ? {} : { reason }),
      ...(filter === undefined ? {} : { filter }),
    };
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: 'start-bulk-change', ...body },
      run: async (tx) => ({
        jobId: await this.jobs.start(tx, {
          tenantId,
          kind: BULK_CHANGE_JOB,
          params,
          actor,
          ...(deviceIds === undefined ? {} : { items: deviceIds }),
        }),
      }),
    });
  }

  /** Null in an optional field means absent. */
  private targetOf({ target }: BulkChangeInput): { deviceIds?: readonly string[]; filter?: string } {
    const { deviceIds, filter } = target;
    if ((deviceIds == null) === (filter == null)) {
      const message = 'must have either deviceIds or filter';
      throw new AppError('invalid-request', `target ${message}`, {
        errors: [{ path: 'bulkChange.target', message }],
      });
    }
    if (filter != null) return { filter };
    const distinct = [...new Set(deviceIds)];
    if (distinct.length > this.mostDevices) {
      throw new AppError(
        'payload-too-large',
        `${distinct.length} devices are named; at most ${this.mostDevices} may be. A filter has no limit.`,
      );
    }
    return { deviceIds: distinct };
  }

  private async assertFilter(tenantId: string, filter: string): Promise<void> {
    await this.bus.request(selectDevices, { tenantId, filter, limit: 1 }, { timeoutMs: FILTER_TIMEOUT_MS });
  }
}

const leastDocument = (desired: JsonObject): JsonObject => mergePatch(undefined, desired) as JsonObject; // an object yields one

/** To replace everything by nothing is a change; to merge nothing is a mistake, and a job that does nothing hides it. */
const assertChanges = (desired: JsonObject, mode: 'merge' | 'replace'): void => {
  if (mode === 'replace' || Object.keys(desired).length > 0) return;
  const message = 'must have at least one key';
  throw new AppError('invalid-request', `desired ${message}`, { errors: [{ path: 'desired', message }] });
};

/** Faults are told by their place in the request. */
const inBody = async (check: () => Promise<void> | void, inside?: string): Promise<void> => {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof AppError) || error.errors === undefined) throw error;
    const prefix = inside === undefined ? 'bulkChange.' : `bulkChange.${inside}.`;
    const [first] = error.errors;
    const detail =
      first !== undefined && error.detail.startsWith(`${first.path} `)
        ? `${prefix}${error.detail}`
        : error.detail;
    throw new AppError(error.code, detail, {
      cause: error,
      errors: error.errors.map(({ path, message }) => ({ path: `${prefix}${path}`, message })),
      retryAfterSeconds: error.retryAfterSeconds,
    });
  }
};
