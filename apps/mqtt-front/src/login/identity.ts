import type { Transport } from '../arrival.js';

export interface DeviceIdentity {
  readonly kind: 'device';
  readonly tenantId: string;
  readonly deviceId: string;
  readonly credentialId: string;
  readonly by: 'password' | 'self-signed' | 'ca-signed';
}

/** Who a client is, as far as CONNECT and TLS show it. Anonymous: nothing but the tokens in its topics will tell. */
export type Identity = { readonly kind: 'anonymous' } | DeviceIdentity;

/** What a client shows when it connects. */
export interface Shown {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: Buffer;
  /** In PEM, its own first; that it has the key was seen by TLS. */
  readonly certificates: readonly string[];
  readonly address: string | undefined;
  readonly transport: Transport;
}
