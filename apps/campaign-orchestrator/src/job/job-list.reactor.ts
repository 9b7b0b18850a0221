import { Controller, Inject } from '@nestjs/common';
import { jobsChanged, type JobChanged } from '@muster/contracts/jobs/published';
import { Consumes, type Delivered } from '@muster/messaging';
import { JobList } from './job-list.js';

/** Follows the jobs of every service that runs any. */
@Controller()
export class JobListReactor {
  constructor(@Inject(JobList) private readonly jobs: JobList) {}

  @Consumes({ durable: 'campaign-orchestrator-jobs', events: jobsChanged })
  follow(events: readonly Delivered<JobChanged>[]): Promise<void> {
    return this.jobs.follow(
      events.map(({ contract, tenantId, data }) => ({ tenantId, service: contract.service, data })),
    );
  }
}
