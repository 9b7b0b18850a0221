import type { Transport } from '../arrival.js';

/** Who a client is, as far as CONNECT and TLS show it. */
export type Identity =
  /** Nothing but the tokens in its topics will tell. */
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'device';
      readonly tenantId: string;
      readonly deviceId: string;
      readonly credentialId: string;
      readonly by: 'password' | 'self-signed' | 'ca-signed';
    };

/** What a client shows when it connects. */
export interface Shown {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: Buffer;
  readonly certificates: readonly string[];
  readonly address: string | undefined;
  readonly transport: Transport;
}

export interface Login {
  /**
   * Throws `AppError`: what is wrong with what was shown, which is the client's fault; one that passes (`isPassing`) for a
   * fault of ours; `too-many-requests` for who guesses. Never logs the password.
   */
  identify(shown: Shown): Promise<Identity>;
  /** Whether what was shown then still opens the door: asked again right after a connection is registered. */
  stillHolds(identity: Identity): boolean;
  stop(): void;
}
