import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** How a client reached the door. */
export type Transport = 'tcp' | 'tls' | 'ws' | 'wss';

/** A connection that has just come, whatever carries it: MQTT's bytes in both directions, and who is at the other end. */
export interface Arrival {
  readonly stream: Duplex;
  /** The TCP connection below: what bounds count connections by. The stream itself over plain TCP. */
  readonly socket: Socket;
  /** undefined: it has gone already. */
  readonly address: string | undefined;
  readonly transport: Transport;
  /** What the client showed in TLS and holds the key of, in PEM, its own certificate first; empty without one. Whose it is, is not known yet. */
  readonly certificates: readonly string[];
}
