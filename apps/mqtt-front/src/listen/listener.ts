import type { Server } from 'node:net';
import type { Arrival } from '../arrival.js';

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
