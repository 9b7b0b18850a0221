import type { Server } from 'node:net';
import type { Arrival } from '../arrival.js';

/** Of every kind of listener. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Before it listens: to bound its connections, which are counted from the TCP connection on (`boundConnections`). */
  readonly bound?: (server: Server) => void;
}

export interface Listener {
  readonly port: number;
  /** Takes nobody in any more; connections that are open stay. */
  close(): Promise<void>;
}

export type OnArrival = (arrival: Arrival) => void;
