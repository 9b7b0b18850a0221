import {
  maxHeaderSize,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Duplex } from 'node:stream';

/** By the code of Node's HTTP parser, and of its clocks. */
const FAULTS: Readonly<Record<string, readonly [statusCode: number, reason: string]>> = {
  HPE_HEADER_OVERFLOW: [431, `the headers must have at most ${maxHeaderSize} bytes`],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'the extensions of a chunk are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'the headers did not arrive in time'],
};
const NO_HTTP = [400, 'the request cannot be read as HTTP/1.1'] as const;
/** What is still on its way would reset the connection, and the answer might be lost with it. */
const LINGER_MS = 2_000;

/** How a door tells what it refuses. */
export type RenderRefusal = (
  statusCode: number,
  reason: string,
) => { readonly type: string; readonly body: string };

/**
 * What Node takes for no request is refused in words too; alone it would say a number, or nothing at all. To be called after the
 * server has its own listeners.
 */
export const refuseUnreadable = (server: Server, render: RenderRefusal): void => {
  /** The last answer of each connection. */
  const answers = new WeakMap<Duplex, ServerResponse>();
  /** Those that nothing is read from any more, whatever still comes. */
  const refused = new WeakSet<Duplex>();
  const note = ({ socket }: IncomingMessage, response: ServerResponse): void =>
    void answers.set(socket, response);
  server.on('request', note);
  // Whoever asks first (curl does from 1 MB on) is told by Node to go on, and is a request like any other; unless somebody listens
  // for that: then nobody else is told of it.
  if (server.listenerCount('checkContinue') > 0) server.on('checkContinue', note);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (refused.has(socket)) return;
    refused.add(socket);
    const answer = answers.get(socket);
    const isUnderWay = answer !== undefined && !answer.writableFinished;
    const tell = (): void => refuse(socket, render, FAULTS[error.code ?? ''] ?? NO_HTTP);
    if (!socket.writable || error.code === 'ECONNRESET') socket.destroy();
    // Of a request that came whole, before this: its answer first.
    else if (isUnderWay && answer.req.complete) answer.once('close', tell);
    else if (isUnderWay && answer.headersSent) socket.destroy();
    else tell();
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    refuse(socket, render, [405, 'this is no proxy']);
  });
};

const refuse = (
  socket: Duplex,
  render: RenderRefusal,
  [statusCode, reason]: readonly [statusCode: number, reason: string],
): void => {
  const { type, body } = render(statusCode, reason);
  const head = [
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? ''}`,
    'connection: close',
    `content-type: ${type}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  if (!socket.writable) return;
  socket.on('error', () => undefined);
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  const late = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(late));
};
