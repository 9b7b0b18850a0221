import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '@muster/contracts';
import { boundConnections, clientAddress, refuseUnreadable, type TrustedProxies } from '@muster/limits';
import { encodeError } from '@muster/kp1';
import { stopperOf, type Logger } from '@muster/observability';
import { answerEmpty, answerRefusal } from './answer.js';
import { HttpFault, refusal, refusalOf } from './http-fault.js';

/** What a route gets besides the request. */
export interface Visit {
  /** The path after the prefix. */
  readonly rest: string;
  readonly query: URLSearchParams;
  /** Where it comes from. */
  readonly address: string | undefined;
  /**
   * Takes a place among the requests under way, until the answer is out; call it when it is known who asks, and before the body is
   * read. Undefined: somebody who is let in, but not as a device. Throws 503, or `too-many-requests`.
   */
  enter(deviceId: string | undefined): void;
}

export interface DeviceRoute {
  /** The path begins with that: `/kp1/`. */
  readonly prefix: string;
  /** Whether the rest of a path names something. Whatever does, has these methods, and OPTIONS, which says so. */
  readonly exists: (rest: string) => boolean;
  readonly methods: readonly string[];
  /** Answers, or throws `AppError` or `HttpFault` for what the device is told. */
  readonly handle: (request: IncomingMessage, response: ServerResponse, visit: Visit) => Promise<void>;
}

export interface DeviceServerOptions {
  readonly port: number;
  readonly host: string;
  readonly routes: readonly DeviceRoute[];
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** As `networkOf` writes them. */
  readonly trustedProxies: TrustedProxies;
  readonly headerTimeoutMs: number;
  /** Requests of known devices under way at the same time: each may hold a whole message in memory. */
  readonly requestsInFlight: number;
  readonly requestsPerDevice: number;
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
  const places = new Places(options);
  // Node looks every half minute by default for connections that are too slow.
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: unknown) => {
      const known = refusalOf(error);
      if (known === undefined) options.logger.error({ err: error }, 'a request of a device failed');
      answerRefusal(request, response, known ?? refusal(500, 'internal error'));
    });
  };
  const server = createServer({ connectionsCheckingInterval: 1_000, requireHostHeader: false }, answer);
  // Whoever asks first is told to go on when somebody reads its body, which is after it was let in; Node would tell everybody.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const invite = (event: string | symbol): void => {
      if (event !== 'data' && event !== 'readable') return;
      request.off('newListener', invite);
      if (!response.headersSent) response.writeContinue();
    };
    request.on('newListener', invite);
    answer(request, response);
  });

  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    answerRefusal(request, response, refusal(417, 'nothing can be expected but 100-continue'));
  });

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // RFC 9112, 3.2. Node would say no more than the number.
    if (request.httpVersion === '1.1' && request.headers.host === undefined)
      throw new HttpFault(400, 'the header Host is missing');
    const { pathname, query } = splitTarget(request.url ?? '');
    // A prefix may be the beginning of another route's path: `/kp1/enrol` of the application version `enrol-v1`.
    const route = options.routes.find(
      ({ prefix, exists }) => pathname.startsWith(prefix) && exists(pathname.slice(prefix.length)),
    );
    if (route === undefined) throw new HttpFault(404, 'unknown resource');
    const rest = pathname.slice(route.prefix.length);
    if (!route.methods.includes(request.method ?? '')) {
      const allow = [...route.methods, 'OPTIONS'].join(', ');
      if (request.method !== 'OPTIONS') {
        throw new HttpFault(405, `method must be ${route.methods.join(' or ')}`, { allow });
      }
      answerEmpty(request, response, 204, { allow });
      return;
    }
    await route.handle(request, response, {
      rest,
      query,
      address: clientAddress(request, options.trustedProxies),
      enter: (deviceId) => {
        places.take(response, deviceId);
        bounds.hasProved(request.socket);
      },
    });
  };

  limitTimes(server, options.headerTimeoutMs);
  refuseUnreadable(server, (statusCode, reason) => ({
    type: 'application/json',
    body: encodeError(statusCode, reason),
  }));
  const bounds = boundConnections(server, options);
  const stop = stopperOf(server);
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port, // a TCP server's address is never a pipe's name
    get inFlight() {
      return places.taken;
    },
    close: stop,
  };
};

const OVERLOAD = { 'retry-after': '1' };

/** Requests under way, in all and of each device. */
class Places {
  taken = 0;
  private readonly ofDevice = new Map<string, number>();

  constructor(private readonly most: Pick<DeviceServerOptions, 'requestsInFlight' | 'requestsPerDevice'>) {}

  take(response: ServerResponse, deviceId: string | undefined): void {
    const { requestsInFlight, requestsPerDevice } = this.most;
    if (this.taken >= requestsInFlight) throw new HttpFault(503, 'too many requests at once', OVERLOAD);
    const own = deviceId === undefined ? 0 : (this.ofDevice.get(deviceId) ?? 0);
    if (own >= requestsPerDevice) {
      const reason = `too many requests at once: a device may have ${requestsPerDevice} under way`;
      throw new AppError('too-many-requests', reason, { retryAfterSeconds: 1 });
    }
    this.taken += 1;
    if (deviceId !== undefined) this.ofDevice.set(deviceId, own + 1);
    response.once('close', () => {
      this.taken -= 1;
      if (deviceId === undefined) return;
      const left = (this.ofDevice.get(deviceId) ?? 1) - 1;
      if (left === 0) this.ofDevice.delete(deviceId);
      else this.ofDevice.set(deviceId, left);
    });
  }
}

const limitTimes = (server: Server, headerTimeoutMs: number): void => {
  // Longer than load balancers keep theirs (60 s), so that none sends on a connection that we close at that moment.
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = headerTimeoutMs;
  // Bodies have their own limits: a message must be here soon, a file may take long if it keeps coming.
  server.requestTimeout = 0;
};

/** No `new URL`: it would resolve `..` and collapse what the device wrote. */
const splitTarget = (given: string): { pathname: string; query: URLSearchParams } => {
  // A client that takes us for a proxy names the host as well (RFC 9112, 3.2.2).
  const target = given.replace(/^https?:\/\/[^/?#]*/i, '');
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
