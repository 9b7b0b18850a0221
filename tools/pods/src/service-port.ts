import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * What a Service of Kubernetes is to clients from outside: an address on this machine, each connection to which goes to
 * one of the pods that are ready at that moment, in turn. Who has a connection keeps it while its pod goes away.
 */
export class ServicePort {
  private readonly sockets = new Set<Socket>();
  private turn = 0;

  static async open(port: number, addresses: () => readonly string[]): Promise<ServicePort> {
    const server = createServer({ noDelay: true });
    const service = new ServicePort(server);
    server.on('connection', (client) => service.pass(client, addresses(), port));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return service;
  }

  private constructor(private readonly server: Server) {}

  get port(): number {
    return (this.server.address() as AddressInfo).port; // it listens on TCP
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private pass(client: Socket, addresses: readonly string[], port: number): void {
    this.turn += 1;
    const host = addresses[this.turn % addresses.length];
    if (host === undefined) {
      client.destroy();
      return;
    }
    const pod = connect({ host, port, noDelay: true });
    for (const [one, other] of [
      [client, pod],
      [pod, client],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}
