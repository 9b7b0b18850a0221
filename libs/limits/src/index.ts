export { Allowance, type Rate } from './allowance.js';
export { clientAddress, networkOf } from './client-address.js';
export { trustedProxiesOf, type TrustedProxies } from './trusted-proxies.js';
export {
  boundConnections,
  connectionBounds,
  type ConnectionBounds,
  type ConnectionBoundsOptions,
} from './connection-bounds.js';
export { GuessLimit, type GuessLimitOptions } from './guess-limit.js';
export { refuseUnreadable, type RenderRefusal } from './unreadable.js';
