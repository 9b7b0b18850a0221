import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from './client-address.js';

export interface ConnectionBoundsOptions {
  /** Connections open at once. */
  readonly connections: number;
  /** Of one address. */
  readonly connectionsPerAddress: number;
  /** As `networkOf` writes them. A connection of theirs speaks for many addresses: only the number in all counts. */
  readonly trustedProxies: ReadonlySet<string>;
}

/** By address and in all. `hasProved`: whoever is there has shown who it is. */
export interface ConnectionBounds {
  hasProved(socket: Socket): void;
  readonly open: number;
}

/**
 * Bounds a server's connections. At a bound it is not the new connection that is refused: the oldest one goes that has not yet
 * shown who it is, of the same address or of all. So whoever opens thousands and says nothing drives out itself, and a device
 * that comes and says who it is finds room. Where all have shown it, the new one is closed. Call it before the server listens.
 */
export const boundConnections = (
  server: Server,
  { connections, connectionsPerAddress, trustedProxies }: ConnectionBoundsOptions,
): ConnectionBounds => {
  /** All there are, in the order in which they came. */
  const unproved = new Set<Socket>();
  const ofAddress = new Map<string, { open: number; readonly unproved: Set<Socket> }>();
  const addressOf = new WeakMap<Socket, string>();
  let open = 0;

  const settle = (socket: Socket): void => {
    unproved.delete(socket);
    ofAddress.get(addressOf.get(socket) ?? '')?.unproved.delete(socket);
  };
  /** Makes room by closing the oldest of those; false: there is none. */
  const evict = (candidates: Iterable<Socket>): boolean => {
    for (const socket of candidates) {
      leave(socket);
      socket.destroy();
      return true;
    }
    return false;
  };
  const leave = (socket: Socket): void => {
    const address = addressOf.get(socket);
    if (address === undefined) return;
    settle(socket);
    addressOf.delete(socket);
    open -= 1;
    const own = ofAddress.get(address);
    if (own === undefined) return;
    own.open -= 1;
    if (own.open === 0) ofAddress.delete(address);
  };

  server.on('connection', (socket: Socket) => {
    const address = networkOf(socket.remoteAddress);
    const own = ofAddress.get(address) ?? { open: 0, unproved: new Set<Socket>() };
    const isFull = !trustedProxies.has(address) && own.open >= connectionsPerAddress && !evict(own.unproved);
    if (isFull || (open >= connections && !evict(unproved))) {
      socket.destroy();
      return;
    }
    open += 1;
    own.open += 1;
    ofAddress.set(address, own);
    addressOf.set(socket, address);
    unproved.add(socket);
    own.unproved.add(socket);
    socket.once('close', () => leave(socket));
  });

  return {
    hasProved: settle,
    get open() {
      return open;
    },
  };
};
