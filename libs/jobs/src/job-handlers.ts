import { Controller, Inject, type Type } from '@nestjs/common';
import type { JobOwner } from '@muster/contracts/jobs/owner.requests';
import type { JobStands } from '@muster/contracts/jobs/published';
import type { CancelJob, JobRetried, RetryJob } from '@muster/contracts/jobs/requests';
import { idempotently, type Database } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';
import { Jobs } from './jobs.js';

/** What an operator may do with the jobs of a service, whatever their kind: a controller for its module, which provides `Jobs`. */
export const jobHandlersOf = ({ cancel, retry }: JobOwner): Type => {
  @Controller()
  class JobHandlers {
    constructor(
      @Inject(DATABASE) private readonly database: Database,
      @Inject(Jobs) private readonly jobs: Jobs,
    ) {}

    @Handles(cancel)
    cancel(request: CancelJob): Promise<JobStands> {
      return this.jobs.cancel(request);
    }

    @Handles(retry)
    retry({ idempotencyKey, ...body }: RetryJob): Promise<JobRetried> {
      return idempotently(this.database, {
        tenantId: body.tenantId,
        key: idempotencyKey,
        body: { operation: 'retry-job', ...body },
        run: async (tx) => ({ jobId: await this.jobs.retry(tx, body) }),
      });
    }
  }
  return JobHandlers;
};
