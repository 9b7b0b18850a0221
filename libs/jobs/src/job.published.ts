import type { PublishedContract } from '@muster/contracts';
import type { JobChanged } from '@muster/contracts/jobs/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import { job } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { standsOf } from './jobs.js';

export const isJobEvent = (recorded: RecordedEvent): recorded is RecordedEvent<JobEvent> =>
  recorded.aggregate === job.name;

/** What others are told of a job's event; for the `translate` of the relay of the service that runs the job. */
export const publishedOfJob = (
  contract: PublishedContract<JobChanged>,
  event: RecordedEvent<JobEvent>,
): readonly Published[] => {
  const { at, job: standing } = event.data;
  const errors = event.type === 'JobProgressed' || event.type === 'JobAdvanced' ? event.data.errors : [];
  const data: JobChanged = {
    ...standsOf(event.streamId, standing, event.version, event.metadata.actor),
    at,
    ...(errors.length === 0 ? {} : { errors: [...errors] }),
  };
  return [{ contract, entityId: event.streamId, data }];
};
