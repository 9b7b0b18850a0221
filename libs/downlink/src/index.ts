export { Downlink, type DownlinkOptions } from './downlink.js';
export { reactorsOf } from './reactors.js';
export type { Addressee, Push, PushTarget, Wire } from './wire.js';
