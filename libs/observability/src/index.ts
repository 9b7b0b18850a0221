export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions, type LogLevel } from './logger.js';
export { continueTrace, currentTrace, newTrace, withTrace, type Trace } from './trace.js';
export { createMetrics, Metrics } from './metrics.js';
export { openOperations, pagesOfProcess, type Operations } from './operations.js';
export { finishMs, processKeys } from './process-keys.js';
export { remoteOps } from './remote-ops.js';
export { stopperOf } from './stop-server.js';
export { Health, type Readiness } from './health.js';
export { combineOps, opsHandler, startOpsServer, type OpsHandler, type OpsParts } from './ops.js';
export {
  boolean,
  choice,
  ConfigError,
  configTable,
  int,
  networks,
  readConfig,
  secretFile,
  string,
  url,
  urls,
  urlsIn,
  type ConfigKey,
  type ConfigOf,
  type ConfigSchema,
} from './config.js';
export { startUpkeep, type Upkeep, type UpkeepOptions } from './upkeep.js';
export { runApp, type Host, type RunningApp } from './run-app.js';
export { NestLogger } from './nest-logger.js';
