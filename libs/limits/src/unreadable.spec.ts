import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { refuseUnreadable } from './unreadable.js';

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Answers with how much came. */
const listen = async (prepare: (server: Server) => void = () => undefined): Promise<number> => {
  server = createServer((asked, answer) => {
    let bytes = 0;
    asked.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => answer.end(String(bytes)));
  });
  prepare(server);
  refuseUnreadable(server, (_status, reason) => ({ type: 'text/plain', body: reason }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port; // a TCP server's address is never a pipe's name
};

const askFirst = async (port: number): Promise<string> => {
  const asking = request({ port, method: 'POST', headers: { expect: '100-continue', 'content-length': 3 } });
  asking.on('continue', () => asking.end('abc'));
  asking.flushHeaders();
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  let said = '';
  for await (const chunk of answer.setEncoding('utf8')) said += String(chunk);
  return `${answer.statusCode} ${said}`;
};

describe('a server that refuses in words what it cannot read', () => {
  it('answers who asks before it sends its body as all others', async () => {
    expect(await askFirst(await listen())).toBe('200 3');
  });

  it('leaves that to who has listened for it before', async () => {
    const port = await listen((one) => {
      one.on('checkContinue', (_asked: IncomingMessage, answer: { end(said: string): void }) =>
        answer.end('no'),
      );
    });
    expect(await askFirst(port)).toBe('200 no');
  });

  it('says what is wrong with what is no request', async () => {
    const socket = connect(await listen(), '127.0.0.1');
    socket.write('GARBAGE\r\n\r\n');
    let said = '';
    for await (const chunk of socket.setEncoding('utf8')) said += String(chunk);
    expect(said).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*the request cannot be read as HTTP\/1\.1$/);
  });
});
