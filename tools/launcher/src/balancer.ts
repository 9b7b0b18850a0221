import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Stands for what is in front of replicas elsewhere, a Service of Kubernetes or a load balancer: each new connection goes to
 * the next one, and to the one after it where nobody listens. Connections that are open stay where they are.
 */
export class Balancer {
  private next = 0;
  private readonly open = new Set<Socket>();
  private readonly targets: number[] = [];

  private constructor(private readonly server: Server) {}

  static async listen(port: number): Promise<Balancer> {
    const server = createServer();
    const balancer = new Balancer(server);
    server.on('connection', (client) => balancer.pass(client, balancer.inTurn()));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return balancer;
  }

  add(port: number): void {
    if (!this.targets.includes(port)) this.targets.push(port);
  }

  /** For new connections. */
  remove(port: number): void {
    const index = this.targets.indexOf(port);
    if (index >= 0) this.targets.splice(index, 1);
  }

  async close(): Promise<void> {
    this.server.close();
    for (const socket of this.open) socket.destroy();
    await once(this.server, 'close');
  }

  private inTurn(): number[] {
    const first = this.targets.length === 0 ? 0 : this.next++ % this.targets.length;
    return [...this.targets.slice(first), ...this.targets.slice(0, first)];
  }

  private pass(client: Socket, [port, ...others]: readonly number[]): void {
    if (port === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    const refused = (): void => this.pass(client, others);
    upstream.once('error', refused);
    upstream.once('connect', () => {
      upstream.off('error', refused);
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.open.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.open.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }
}
