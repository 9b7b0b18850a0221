import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import type { Health, Readiness } from './health.js';
import { joinPages, type Metrics } from './metrics.js';

export interface OpsParts {
  readonly health: Pick<Health, 'live' | 'ready'>;
  readonly metrics: Pick<Metrics, 'text'>;
}

/** Several apps in one process as one: ready when all are, failing checks named `<app>: <check>`. */
export const combineOps = (apps: readonly { readonly name: string; readonly ops: OpsParts }[]): OpsParts => {
  const ready = async (): Promise<Readiness> => {
    const all = await Promise.all(
      apps.map(async ({ name, ops }) => {
        const { failing } = await ops.health.ready();
        return failing.map((check) => ({ ...check, name: `${name}: ${check.name}` }));
      }),
    );
    const failing = all.flat();
    return { ready: failing.length === 0, failing };
  };
  const text = async (): Promise<string> =>
    joinPages(await Promise.all(apps.map(({ ops }) => ops.metrics.text())));
  return { health: { live: () => ({ live: true }), ready }, metrics: { text } };
};

/** False: the path is not one of these, nothing was written. */
export type OpsHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

/** `GET /health/live`, `GET /health/ready` (503 with what is not ready) and `GET /metrics`. No authentication. */
export const opsHandler = ({ health, metrics }: OpsParts): OpsHandler => {
  const routes = new Map<string, () => Promise<Answer>>([
    ['/health/live', () => Promise.resolve(json(200, health.live()))],
    [
      '/health/ready',
      async () => {
        const readiness = await health.ready();
        return json(readiness.ready ? 200 : 503, readiness);
      },
    ],
    [
      '/metrics',
      async () => ({
        status: 200,
        type: Registry.PROMETHEUS_CONTENT_TYPE,
        body: await metrics.text(),
      }),
    ],
  ]);
  return (request, response) => {
    const route = routes.get(request.url?.split('?', 1)[0] ?? '');
    if (route === undefined) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(request.method === 'OPTIONS' ? 204 : 405, { allow: 'GET, HEAD, OPTIONS' }).end();
      return true;
    }
    route().then(
      (answer) => send(response, answer),
      (error: unknown) => send(response, json(500, { error: String(error) })),
    );
    return true;
  };
};

export interface OpsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** `port` 0 takes a free one. Binds to `host`, default 127.0.0.1: these pages are not for the world. */
export const startOpsServer = async ({
  port,
  host = '127.0.0.1',
  health,
  metrics,
}: OpsParts & { readonly port: number; readonly host?: string }): Promise<OpsServer> => {
  const handle = opsHandler({ health, metrics });
  const server = createServer((request, response) => {
    if (!handle(request, response)) send(response, json(404, { error: 'not found' }));
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is never a pipe's name
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const json = (status: number, body: unknown): Answer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(body),
});

const send = (response: ServerResponse, { status, type, body }: Answer): void => {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
};
