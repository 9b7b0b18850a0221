import type { DisconnectReason } from '@muster/contracts/device-registry/connectivity.requests';
import type { Transport } from '../arrival.js';

export { DISCONNECT_REASONS } from '@muster/contracts/device-registry/connectivity.requests';
export type { DisconnectReason };

/** Told by the front of each connection that has a device; never throws, never waits. */
export interface Presence {
  opened(connection: {
    /** Never used twice. */
    readonly connection: string;
    /** As the client gave it. */
    readonly clientId: string;
    readonly tenantId: string;
    readonly deviceId: string;
    readonly transport: Transport;
    readonly protocol: '3.1' | '3.1.1' | '5';
    readonly address?: string;
    readonly at: Date;
  }): void;
  /** It speaks for another device as well. */
  used(use: {
    readonly connection: string;
    readonly tenantId: string;
    readonly deviceId: string;
    readonly at: Date;
  }): void;
  closed(end: { readonly connection: string; readonly reason: DisconnectReason; readonly at: Date }): void;
  /** Whether device-registry has answered once: it knows of this door. */
  isReady(): boolean;
  /** Tells what is left, within some seconds, and gives the lease back. */
  stop(): Promise<void>;
}
