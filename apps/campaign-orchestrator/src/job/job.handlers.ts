import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE } from '@muster/contracts';
import { jobOwners, type JobOwner } from '@muster/contracts/jobs/owner.requests';
import {
  cancelJob,
  getJob,
  listJobErrors,
  listJobs,
  retryJob,
  type CancelJob,
  type JobDetails,
  type JobErrorPage,
  type JobPage,
  type JobRef,
  type JobRetried,
  type ListJobErrors,
  type ListJobs,
  type RetryJob,
} from '@muster/contracts/jobs/requests';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, decodeCursor, pageBy, TEXT } from '@muster/service-host';
import { CampaignJobErrors } from './campaign-job-errors.js';
import { JobList } from './job-list.js';

/** A job younger than this may be on its way here. */
const YOUNG_MS = 10_000;
const WAIT_MS = 1_500;
const LOOK_EVERY_MS = 25;

const JOB_ID = /^[A-Za-z0-9_-]{1,64}$/;
/** What a job calls one of its items. */
const ITEM = /^[^\0]{1,512}$/su;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

@Controller()
export class JobHandlers {
  constructor(
    @Inject(JobList) private readonly jobs: JobList,
    @Inject(CampaignJobErrors) private readonly campaigns: CampaignJobErrors,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Handles(getJob)
  get(request: JobRef): Promise<JobDetails> {
    return untilKnown(request.jobId, () => this.jobs.find(request));
  }

  @Handles(cancelJob)
  async cancel(request: CancelJob): Promise<JobDetails> {
    const { tenantId } = request;
    const { service, owner } = await this.ownerOf(request);
    const data = await this.bus.request(owner.cancel, request);
    // Its event is on its way; whoever looks now must not see it as it was.
    await this.jobs.follow([{ tenantId, service, data }]);
    return this.get(request);
  }

  @Handles(retryJob)
  async retry(request: RetryJob): Promise<JobRetried> {
    const { owner } = await this.ownerOf(request);
    return this.bus.request(owner.retry, request);
  }

  @Handles(listJobs)
  async list({
    tenantId,
    status,
    kind,
    parent,
    count,
    cursor,
    limit = DEFAULT_PAGE,
  }: ListJobs): Promise<JobPage> {
    const [before] = decodeCursor('jobs', cursor, [TEXT]) ?? [];
    const filter = { status, kind, parent };
    const found = await this.jobs.list(tenantId, filter, { before, limit: limit + 1 });
    return {
      ...pageBy('jobs', found, limit, ({ id }) => [id]),
      ...(count === true ? { total: await this.jobs.count(tenantId, filter) } : {}),
    };
  }

  @Handles(listJobErrors)
  async errors(request: ListJobErrors): Promise<JobErrorPage> {
    const { tenantId, jobId, cursor, count, limit = DEFAULT_PAGE } = request;
    const [last, item] = decodeCursor('job-errors', cursor, [TEXT, ITEM]) ?? [];
    const after = last === undefined || item === undefined ? undefined : { jobId: last, item };
    await this.get({ tenantId, jobId });
    const own = await this.campaigns.campaignOf(request);
    if (own !== undefined) {
      const failed = await this.campaigns.errors(request, own, { after: item, limit: limit + 1 });
      return {
        ...pageBy('job-errors', failed, limit, (error) => [error.jobId, error.item]),
        ...(count === true ? { total: await this.campaigns.count(tenantId, own) } : {}),
      };
    }
    const found = await this.jobs.errors(request, { after, limit: limit + 1 });
    return {
      ...pageBy('job-errors', found, limit, (error) => [error.jobId, error.item]),
      ...(count === true ? { total: await this.jobs.countErrors(request) } : {}),
    };
  }

  private async ownerOf(job: JobRef): Promise<{ service: string; owner: JobOwner }> {
    const service = await untilKnown(job.jobId, () => this.jobs.ownerOf(job));
    const owner = jobOwners[service];
    if (owner === undefined) throw new Error(`${service} runs jobs and is not in jobOwners`);
    return { service, owner };
  }
}

/** Who was answered a job's id a moment ago must not be told that there is no such job. */
const untilKnown = async <T>(jobId: string, look: () => Promise<T | undefined>): Promise<T> => {
  const giveUpAt = Date.now() + WAIT_MS;
  for (;;) {
    const found = JOB_ID.test(jobId) ? await look() : undefined;
    if (found !== undefined) return found;
    if (!isYoung(jobId) || Date.now() >= giveUpAt) throw new AppError('job-not-found', 'No such job.');
    await pause(LOOK_EVERY_MS);
  }
};

/** The first 48 bits of a UUIDv7 are the time at which it was made, in milliseconds. */
const isYoung = (id: string): boolean =>
  UUID_V7.test(id) && Math.abs(Date.now() - Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)) < YOUNG_MS;
