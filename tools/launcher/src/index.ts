export { chromiumOf } from './chromium.js';
export { severalNodes, type Cluster } from './cluster.js';
export { startPrivatePlatform, type PrivatePlatform } from './private-platform.js';
export { Replicas, SERVICES, type Replica, type ReplicasOptions } from './replicas.js';
