import type { Server, Socket } from 'node:net';
import { Allowance, type Rate } from './allowance.js';
import { networkOf } from './client-address.js';
import type { TrustedProxies } from './trusted-proxies.js';

export interface ConnectionBoundsOptions {
  /** Connections open at once. */
  readonly connections: number;
  /** Of one address. */
  readonly connectionsPerAddress: number;
  /** Of those that have not shown who they are. Default: as many as there may be in all. */
  readonly unproved?: number;
  /** New connections of one address. Default: any number. */
  readonly ratePerAddress?: Rate;
  /** A connection of theirs speaks for many addresses: only the number in all counts. */
  readonly trustedProxies: TrustedProxies;
}

/** By address and in all, over all servers it watches. */
export interface ConnectionBounds {
  /** Call it before the server listens. */
  watch(server: Server): void;
  /**
   * What it shows is being looked at: it stays until that is decided. In a storm it would go otherwise while it waits for its
   * turn, the oldest first, and nobody would ever come in.
   */
  isExamined(socket: Socket): void;
  /** It may stay, and has still not shown who it is. */
  isStranger(socket: Socket): void;
  /** Whoever is there has shown who it is. */
  hasProved(socket: Socket): void;
  readonly open: number;
  /** Of those, they that have not shown it. */
  readonly unproved: number;
  /** Closed here since the start, because of a bound. */
  readonly closed: number;
}

/** Bounds the connections of one server. Call it before the server listens. */
export const boundConnections = (server: Server, options: ConnectionBoundsOptions): ConnectionBounds => {
  const bounds = connectionBounds(options);
  bounds.watch(server);
  return bounds;
};

/**
 * Bounds the connections of servers. At a bound it is not the new connection that is refused: the oldest one goes that has
 * not yet shown who it is, and is not just being looked at, of the same address or of all. So whoever opens thousands and says nothing drives out itself, and
 * a device that comes and says who it is finds room. Where all have shown it, the new one is closed.
 */
export const connectionBounds = ({
  connections,
  connectionsPerAddress,
  unproved: mostUnproved = connections,
  ratePerAddress,
  trustedProxies,
}: ConnectionBoundsOptions): ConnectionBounds => {
  /** All there are, in the order in which they came. */
  const unproved = new Set<Socket>();
  const examined = new Set<Socket>();
  const ofAddress = new Map<string, { open: number; readonly unproved: Set<Socket> }>();
  const addressOf = new WeakMap<Socket, string>();
  const arrivals = ratePerAddress === undefined ? undefined : new Allowance(ratePerAddress);
  let open = 0;
  let closed = 0;

  const settle = (socket: Socket): void => {
    examined.delete(socket);
    unproved.delete(socket);
    ofAddress.get(addressOf.get(socket) ?? '')?.unproved.delete(socket);
  };
  const close = (socket: Socket): void => {
    closed += 1;
    socket.destroy();
  };
  /** Makes room by closing the oldest of those; false: there is none. */
  const evict = (candidates: Iterable<Socket>): boolean => {
    for (const socket of candidates) {
      leave(socket);
      close(socket);
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
  const isTooFast = (address: string): boolean => {
    if (arrivals === undefined) return false;
    if (arrivals.msToWait(address) > 0) return true;
    arrivals.charge(address);
    return false;
  };

  const arrived = (socket: Socket): void => {
    const address = networkOf(socket.remoteAddress);
    const isProxy = trustedProxies.has(socket.remoteAddress);
    if (!isProxy && isTooFast(address)) {
      close(socket);
      return;
    }
    if (unproved.size + examined.size >= mostUnproved && !evict(unproved)) {
      close(socket);
      return;
    }
    const own = ofAddress.get(address) ?? { open: 0, unproved: new Set<Socket>() };
    const isFull = !isProxy && own.open >= connectionsPerAddress && !evict(own.unproved);
    if (isFull || (open >= connections && !evict(unproved))) {
      close(socket);
      return;
    }
    open += 1;
    own.open += 1;
    ofAddress.set(address, own);
    addressOf.set(socket, address);
    unproved.add(socket);
    own.unproved.add(socket);
    socket.once('close', () => leave(socket));
  };

  return {
    watch: (server) => void server.on('connection', arrived),
    isExamined: (socket) => {
      if (!unproved.has(socket)) return;
      settle(socket);
      examined.add(socket);
    },
    isStranger: (socket) => {
      if (!examined.delete(socket)) return;
      unproved.add(socket);
      ofAddress.get(addressOf.get(socket) ?? '')?.unproved.add(socket);
    },
    hasProved: settle,
    get open() {
      return open;
    },
    get unproved() {
      return unproved.size + examined.size;
    },
    get closed() {
      return closed;
    },
  };
};
