import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Listener, ListenOptions, OnArrival } from './listener.js';

/** Node's 511 overflows when a fleet comes back at once. */
const BACKLOG = 4_096;
/** A client without a keepalive whose host vanished is noticed by TCP alone. */
const TCP_KEEPALIVE_MS = 60_000;

/** MQTT over plain TCP. */
export const listenPlain = async (
  { host, port, bounds }: ListenOptions,
  onArrival: OnArrival,
): Promise<Listener> => {
  const server = createServer({
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEPALIVE_MS,
  });
  bounds?.watch(server);
  server.on('connection', (socket) => {
    // Over a bound.
    if (socket.destroyed) return;
    onArrival({ stream: socket, socket, address: socket.remoteAddress, transport: 'tcp', certificates: [] });
  });
  server.listen({ host, port, backlog: BACKLOG });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is never a pipe's name
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
};
