/**
 * What all contracts are made of. The contracts themselves are imported by service and topic:
 * `@muster/contracts/configuration/requests`, `@muster/contracts/device-registry/published`.
 */
export {
  AppError,
  errorCatalogue,
  errorUnder,
  isErrorCode,
  isPassing,
  isRefused,
  toProblem,
  type AppErrorOptions,
  type ErrorCode,
  type FieldError,
  type Problem,
} from './errors.js';
export {
  bundleSubject,
  definePublished,
  defineRequest,
  defineSignal,
  eventSchemaPath,
  eventStream,
  isBundle,
  subjectToken,
  type DataOf,
  type PublishedContract,
  type ReplyOf,
  type RequestContract,
  type RequestOf,
  type Shape,
  type SignalContract,
} from './contract.js';
export { AnyJson, Described, JSON_VALUE, NullRemoves, ValuesAre, type RefTo } from './described.js';
export { MAX_TOKEN_BYTES, MIN_TOKEN_LENGTH, tokenHint, tokenLength, wrongToken } from './endpoint-token.js';
export { Erased, EraseDevices, MAX_ERASED } from './erasure.js';
export { DEFAULT_TENANT, newId } from './ids.js';
export { howManyFit, REPLY_BYTES, whatFits } from './reply-bytes.js';
export {
  Actor,
  ACTOR_KINDS,
  BulkOutcome,
  CONFIGURATION_KEY_RULE,
  CONFIGURATION_KEY_TEXT,
  ChangeRequest,
  CreateRequest,
  CursorRequest,
  DEFAULT_PAGE,
  Done,
  IsEndpointToken,
  IsFilter,
  IsName,
  IsText,
  IsTime,
  ItemOutcome,
  MAX_PAGE,
  MAX_FOLDER_DEPTH,
  MAX_TAGS,
  NAME_RULE,
  Page,
  PageRequest,
  TenantRequest,
  type ActorKind,
  type JsonObject,
  type JsonValue,
} from './fields.js';
export { isTimeZone, WRONG_TIME_ZONE } from './times.js';
