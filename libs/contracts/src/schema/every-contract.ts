import type { PublishedContract, RequestContract } from '../contract.js';
import * as audit from '../audit/requests.js';
import * as campaigns from '../campaign-orchestrator/campaigns.requests.js';
import * as campaignTargets from '../campaign-orchestrator/targets.requests.js';
import * as campaignsPublished from '../campaign-orchestrator/published.js';
import * as commandBulk from '../commands/bulk.requests.js';
import * as campaignHistory from '../campaign-orchestrator/history.requests.js';
import * as statistics from '../campaign-orchestrator/statistics.requests.js';
import * as targetsPublished from '../campaign-orchestrator/targets.published.js';
import * as supervisionsPublished from '../campaign-orchestrator/supervisions.published.js';
import * as supervisions from '../campaign-orchestrator/supervisions.requests.js';
import * as commandsPublished from '../commands/published.js';
import * as commandsErasure from '../commands/erasure.requests.js';
import * as commands from '../commands/requests.js';
import * as bulkChanges from '../configuration/bulk.requests.js';
import * as configurationCampaigns from '../configuration/campaign.requests.js';
import * as configurationDocuments from '../configuration/documents.requests.js';
import * as configurationPublished from '../configuration/published.js';
import * as configurationErasure from '../configuration/erasure.requests.js';
import * as configuration from '../configuration/requests.js';
import * as configurationStates from '../configuration/states.requests.js';
import * as typeConfiguration from '../configuration/type-configuration.requests.js';
import * as access from '../device-registry/access.requests.js';
import * as deviceBulk from '../device-registry/bulk.requests.js';
import * as connectivity from '../device-registry/connectivity.requests.js';
import * as certificateAuthorities from '../device-registry/certificate-authorities.requests.js';
import * as claimKeys from '../device-registry/claim-keys.requests.js';
import * as credentials from '../device-registry/credentials.requests.js';
import * as deviceTypes from '../device-registry/device-types.requests.js';
import * as devices from '../device-registry/devices.requests.js';
import * as folders from '../device-registry/folders.requests.js';
import * as groups from '../device-registry/groups.requests.js';
import * as filters from '../device-registry/filters.requests.js';
import * as imports from '../device-registry/imports.requests.js';
import * as iotHubs from '../device-registry/iot-hubs.requests.js';
import * as metadata from '../device-registry/metadata.requests.js';
import * as registryPublished from '../device-registry/published.js';
import * as selection from '../device-registry/selection.requests.js';
import * as state from '../device-registry/state.requests.js';
import * as targets from '../device-registry/targets.requests.js';
import * as tokens from '../device-registry/tokens.requests.js';
import * as downloads from '../firmware/downloads.requests.js';
import * as firmwarePublished from '../firmware/published.js';
import * as firmwareErasure from '../firmware/erasure.requests.js';
import * as firmware from '../firmware/requests.js';
import * as runningSoftware from '../firmware/running-software.requests.js';
import * as software from '../firmware/software.requests.js';
import * as uploads from '../firmware/uploads.requests.js';
import * as identityPublished from '../identity/published.js';
import * as identity from '../identity/requests.js';
import * as sessions from '../identity/sessions.requests.js';
import * as hubDevices from '../iothub-adapter/devices.requests.js';
import * as hubs from '../iothub-adapter/hubs.requests.js';
import * as hubLimits from '../iothub-adapter/limits.requests.js';
import * as hubsPublished from '../iothub-adapter/published.js';
import * as hubReconcile from '../iothub-adapter/reconcile.requests.js';
import * as hubEnrolment from '../device-registry/hub-enrolment.requests.js';
import * as jobOwners from '../jobs/owner.requests.js';
import * as jobsPublished from '../jobs/published.js';
import * as jobs from '../jobs/requests.js';
import * as parked from '../parked/requests.js';
import * as telemetryPublished from '../telemetry/published.js';
import * as telemetryErasure from '../telemetry/erasure.requests.js';
import * as telemetryBuckets from '../telemetry/buckets.requests.js';
import * as telemetry from '../telemetry/requests.js';

/** By its path under `src`; the specification beside this file finds a module that is missing here. */
export const contractModules: Readonly<Record<string, object>> = {
  'audit/requests': audit,
  'campaign-orchestrator/campaigns.requests': campaigns,
  'campaign-orchestrator/published': campaignsPublished,
  'campaign-orchestrator/targets.requests': campaignTargets,
  'commands/bulk.requests': commandBulk,
  'campaign-orchestrator/history.requests': campaignHistory,
  'campaign-orchestrator/statistics.requests': statistics,
  'campaign-orchestrator/targets.published': targetsPublished,
  'campaign-orchestrator/supervisions.published': supervisionsPublished,
  'campaign-orchestrator/supervisions.requests': supervisions,
  'commands/published': commandsPublished,
  'commands/erasure.requests': commandsErasure,
  'commands/requests': commands,
  'configuration/bulk.requests': bulkChanges,
  'configuration/campaign.requests': configurationCampaigns,
  'configuration/documents.requests': configurationDocuments,
  'configuration/published': configurationPublished,
  'configuration/erasure.requests': configurationErasure,
  'configuration/requests': configuration,
  'configuration/states.requests': configurationStates,
  'configuration/type-configuration.requests': typeConfiguration,
  'device-registry/access.requests': access,
  'device-registry/bulk.requests': deviceBulk,
  'device-registry/connectivity.requests': connectivity,
  'device-registry/certificate-authorities.requests': certificateAuthorities,
  'device-registry/claim-keys.requests': claimKeys,
  'device-registry/credentials.requests': credentials,
  'device-registry/device-types.requests': deviceTypes,
  'device-registry/devices.requests': devices,
  'device-registry/folders.requests': folders,
  'device-registry/groups.requests': groups,
  'device-registry/filters.requests': filters,
  'device-registry/hub-enrolment.requests': hubEnrolment,
  'device-registry/imports.requests': imports,
  'device-registry/iot-hubs.requests': iotHubs,
  'device-registry/metadata.requests': metadata,
  'device-registry/published': registryPublished,
  'device-registry/selection.requests': selection,
  'device-registry/state.requests': state,
  'device-registry/targets.requests': targets,
  'device-registry/tokens.requests': tokens,
  'firmware/downloads.requests': downloads,
  'firmware/published': firmwarePublished,
  'firmware/erasure.requests': firmwareErasure,
  'firmware/requests': firmware,
  'firmware/running-software.requests': runningSoftware,
  'firmware/software.requests': software,
  'firmware/uploads.requests': uploads,
  'identity/published': identityPublished,
  'identity/requests': identity,
  'identity/sessions.requests': sessions,
  'iothub-adapter/devices.requests': hubDevices,
  'iothub-adapter/hubs.requests': hubs,
  'iothub-adapter/limits.requests': hubLimits,
  'iothub-adapter/published': hubsPublished,
  'iothub-adapter/reconcile.requests': hubReconcile,
  'jobs/owner.requests': jobOwners,
  'jobs/published': jobsPublished,
  'jobs/requests': jobs,
  'parked/requests': parked,
  'telemetry/published': telemetryPublished,
  'telemetry/erasure.requests': telemetryErasure,
  'telemetry/buckets.requests': telemetryBuckets,
  'telemetry/requests': telemetry,
};

/** Everything that these modules export, contracts and the classes of their fields alike. */
const exported = (): readonly unknown[] =>
  Object.values(contractModules).flatMap((module) =>
    Object.values<unknown>(module as Record<string, unknown>),
  ); // a module's namespace

/** Every request that a service answers. */
export const requestContracts = (): readonly RequestContract<object, object>[] =>
  exported().filter(isRequest);

/** Every event that a service publishes, by type and service. */
export const publishedContracts = (): readonly PublishedContract<object>[] =>
  exported()
    .filter(isPublished)
    .sort((a, b) => (`${a.type} ${a.service}` < `${b.type} ${b.service}` ? -1 : 1));

const isRequest = (value: unknown): value is RequestContract<object, object> =>
  typeof value === 'object' && value !== null && 'reply' in value && 'subject' in value;

const isPublished = (value: unknown): value is PublishedContract<object> =>
  typeof value === 'object' && value !== null && 'filter' in value && 'verb' in value;
