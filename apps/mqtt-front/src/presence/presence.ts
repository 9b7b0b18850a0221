import type { Transport } from '../arrival.js';

/** Why a connection ended. */
export const DISCONNECT_REASONS = [
  /** The client said DISCONNECT. */
  'disconnected',
  /** Its socket ended without a word. */
  'lost',
  /** It was silent for one and a half times its keepalive. */
  'keepalive',
  /** The same client connected anew. */
  'taken-over',
  /** It did not keep to MQTT, or to a rule that has no other answer than the end. */
  'protocol-error',
  /** It was slower than the door waits: with a packet, or in taking what it is sent. */
  'too-slow',
  /** Its device, or what it had shown, opens nothing any more. */
  'revoked',
  /** More connections or sessions than its device may have. */
  'limit',
  /** The broker ended it, or is away. */
  'broker',
  /** A service that had to be asked is away. */
  'unavailable',
  /** The front was stopped. */
  'stopping',
] as const;
export type DisconnectReason = (typeof DISCONNECT_REASONS)[number];

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
  isReady(): boolean;
  /** Tells what is left. */
  stop(): Promise<void>;
}
