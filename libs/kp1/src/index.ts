export {
  formatRoutingKey,
  formatTopic,
  isRequestId,
  matchesBinding,
  parseRoutingKey,
  parseTopic,
  patternsOverlap,
  pushTopic,
  replyTopic,
  REPLY_SUFFIXES,
  type ReplySuffix,
  type Topic,
} from './topic.js';
export {
  answersSuccess,
  matchResource,
  platformFilters,
  pushPatterns,
  RESOURCES,
  uplinkBindings,
  type MatchedResource,
  type Resource,
  type ResourceName,
  type UplinkBinding,
} from './resources.js';
export type { Json, JsonObject } from '@muster/json';
export { PayloadError } from './payload.js';
export { assertName } from './names.js';
export { decodePlainTelemetry, decodeTelemetry, type TelemetrySample } from './telemetry.js';
export { decodeMetadataDeletion, decodeMetadataRequest, decodeMetadataUpdate } from './metadata.js';
export {
  decodeCommandRequest,
  decodeCommandResults,
  encodeCommands,
  type CommandRequest,
  type ReportedResult,
  type SentCommand,
} from './commands.js';
export { decodeStateReport } from './state.js';
export { decodeEnrolment, type Enrolment } from './enrolment.js';
export {
  decodeAppliedConfiguration,
  decodeConfigurationRequest,
  encodeConfigurationPush,
  encodeConfigurationReply,
  type AppliedConfiguration,
  type ConfigurationDocument,
  type ConfigurationRequest,
} from './configuration.js';
export { EMPTY_REPLY, encodeError } from './reply.js';
export { deviceAsyncApi } from './asyncapi.js';
