export {
  formatRoutingKey,
  formatTopic,
  isRequestId,
  matchesBinding,
  parseRoutingKey,
  parseTopic,
  pushTopic,
  replyTopic,
  REPLY_SUFFIXES,
  type ReplySuffix,
  type Topic,
} from './topic.js';
export {
  answersSuccess,
  matchResource,
  RESOURCES,
  uplinkBindings,
  type MatchedResource,
  type Resource,
  type ResourceName,
  type UplinkBinding,
} from './resources.js';
export { PayloadError, type Json, type JsonObject } from './payload.js';
export { decodeTelemetry, type TelemetrySample } from './telemetry.js';
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
