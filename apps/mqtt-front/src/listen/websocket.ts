import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { clientAddress, type TrustedProxies } from '@muster/limits';
import { createWebSocketStream, WebSocketServer, type WebSocket } from 'ws';
import type { Arrival } from '../arrival.js';
import { RoomShare, type BufferRoom } from '../client/buffer-room.js';
import type { OnArrival, OnEarlyEnd } from './listener.js';

export interface WebSocketOptions {
  /** The first byte, and after it the whole request, must be here within that. */
  readonly timeoutMs: number;
  /** Bytes before it is known who is there. */
  readonly maxConnectBytes: number;
  /** Of one frame, or several that are one message. */
  readonly maxFrameBytes: number;
  /** A large one must be whole so long after there is room for it. */
  readonly frameTimeoutMs: number;
  readonly room: BufferRoom;
  readonly trustedProxies: TrustedProxies;
  readonly onEarlyEnd: OnEarlyEnd;
}

/** As MQTT 3.1.1 and 5 name themselves, and 3.1 before them. */
const PROTOCOLS = ['mqtt', 'mqttv3.1'];
const PATH = '/mqtt';
const HTTP_FIRST_BYTE = 'G'.charCodeAt(0);
/** What HTTP and frames add to what is carried. */
const OVERHEAD_BYTES = 8_192;
const BUFFER_BYTES = 16_384;
/** Answers to pings that a client does not take. */
const MAX_UNTAKEN_BYTES = 65_536;

/**
 * MQTT over WebSocket at the same ports: CONNECT begins with the byte 0x10 and a request for a WebSocket with `G`, so the first
 * byte tells. Everything else is handed on as it came.
 */
export const withWebSocket = (options: WebSocketOptions, onArrival: OnArrival): OnArrival => {
  const http = createServer({ maxHeaderSize: OVERHEAD_BYTES, keepAlive: false }, (_request, response) => {
    response.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket', connection: 'close' });
    response.end(`MQTT over WebSocket: ${PATH}, with the subprotocol mqtt\n`);
  });
  const sockets = new WebSocketServer({
    noServer: true,
    path: PATH,
    maxPayload: options.maxFrameBytes,
    perMessageDeflate: false,
    clientTracking: false,
    autoPong: false,
    handleProtocols: (offered) => PROTOCOLS.find((one) => offered.has(one)) ?? false,
  });
  const arrivals = new WeakMap<Duplex, Waiting>();

  http.on('upgrade', (request, stream, head) => {
    const waiting = arrivals.get(stream);
    if (waiting === undefined || refuse(request, stream)) return;
    sockets.handleUpgrade(request, stream, head, (webSocket) => {
      waiting.done();
      onArrival(carried(webSocket, request, waiting.arrival, options));
    });
  });

  return (arrival) => {
    const { stream } = arrival;
    const ignore = (): void => undefined;
    stream.on('error', ignore);
    const timer = setTimeout(() => {
      options.onEarlyEnd('too-slow');
      stream.destroy();
    }, options.timeoutMs);
    const done = (): void => clearTimeout(timer);
    stream.once('close', done);
    const first = (): void => {
      const bytes = stream.read() as Buffer | null;
      if (bytes === null) return;
      stream.off('readable', first);
      stream.unshift(bytes);
      if (bytes[0] === HTTP_FIRST_BYTE) {
        arrivals.set(stream, { arrival, done });
        http.emit('connection', stream);
        return;
      }
      done();
      onArrival(arrival);
      stream.off('error', ignore);
    };
    stream.on('readable', first);
    // Without a listener for it, the end of who says nothing would not be noticed.
    stream.once('end', () => stream.destroy());
  };
};

interface Waiting {
  readonly arrival: Arrival;
  readonly done: () => void;
}

/** Answers what is no request for MQTT. */
const refuse = (request: IncomingMessage, stream: Duplex): boolean => {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
  const answer = (status: string, why: string): true => {
    const head = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: text/plain\r\n`;
    stream.end(`${head}content-length: ${why.length + 1}\r\n\r\n${why}\n`, () => stream.destroy());
    return true;
  };
  if ((request.url ?? '').split('?')[0] !== PATH) return answer('404 Not Found', `the path must be ${PATH}`);
  if (offered.some((one) => PROTOCOLS.includes(one))) return false;
  return answer('400 Bad Request', 'Sec-WebSocket-Protocol must hold mqtt');
};

/** What a WebSocket carries, as a connection like any other. */
const carried = (
  webSocket: WebSocket,
  request: IncomingMessage,
  below: Arrival,
  { maxConnectBytes, trustedProxies, room, frameTimeoutMs }: WebSocketOptions,
): Arrival => {
  // MQTT 5, 6: whoever sends text breaks the protocol. Before the stream's own listener, so that it gets none of it.
  webSocket.on('message', (_data, isBinary) => {
    if (!isBinary) webSocket.terminate();
  });
  webSocket.on('ping', (data) => {
    if (webSocket.bufferedAmount > MAX_UNTAKEN_BYTES) webSocket.terminate();
    else webSocket.pong(data);
  });
  boundFrames(webSocket, below, room, frameTimeoutMs);
  // A frame is kept until it is whole: before CONNECT is answered, none that is larger than CONNECT may be.
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > maxConnectBytes + OVERHEAD_BYTES) webSocket.terminate();
  };
  below.stream.on('data', count);
  const stream = createWebSocketStream(webSocket, {
    readableHighWaterMark: BUFFER_BYTES,
    writableHighWaterMark: BUFFER_BYTES,
  });
  stream.on('error', () => undefined); // 'close' follows
  const write = stream._write.bind(stream);
  stream._write = (chunk, encoding, callback) => {
    // The first that it is told is the answer.
    below.stream.off('data', count);
    stream._write = write;
    write(chunk, encoding, callback);
  };
  return {
    stream,
    socket: below.socket,
    address: clientAddress(request, trustedProxies),
    transport: below.transport === 'tls' ? 'wss' : 'ws',
    certificates: below.certificates,
  };
};

/** ws keeps what the message has announced that is not whole where it can be seen, though its types do not say so. */
type OpenWebSocket = WebSocket & { readonly _receiver: { readonly _totalPayloadLength: number } };

/**
 * A message is kept until it is whole, before anything of MQTT is read in it: it counts as packets do that are not whole, and takes
 * no longer.
 */
const boundFrames = (webSocket: WebSocket, below: Arrival, room: BufferRoom, timeoutMs: number): void => {
  const { _receiver: receiver } = webSocket as OpenWebSocket;
  let late: NodeJS.Timeout | undefined;
  let ticks = 0;
  let isWaiting = false;
  const tick = (): void => {
    // It cannot go on while it is not read; for room it waits no longer than for anything: of several messages in parts, each may have some.
    ticks = webSocket.isPaused && !isWaiting ? 0 : ticks + 1;
    if (ticks === 2) webSocket.terminate();
  };
  const settle = (): void => {
    isWaiting = !share.take(receiver._totalPayloadLength);
    if (isWaiting) webSocket.pause();
    if (share.isTaken) late ??= setInterval(tick, timeoutMs / 2);
    else {
      clearInterval(late);
      [late, ticks] = [undefined, 0];
    }
  };
  const share = new RoomShare(room, below.socket, () => {
    settle();
    if (!isWaiting) webSocket.resume();
  });
  webSocket.on('message', () => (ticks = 0));
  // After the WebSocket's own listener, which has told by then of all that is whole.
  below.stream.on('data', settle);
  webSocket.once('close', () => {
    clearInterval(late);
    share.end();
  });
};
