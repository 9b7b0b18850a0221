export { eventually, type EventuallyOptions } from './eventually.js';
export { scenario, type Decider } from './scenario.js';
export { testDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.js';
export { startNats, type NatsServer } from './nats-server.js';
export { startNatsCluster, type NatsCluster } from './nats-cluster.js';
export {
  atBroker,
  mosquittoPub,
  mosquittoRr,
  mosquittoSub,
  type MosquittoResult,
  type MosquittoSubscription,
} from './mosquitto.js';
export { brokerMemoryBytes, killBroker } from './broker.js';
export { chartTools } from './chart-tools.js';
export { chromiumOptions } from './chromium.js';
export { amqpUrl, brokerMqttUrl, mqttUrl, runMark } from './test-environment.js';
export { freePort } from '@muster/local-servers';
export {
  startPlatform,
  type ApiAnswer,
  type Platform,
  type PlatformOptions,
  type PlatformReplica,
} from './platform.js';
export { silentNetwork, type SilentNetwork } from './silent-network.js';
export { unrulyNats, type UnrulyNats, type UnrulyOptions } from './unruly-nats.js';
export { withoutFixture, type NewestVersions } from './stored-events.js';
export { startService, type ServiceProcess } from './service-process.js';
