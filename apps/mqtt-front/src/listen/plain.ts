import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { BACKLOG, SOCKET_OPTIONS, type Listener, type ListenOptions, type OnArrival } from './listener.js';

/** MQTT over plain TCP. */
export const listenPlain = async (
  { host, port, bounds }: ListenOptions,
  onArrival: OnArrival,
): Promise<Listener> => {
  const server = createServer(SOCKET_OPTIONS);
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
