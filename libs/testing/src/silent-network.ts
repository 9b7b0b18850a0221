import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';

export interface SilentNetwork {
  /** On 127.0.0.1, in front of the server. */
  readonly port: number;
  /** From now on nothing passes over the connections that there are, and none of them ends; later ones pass. */
  readonly silence: () => void;
  readonly stop: () => Promise<void>;
}

/** Between clients and a server on 127.0.0.1: goes silent without a word, as a machine does that lost its power. */
export const silentNetwork = async (serverPort: number): Promise<SilentNetwork> => {
  const sockets = new Set<Socket>();
  const network = createServer((client) => {
    const server = createConnection({ host: '127.0.0.1', port: serverPort });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => undefined); // 'close' follows
      from.on('close', () => {
        sockets.delete(from);
        // The other end of a silent one hears nothing of that either.
        if (!from.isPaused()) to.destroy();
      });
    }
  });
  network.listen(0, '127.0.0.1');
  await once(network, 'listening');
  return {
    port: (network.address() as AddressInfo).port,
    silence: () => {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      network.close();
      await once(network, 'close');
    },
  };
};
