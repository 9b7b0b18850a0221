import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Follows a server's connections, to stop it within a moment: those on which nothing is under way end at once. Node's own
 * `closeIdleConnections` leaves a connection open that never asked anything, as browsers and load balancers hold in
 * stock, and the server would wait for its time-out. Call it before the server listens.
 */
export const stopperOf = (server: Server): ((withinMs: number) => Promise<void>) => {
  /** Requests under way on each connection. */
  const underWay = new Map<Socket, number>();
  let stopping = false;
  server.on('connection', (socket: Socket) => {
    underWay.set(socket, 0);
    socket.once('close', () => underWay.delete(socket));
  });
  server.prependListener('request', ({ socket }, response) => {
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1);
    if (stopping) response.setHeader('connection', 'close');
    response.once('close', () => {
      const left = (underWay.get(socket) ?? 1) - 1;
      if (underWay.has(socket)) underWay.set(socket, left);
      if (stopping && left === 0) socket.destroySoon();
    });
  });
  /** Takes no new connections; resolves when the last request is answered. After `withinMs` the rest is cut off. */
  return async (withinMs) => {
    stopping = true;
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const [socket, requests] of underWay) if (requests === 0) socket.destroySoon();
    const patience = setTimeout(() => server.closeAllConnections(), withinMs);
    await closed;
    clearTimeout(patience);
  };
};
