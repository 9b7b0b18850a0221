import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stopperOf, type Logger } from '@muster/observability';
import { answerEmpty, answerRefusal } from './answer.js';
import { HttpFault, refusal, refusalOf } from './http-fault.js';

export interface DeviceRoute {
  /** The path begins with that: `/kp1/`. */
  readonly prefix: string;
  /** Whether the rest of a path names something. Whatever does, has these methods, and OPTIONS, which says so. */
  readonly exists: (rest: string) => boolean;
  readonly methods: readonly string[];
  /** Answers, or throws `AppError` or `HttpFault` for what the device is told. `rest`: the path after the prefix. */
  readonly handle: (
    request: IncomingMessage,
    response: ServerResponse,
    target: { readonly rest: string; readonly query: URLSearchParams },
  ) => Promise<void>;
}

export interface DeviceServerOptions {
  readonly port: number;
  readonly host: string;
  readonly routes: readonly DeviceRoute[];
  /** Requests under way at the same time: each may hold a whole message in memory. */
  readonly requestsInFlight: number;
  readonly logger: Logger;
}

export interface DeviceServer {
  readonly port: number;
  readonly inFlight: number;
  /** Takes no new connections; resolves when the last request is answered, or is cut off after `withinMs`. */
  close(withinMs: number): Promise<void>;
}

/**
 * Plain node:http and not Nest: bodies are raw or streamed, answers have the protocol's own shape, and each request of
 * thousands a second would pass guards, pipes and filters that have nothing to do.
 */
export const startDeviceServer = async (options: DeviceServerOptions): Promise<DeviceServer> => {
  let inFlight = 0;
  const server = createServer((request, response) => {
    inFlight += 1;
    response.once('close', () => {
      inFlight -= 1;
    });
    serve(request, response).catch((error: unknown) => {
      const known = refusalOf(error);
      if (known === undefined) options.logger.error({ err: error }, 'a request of a device failed');
      answerRefusal(request, response, known ?? refusal(500, 'internal error'));
    });
  });

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (inFlight > options.requestsInFlight) throw new HttpFault(503, 'too many requests at once', OVERLOAD);
    const { pathname, query } = splitTarget(request.url ?? '');
    const route = options.routes.find(({ prefix }) => pathname.startsWith(prefix));
    const rest = pathname.slice(route?.prefix.length);
    if (route === undefined || !route.exists(rest)) throw new HttpFault(404, 'unknown resource');
    if (!route.methods.includes(request.method ?? '')) {
      const allow = [...route.methods, 'OPTIONS'].join(', ');
      if (request.method !== 'OPTIONS') {
        throw new HttpFault(405, `method must be ${route.methods.join(' or ')}`, { allow });
      }
      answerEmpty(request, response, 204, { allow });
      return;
    }
    await route.handle(request, response, { rest, query });
  };

  limitTimes(server);
  const stop = stopperOf(server);
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is never a pipe's name
    get inFlight() {
      return inFlight;
    },
    close: stop,
  };
};

const OVERLOAD = { 'retry-after': '1' };

const limitTimes = (server: Server): void => {
  // Longer than load balancers keep theirs (60 s), so that none sends on a connection that we close at that moment.
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = 10_000;
  // Bodies have their own limits: a message must be here soon, a file may take long if it keeps coming.
  server.requestTimeout = 0;
};

/** No `new URL`: it would resolve `..` and collapse what the device wrote. */
const splitTarget = (target: string): { pathname: string; query: URLSearchParams } => {
  const at = target.indexOf('?');
  try {
    // URLSearchParams would read U+FFFD.
    decodeURIComponent(at < 0 ? '' : target.slice(at + 1));
  } catch {
    throw new HttpFault(400, 'the query must be percent-encoded UTF-8');
  }
  return at < 0
    ? { pathname: target, query: new URLSearchParams() }
    : { pathname: target.slice(0, at), query: new URLSearchParams(target.slice(at + 1)) };
};
