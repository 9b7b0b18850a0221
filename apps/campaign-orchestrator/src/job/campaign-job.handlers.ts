import { Controller, Inject } from '@nestjs/common';
import { cancelCampaignJob, retryCampaignJob } from '@muster/contracts/jobs/owner.requests';
import type { JobStands } from '@muster/contracts/jobs/published';
import type { CancelJob, JobRetried, RetryJob } from '@muster/contracts/jobs/requests';
import { idempotently, type Database } from '@muster/event-store';
import { Jobs } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import { DATABASE } from '@muster/service-host';

/** The jobs of campaigns: they are cancelled and retried with these, and refuse it by themselves. */
@Controller()
export class CampaignJobHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(Jobs) private readonly jobs: Jobs,
  ) {}

  @Handles(cancelCampaignJob)
  cancel(request: CancelJob): Promise<JobStands> {
    return this.jobs.cancel(request);
  }

  @Handles(retryCampaignJob)
  retry({ idempotencyKey, ...body }: RetryJob): Promise<JobRetried> {
    return idempotently(this.database, {
      tenantId: body.tenantId,
      key: idempotencyKey,
      body: { operation: 'retry-job', ...body },
      run: async (tx) => ({ jobId: await this.jobs.retry(tx, body) }),
    });
  }
}
