import { setTimeout as pause } from 'node:timers/promises';
import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE } from '@muster/contracts';
import {
  getJob,
  listJobErrors,
  listJobs,
  type JobDetails,
  type JobErrorPage,
  type JobPage,
  type JobRef,
  type ListJobErrors,
  type ListJobs,
} from '@muster/contracts/jobs/requests';
import { Handles } from '@muster/messaging';
import { JobList } from './job-list.js';
import { cursorAt, positionOf } from './page-cursor.js';

/** A job younger than this may be on its way here. */
const YOUNG_MS = 10_000;
const WAIT_MS = 1_500;
const LOOK_EVERY_MS = 25;

const JOB_ID = /^[A-Za-z0-9_-]{1,64}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

@Controller()
export class JobHandlers {
  constructor(@Inject(JobList) private readonly jobs: JobList) {}

  @Handles(getJob)
  async get(request: JobRef): Promise<JobDetails> {
    const giveUpAt = Date.now() + WAIT_MS;
    for (;;) {
      const found = JOB_ID.test(request.jobId) ? await this.jobs.find(request) : undefined;
      if (found !== undefined) return found;
      // Who was answered a job's id a moment ago must not be told that there is no such job.
      if (!isYoung(request.jobId) || Date.now() >= giveUpAt)
        throw new AppError('job-not-found', 'No such job.');
      await pause(LOOK_EVERY_MS);
    }
  }

  @Handles(listJobs)
  async list({ tenantId, status, kind, cursor, limit = DEFAULT_PAGE }: ListJobs): Promise<JobPage> {
    const before = positionOf('jobs', cursor);
    const found = await this.jobs.list(tenantId, { status, kind, before, limit: limit + 1 });
    const items = found.slice(0, limit);
    return { items, nextCursor: cursorAt('jobs', found.length > limit ? items.at(-1)?.id : undefined) };
  }

  @Handles(listJobErrors)
  async errors(request: ListJobErrors): Promise<JobErrorPage> {
    const { tenantId, jobId, cursor, limit = DEFAULT_PAGE } = request;
    const after = positionOf('job-errors', cursor);
    await this.get({ tenantId, jobId });
    const found = await this.jobs.errors(request, { after, limit: limit + 1 });
    const items = found.slice(0, limit);
    return {
      items,
      nextCursor: cursorAt('job-errors', found.length > limit ? items.at(-1)?.item : undefined),
    };
  }
}

/** The first 48 bits of a UUIDv7 are the time at which it was made, in milliseconds. */
const isYoung = (id: string): boolean =>
  UUID_V7.test(id) && Math.abs(Date.now() - Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)) < YOUNG_MS;
