import type { DeviceIdentity } from './identity.js';

/** The connections of this process, as revocation needs them. */
export interface LiveConnections {
  /**
   * Looks again, in this turn, at the live connections that are or speak for these devices, or at all there are: closes each
   * of those whose identity does not hold (`Login.stillHolds`), and each that has used a token which the directory does not admit.
   */
  review(deviceIds: ReadonlySet<string> | 'all'): void;
  /** Of those that have logged in. */
  identities(): Iterable<DeviceIdentity>;
}
