import type { Server } from 'node:net';
import type { Arrival } from '../arrival.js';
import type { DisconnectReason } from '../presence/presence.js';

/** Node's 511 overflows when a fleet comes back at once. */
export const BACKLOG = 4_096;
/** A client without a keepalive whose host vanished is noticed by TCP alone. */
export const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const;

/** Of every kind of listener. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Connections are counted from TCP on, before anything of TLS or HTTP is read: see `connectionBounds`. */
  readonly bounds?: Bounds | undefined;
}

export interface Bounds {
  watch(server: Server): void;
}

export interface Listener {
  readonly port: number;
  /** Takes nobody in any more, and ends who has not arrived yet; connections that have stay. */
  close(): Promise<void>;
}

export type OnArrival = (arrival: Arrival) => void;

/** A connection is ended before anybody has arrived by it. */
export type OnEarlyEnd = (reason: DisconnectReason) => void;
