import { defineRequest, type RequestContract } from '../contract.js';
import { JobStands } from './published.js';
import { cancelJob, CancelJob, JobRetried, RetryJob, retryJob } from './requests.js';

/** `cancelJob`, of the service that runs the job. */
const cancelJobOf = (service: string, entity = 'job'): RequestContract<CancelJob, JobStands> =>
  defineRequest({
    subject: `muster.v1.service.${service}.${entity}.cancel`,
    request: CancelJob,
    reply: JobStands,
    errors: cancelJob.errors,
    idempotent: true,
  });

/** `retryJob`, of the service that runs the job. */
const retryJobOf = (service: string, entity = 'job'): RequestContract<RetryJob, JobRetried> =>
  defineRequest({
    subject: `muster.v1.service.${service}.${entity}.retry`,
    request: RetryJob,
    reply: JobRetried,
    errors: retryJob.errors,
    idempotent: false,
  });

export const cancelConfigurationJob = cancelJobOf('configuration');
export const retryConfigurationJob = retryJobOf('configuration');
export const cancelDeviceRegistryJob = cancelJobOf('device-registry');
export const retryDeviceRegistryJob = retryJobOf('device-registry');
export const cancelCommandsJob = cancelJobOf('commands');
export const retryCommandsJob = retryJobOf('commands');
export const cancelHubJob = cancelJobOf('iothub-adapter');
export const retryHubJob = retryJobOf('iothub-adapter');
/** Of its own jobs: the service that lists all jobs answers `cancelJob` and `retryJob` for all of them. */
export const cancelCampaignJob = cancelJobOf('campaign-orchestrator', 'campaign-job');
export const retryCampaignJob = retryJobOf('campaign-orchestrator', 'campaign-job');

export interface JobOwner {
  readonly cancel: RequestContract<CancelJob, JobStands>;
  readonly retry: RequestContract<RetryJob, JobRetried>;
}

/** Every service that runs jobs, by its name; the same as in `jobsChanged`. */
export const jobOwners: Readonly<Record<string, JobOwner>> = {
  configuration: { cancel: cancelConfigurationJob, retry: retryConfigurationJob },
  'device-registry': { cancel: cancelDeviceRegistryJob, retry: retryDeviceRegistryJob },
  commands: { cancel: cancelCommandsJob, retry: retryCommandsJob },
  'iothub-adapter': { cancel: cancelHubJob, retry: retryHubJob },
  'campaign-orchestrator': { cancel: cancelCampaignJob, retry: retryCampaignJob },
};
