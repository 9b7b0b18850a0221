import type { Identity, Shown } from './identity.js';
import type { LiveConnections } from './revocations.js';

export type { DeviceIdentity, Identity, Shown } from './identity.js';

export interface Login {
  /**
   * Throws `AppError`: what is wrong with what was shown, which is the client's fault; one that passes (`isPassing`) for a
   * fault of ours; `too-many-requests` for who guesses. Never logs the password.
   */
  identify(shown: Shown): Promise<Identity>;
  /**
   * Whether what was shown then still opens the door: asked again, in the same turn, when a connection has been registered among
   * the live ones, and for each of those that `LiveConnections.review` is called for.
   */
  stillHolds(identity: Identity): boolean;
  /** Who is told of what is taken back; once, before the first login. */
  watch(connections: LiveConnections): void;
  /** Without it nobody is let in but anonymous clients. */
  isReady(): boolean;
  stop(): Promise<void>;
}
