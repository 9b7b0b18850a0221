import type { Duplex } from 'node:stream';

/** How a client reached the door. */
export type Transport = 'tcp' | 'tls' | 'ws' | 'wss';

/** A connection that has just come, whatever carries it: MQTT's bytes in both directions, and who is at the other end. */
export interface Arrival {
  readonly stream: Duplex;
  /** undefined: it has gone already. */
  readonly address: string | undefined;
  readonly transport: Transport;
  /** What the client showed in TLS and holds the key of, in PEM, its own certificate first; empty without one. Whose it is, is not known yet. */
  readonly certificates: readonly string[];
  /** Called once it is known who is there: from then on it is not the first to go when there are too many. */
  readonly proved?: () => void;
}
