import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hub } from '../hub/hub.js';
import { HubError } from '../hub/hub-error.js';
import { hubTime, type JsonObject } from '../hub/json.js';
import { authorizePolicy, covers, type AuthorizeContext } from '../security/authorize.js';
import { ROUTES, type Answer, type Route } from './routes.js';

export interface RestContext {
  readonly hub: Hub;
  authorization(): AuthorizeContext;
  log(line: string): void;
}

/** More than the largest call, 100 identities, can need. */
const MAX_BODY_BYTES = 1_048_576;

/** The hub's REST side, as a listener for an HTTP server. */
export const restListener =
  (context: RestContext): RequestListener =>
  (request, response) => {
    answer(context, request, response).catch((error: unknown) => {
      context.log(`rest: ${request.method ?? ''} ${request.url ?? ''}: ${String(error)}`);
      request.socket.destroy();
    });
  };

const answer = async (
  context: RestContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const url = new URL(request.url ?? '/', 'https://hub');
  const method = request.method ?? 'GET';
  const { faults } = context.hub;
  const applies = (fault: { readonly method?: string; readonly path?: string }): boolean =>
    (fault.method === undefined || fault.method === method) &&
    (fault.path === undefined || url.pathname.startsWith(fault.path));
  const body = await readBody(request);
  const delay = faults.strike('rest-delay', applies);
  if (delay !== undefined) await sleep(delay.ms, undefined, { ref: false });
  const drop = faults.strike('rest-drop', applies);
  const error = drop === undefined ? faults.strike('rest-error', applies) : undefined;
  const carryOut = (drop ?? error) === undefined || (drop ?? error)?.afterwards === true;
  const found = carryOut ? await handle(context, method, url, request, body) : undefined;
  if (drop !== undefined) {
    request.socket.destroy();
    return;
  }
  if (error !== undefined) {
    const { code = 'ServerError', retryAfterSeconds } = error;
    const answered = errorAnswer(code, 'A fault was injected', error.status);
    if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
    send(response, answered);
  } else if (found !== undefined) send(response, found);
};

const handle = async (
  context: RestContext,
  method: string,
  url: URL,
  request: IncomingMessage,
  body: string | undefined,
): Promise<Answer> => {
  try {
    const grant = authorizePolicy(request.headers.authorization ?? '', context.authorization());
    if (grant === undefined) throw new HubError('IotHubUnauthorizedAccess', 'Unauthorized');
    const [route, deviceId] = findRoute(method, url.pathname);
    if (!grant.rights.includes(route.right) || !covers(grant, url.pathname)) {
      throw new HubError('IotHubUnauthorizedAccess', `Policy ${grant.policy} has no ${route.right} here`);
    }
    if (!url.searchParams.has('api-version')) {
      throw new HubError('ArgumentInvalid', 'The query has no api-version');
    }
    if (body === undefined) {
      throw new HubError('MessageTooLarge', `The body has more than ${MAX_BODY_BYTES} bytes`);
    }
    const { hub } = context;
    if (route.quota !== undefined) hub.throttle(route.quota);
    const { headers } = request;
    return await route.handle({ hub, deviceId, query: url.searchParams, headers, body: parse(body) });
  } catch (error) {
    if (error instanceof HubError) return hubErrorAnswer(error);
    throw error;
  }
};

const findRoute = (method: string, path: string): [Route, string] => {
  for (const route of ROUTES) {
    const match = route.method === method ? route.path.exec(path) : null;
    if (match !== null) return [route, decode(match[1] ?? '')];
  }
  throw new HubError('ResourceNotFound', `${method} ${path} is not simulated`);
};

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HubError('ArgumentInvalid', 'The path is not URL-encoded');
  }
};

const parse = (body: string): unknown => {
  if (body === '') return undefined;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw new HubError('ArgumentInvalid', 'The body is no JSON');
  }
};

/** Undefined: it is too large. It is read to its end all the same, so that the answer is. */
const readBody = async (request: IncomingMessage): Promise<string | undefined> => {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk as Buffer);
  }
  return size > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString('utf8');
};

/** Codes with which a direct method fails. Their message is JSON, unlike all others'. */
const METHOD_CODES: Readonly<Record<string, number>> = { DeviceNotOnline: 404_103, GatewayTimeout: 504_101 };

const hubErrorAnswer = ({ code, message, status }: HubError): Answer => {
  const methodCode = METHOD_CODES[code];
  if (methodCode === undefined) return errorAnswer(code, message, status);
  const Message = JSON.stringify({
    errorCode: methodCode,
    trackingId: randomUUID(),
    message,
    timestampUtc: hubTime(Date.now()),
  });
  return { status, headers: { 'iothub-errorcode': code }, body: { Message, ExceptionMessage: '' } };
};

const errorAnswer = (code: string, message: string, status: number): Answer => {
  const body: JsonObject = {
    Message: `ErrorCode:${code};${message}`,
    ExceptionMessage: `Tracking ID:${randomUUID()}-TimeStamp:${hubTime(Date.now())}`,
  };
  return { status, headers: { 'iothub-errorcode': code }, body };
};

const send = (response: ServerResponse, { status, headers = {}, body }: Answer): void => {
  const payload = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    ...(payload === '' ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    'content-length': Buffer.byteLength(payload),
  });
  response.end(payload);
};
