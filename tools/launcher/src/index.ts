export { freePort, freePortBase, isFree } from './free-port.js';
export { startPrivatePlatform, type PrivatePlatform } from './private-platform.js';
export { markedProcesses } from './process-identity.js';
