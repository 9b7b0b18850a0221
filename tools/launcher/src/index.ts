export { archiving, copyBroker, copyDatabase, copySecrets, removeBackup, restoring } from './backup.js';
export { chromiumOf } from './chromium.js';
export { severalNodes, type Cluster } from './cluster.js';
export { startPrivatePlatform, type PrivatePlatform } from './private-platform.js';
export { oneOfEach, Replicas, SERVICES, type Replica, type ReplicasOptions } from './replicas.js';
