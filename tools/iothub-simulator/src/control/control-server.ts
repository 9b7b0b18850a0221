import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ROUTE_SOURCES, type RouteSource } from '../hub/hub-events.js';
import type { KeyPair } from '../hub/identity.js';
import type { QuotaOptions, Tier } from '../hub/quotas.js';
import type { Simulator } from '../simulator.js';
import { readFault } from './read-fault.js';

export interface ControlServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Request {
  readonly simulator: Simulator;
  /** What the path has in the place of `:name`. */
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** As it came, where it is no object. */
  readonly json: unknown;
}

const TIERS: readonly Tier[] = ['S1', 'S2', 'S3'];
const MAX_BODY_BYTES = 65_536;

/** `METHOD /path/:name` → what is answered. A throw is a 400 with its message. */
const ROUTES: Readonly<Record<string, (request: Request) => unknown>> = {
  'GET /': ({ simulator }) => describe(simulator),
  'GET /devices/:name/connection-string': ({ simulator, name }) => ({
    connectionString: simulator.deviceConnectionString(name),
  }),
  'POST /devices/:name/drop': ({ simulator, name }) => ({ dropped: simulator.dropDevice(name) }),
  'POST /devices/:name/reject-message': ({ simulator, name }) => ({
    rejected: simulator.rejectMessage(name),
  }),
  'GET /faults': ({ simulator }) => simulator.faults.list(),
  'POST /faults': ({ simulator, json }) => simulator.faults.add(readFault(json)),
  'DELETE /faults': ({ simulator }) => {
    simulator.faults.clear();
    return {};
  },
  'DELETE /faults/:name': ({ simulator, name }) => ({ removed: simulator.faults.remove(Number(name)) }),
  'PUT /routes': ({ simulator, json }) => {
    simulator.setRoutes(readRoutes(json));
    return {};
  },
  'PUT /quotas': ({ simulator, json }) => {
    simulator.setQuotas(readQuotas(json));
    return {};
  },
  'POST /consumer-groups/:name': ({ simulator, name }) => {
    simulator.addConsumerGroup(name);
    return {};
  },
  'POST /policies/:name/keys': ({ simulator, name, body }) => {
    const { which = 'primaryKey' } = body;
    if (which !== 'primaryKey' && which !== 'secondaryKey') {
      throw new Error('which is primaryKey or secondaryKey');
    }
    return simulator.regenerateKey(name, which satisfies keyof KeyPair);
  },
  'POST /device-authorities': ({ simulator, body }) => {
    simulator.addDeviceAuthority(textOf(body, 'certificate'));
    return {};
  },
  'POST /amqp/drop': ({ simulator, body }) => ({
    dropped: simulator.dropAmqp(...[body['condition'], body['description']].map(optionalText)),
  }),
  'POST /time': ({ simulator, body }) => {
    const { advanceMs } = body;
    if (typeof advanceMs !== 'number' || !(advanceMs >= 0))
      throw new Error('advanceMs is a number of 0 or more');
    simulator.advanceTime(advanceMs);
    return {};
  },
};

/** What can be done to the hub that no client can, as JSON over HTTP on 127.0.0.1. */
export const startControl = async (simulator: Simulator, port: number): Promise<ControlServer> => {
  const server = createServer((request, response) => {
    answer(simulator, request).then(
      ([status, body]) => send(response, status, body),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
};

const answer = async (simulator: Simulator, request: IncomingMessage): Promise<[number, unknown]> => {
  // A page in a browser may not do this; and browsers always say where a page is from.
  if (request.headers.origin !== undefined) return [403, { error: 'Not for browsers' }];
  const text = await readBody(request);
  const { pathname } = new URL(request.url ?? '/', 'http://control');
  try {
    const [handle, name] = find(request.method ?? 'GET', pathname);
    if (handle === undefined) return [404, { error: 'No such thing', routes: Object.keys(ROUTES) }];
    const json: unknown = text === '' ? {} : JSON.parse(text);
    const body = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
    return [200, handle({ simulator, name, body, json })];
  } catch (error) {
    return [400, { error: error instanceof Error ? error.message : String(error) }];
  }
};

const find = (method: string, pathname: string): [((request: Request) => unknown) | undefined, string] => {
  const given = pathname.split('/');
  for (const [route, handle] of Object.entries(ROUTES)) {
    const [wantedMethod, pattern = ''] = route.split(' ');
    const wanted = pattern.split('/');
    const matches =
      wantedMethod === method &&
      wanted.length === given.length &&
      wanted.every((part, index) => part === ':name' || part === given[index]);
    if (matches) return [handle, decodeURIComponent(given[wanted.indexOf(':name')] ?? '')];
  }
  return [undefined, ''];
};

const describe = (simulator: Simulator): unknown => ({
  hostName: simulator.hostName,
  ports: simulator.ports,
  connectionString: simulator.connectionString(),
  eventHubConnectionString: simulator.eventHubConnectionString(),
  authority: simulator.authority,
});

const readRoutes = (json: unknown): readonly RouteSource[] => {
  const isSource = (one: unknown): one is RouteSource => ROUTE_SOURCES.some((source) => source === one);
  if (Array.isArray(json) && json.every(isSource)) return json;
  throw new Error(`Routes are an array of ${ROUTE_SOURCES.join(', ')}`);
};

const readQuotas = (json: unknown): QuotaOptions | undefined => {
  if (json === null) return undefined;
  const { tier, units = 1, scale = 1 } = json as Readonly<Record<string, unknown>>;
  const known = TIERS.find((one) => one === tier);
  if (known === undefined) throw new Error(`tier is one of ${TIERS.join(', ')}; null ends all quotas`);
  if (!isPositive(units)) throw new Error('units is a number above 0');
  if (!isPositive(scale)) throw new Error('scale is a number above 0');
  return { tier: known, units, scale };
};

const isPositive = (value: unknown): value is number => typeof value === 'number' && value > 0;

const textOf = (body: Readonly<Record<string, unknown>>, field: string): string => {
  const value = body[field];
  if (typeof value !== 'string') throw new Error(`${field} is no text`);
  return value;
};

const optionalText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const readBody = async (request: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new Error('The body is too long');
  }
  return text;
};

const send = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
};
