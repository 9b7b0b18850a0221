import { Controller, Inject } from '@nestjs/common';
import { cancelConfigurationJob, retryConfigurationJob } from '@muster/contracts/jobs/owner.requests';
import type { JobStands } from '@muster/contracts/jobs/published';
import type { CancelJob, JobRetried, RetryJob } from '@muster/contracts/jobs/requests';
import { idempotently, type Database } from '@muster/event-store';
import { Jobs } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';

/** What an operator may do with the jobs of this service, whatever their kind. */
@Controller()
export class JobHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Jobs) private readonly jobs: Jobs,
  ) {}

  @Handles(cancelConfigurationJob)
  cancel(request: CancelJob): Promise<JobStands> {
    return this.jobs.cancel(request);
  }

  @Handles(retryConfigurationJob)
  retry({ idempotencyKey, ...body }: RetryJob): Promise<JobRetried> {
    return idempotently(this.database, {
      tenantId: body.tenantId,
      key: idempotencyKey,
      body: { operation: 'retry-job', ...body },
      run: async (tx) => ({ jobId: await this.jobs.retry(tx, body) }),
    });
  }
}
