import { Controller, Inject } from '@nestjs/common';
import { errorUnder } from '@muster/contracts';
import {
  previewCommandBulk,
  startCommandBulk,
  type CommandBulkInput,
  type PreviewCommandBulk,
  type StartCommandBulk,
} from '@muster/contracts/commands/bulk.requests';
import type { TargetPreview } from '@muster/contracts/device-registry/targets.requests';
import type { JobStarted } from '@muster/contracts/jobs/requests';
import { idempotently, type Database } from '@muster/event-store';
import { DeviceTargets, Jobs } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import type { Rules } from '../command/command.handlers.js';
import { commandQueue } from '../command/command-queue.decider.js';
import { RULES } from '../providers.js';
import { COMMAND_BULK_JOB, type CommandBulkParams } from './command-bulk-job.js';

type Wanted = Omit<CommandBulkParams, 'target' | 'expectedCount'>;

/** Refuses at once what could only become the same error of every device; everything else is the job's. */
@Controller()
export class CommandBulkHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Jobs) private readonly jobs: Jobs,
    @Inject(DeviceTargets) private readonly targets: DeviceTargets,
    @Inject(RULES) private readonly rules: Rules,
  ) {}

  @Handles(startCommandBulk)
  async start({ idempotencyKey, ...body }: StartCommandBulk): Promise<JobStarted> {
    const { tenantId, actor, bulk } = body;
    const wanted = this.wantedOf(bulk);
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: 'start-command-bulk', ...body },
      prepare: () => this.targets.check({ tenantId, input: bulk, path: 'bulk' }),
      run: async (tx, target) => {
        const params: CommandBulkParams = { ...target.params, ...wanted };
        return {
          jobId: await this.jobs.start(tx, { ...target, tenantId, kind: COMMAND_BULK_JOB, params, actor }),
        };
      },
    });
  }

  @Handles(previewCommandBulk)
  async preview({ tenantId, bulk }: PreviewCommandBulk): Promise<TargetPreview> {
    this.wantedOf(bulk);
    return this.targets.preview({ tenantId, input: bulk, path: 'bulk' });
  }

  /** Throws what a device without any command would refuse it with. */
  private wantedOf({ type, payload, ttlSeconds }: CommandBulkInput): Wanted {
    const wanted = {
      ttlSeconds: ttlSeconds ?? this.rules.defaultTtlSeconds,
      ...(payload === undefined ? {} : { payload }),
    };
    const at = new Date().toISOString();
    try {
      commandQueue.decide(
        { type: 'CreateCommand', ...wanted, limits: this.rules.limits, at },
        commandQueue.initial,
      );
    } catch (error) {
      throw errorUnder('bulk', error);
    }
    return { type, ...wanted };
  }
}
