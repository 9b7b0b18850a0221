import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { stopperOf } from './index.js';

const listening = async (
  serve: RequestListener,
): Promise<{ server: Server; stop: (withinMs: number) => Promise<void>; open: () => Promise<Socket> }> => {
  const server = createServer(serve);
  const stop = stopperOf(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    server,
    stop,
    open: async () => {
      const socket = connect(port, '127.0.0.1');
      const accepted = once(server, 'connection');
      await once(socket, 'connect');
      await accepted;
      return socket;
    },
  };
};

const ASK = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

/** Longer than any spec may take: what waits for it, fails. */
const FOR_EVER_MS = 600_000;

describe('a server that stops', () => {
  it('ends connections that never asked anything, and those that wait for their next request', async () => {
    const { stop, open } = await listening((_request, response) => response.end('answer'));
    const silent = await open();
    const kept = await open();
    kept.write(ASK);
    await once(kept, 'data');
    const ended = Promise.all([once(silent, 'close'), once(kept, 'close')]);
    silent.resume();
    await stop(FOR_EVER_MS);
    await ended;
  });

  it('answers what is under way, and then ends the connection', async () => {
    let answer = (): void => undefined;
    const { server, stop, open } = await listening((_request, response) => {
      answer = () => void response.end('answer');
    });
    const socket = await open();
    let text = '';
    socket.on('data', (some: Buffer) => (text += some.toString()));
    const asked = once(server, 'request');
    socket.write(ASK);
    await asked;
    const stopped = stop(FOR_EVER_MS);
    answer();
    await Promise.all([stopped, once(socket, 'close')]);
    expect(text).toContain('answer');
  });

  it('cuts off what is not answered in time', async () => {
    const { server, stop, open } = await listening(() => undefined);
    const socket = await open();
    const asked = once(server, 'request');
    socket.write(ASK);
    await asked;
    socket.resume();
    const cut = once(socket, 'close');
    await stop(10);
    await cut;
  });
});
