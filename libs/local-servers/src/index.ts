export { bringUp, bringUpNats, bringUpPostgres, bringUpRabbitmq, seconds } from './bring-up.js';
export {
  bringUpNatsCluster,
  bringUpRabbitmqCluster,
  type NatsCluster,
  type Node,
  type RabbitmqCluster,
} from './clusters.js';
export { asFailure, Failure, joined } from './failure.js';
export { freePort, freePortBase } from './free-port.js';
export { openInstance, stopLeftovers, type Instance, type WantedPort } from './instance.js';
export { explainMissing } from './missing.js';
export { NATS_MAX_PAYLOAD, natsKeys } from './nats.js';
export { POSTGRES_SETTINGS, postgresPlace, serverUser } from './postgres.js';
export {
  AMQP_USER,
  definitionFiles,
  FRONT_USER,
  QUEUES_FILE,
  userDefinitions,
  USERS_FILE,
} from './rabbitmq.js';
export { healthOf } from './probe.js';
export { MARK_INSTANCE, MARK_SERVER, markedProcesses } from './process-identity.js';
export { resolveHelm, resolveKubernetesModels, resolvePromtool } from './chart-tools.js';
export { chromiumLaunch, type ChromiumLaunch } from './chromium-launch.js';
export { onPath, resolveChromium, resolveMosquitto, resolveNats } from './resolve.js';
export { runCommand, type CommandResult } from './run-command.js';
export { readSecrets, type Secrets } from './secrets.js';
export { logTail, type Server } from './server.js';
export {
  readSettings,
  TEST_OFFSETS,
  testSettings,
  variableOf,
  type Given,
  type Ports,
  type Settings,
} from './settings.js';
export { lockHolder, settingsOfRunning } from './state.js';
export { urlsOf, type Urls } from './urls.js';
