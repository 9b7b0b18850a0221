export { freePort, freePortBase, isFree } from './free-port.js';
