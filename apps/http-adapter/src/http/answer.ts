import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeError } from '@muster/kp1';
import type { Refusal } from './http-fault.js';

/** How long what a device still sends is read and thrown away after it has its answer. */
const LINGER_MS = 2_000;

/** Success: with JSON, or with nothing at all. */
export const answerBody = (request: IncomingMessage, response: ServerResponse, body: string): void => {
  finish(request, response, 200, body, {});
};

/** Success without a body. */
export const answerEmpty = (
  request: IncomingMessage,
  response: ServerResponse,
  statusCode: 201 | 204,
  headers: Readonly<Record<string, string>>,
): void => {
  finish(request, response, statusCode, '', headers);
};

/** Errors look as in `/error` of MQTT: `{statusCode, reasonPhrase}`. Too late when an answer has begun: cuts it off. */
export const answerRefusal = (
  request: IncomingMessage,
  response: ServerResponse,
  { statusCode, reasonPhrase, headers }: Refusal,
): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  finish(request, response, statusCode, encodeError(statusCode, reasonPhrase), headers);
};

const finish = (
  request: IncomingMessage,
  response: ServerResponse,
  statusCode: number,
  body: string,
  headers: Readonly<Record<string, string>>,
): void => {
  if (response.destroyed) return;
  response.writeHead(statusCode, {
    ...headers,
    ...(body === '' ? {} : { 'content-type': 'application/json' }),
    // RFC 9110: a 204 has no body and says no length.
    ...(statusCode === 204 ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...(request.complete ? {} : { connection: 'close' }),
  });
  if (request.complete) {
    response.end(body);
    return;
  }
  // Closing a socket on which something still arrives resets it, and the answer may be lost with it. So the answer goes out
  // whole at once, the rest of the request is thrown away for a while, and only then comes the end.
  response.write(body);
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.on('close', () => clearTimeout(timer));
  request.on('end', () => response.end());
  request.resume();
};
