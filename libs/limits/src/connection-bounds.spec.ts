import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { boundConnections } from './connection-bounds.js';
import { trustedProxiesOf } from './trusted-proxies.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A server that takes everybody at `/proved` for known. */
const serve = async (bounds: {
  connections: number;
  connectionsPerAddress: number;
  unproved?: number;
  proxies?: string[];
}) => {
  const server = createServer((request, response) => {
    if (request.url === '/proved') bound.hasProved(request.socket);
    if (request.url === '/examined') bound.isExamined(request.socket);
    if (request.url === '/stranger') {
      bound.isExamined(request.socket);
      bound.isStranger(request.socket);
    }
    response.end('here');
  });
  const bound = boundConnections(server, {
    ...bounds,
    trustedProxies: trustedProxiesOf(bounds.proxies?.join(',')),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  const open = async (localAddress = '127.0.0.1', path?: string): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    socket.resume();
    if (path !== undefined) {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
      await once(socket, 'data');
    }
    return socket;
  };
  return { port, open, bound };
};
const closed = (socket: Socket) => (socket.closed ? undefined : once(socket, 'close'));

describe('bounds of connections', () => {
  it('close the oldest of an address that has said nothing, and not the new one', async () => {
    const { open, bound, port } = await serve({ connections: 100, connectionsPerAddress: 3 });
    const [first, second] = [await open(), await open()];
    const known = await open('127.0.0.1', '/proved');
    const elsewhere = await open('127.0.0.2');
    const answer = get({ port, host: '127.0.0.1', agent: false });
    const [response] = (await once(answer, 'response')) as [{ statusCode: number; resume(): void }];
    response.resume();
    expect(response.statusCode).toBe(200);
    await closed(first);
    expect([second.closed, known.closed, elsewhere.closed]).toEqual([false, false, false]);
    expect(bound.open).toBeLessThanOrEqual(4);
  });

  it('close the new one where all others have said who they are', async () => {
    const { open } = await serve({ connections: 100, connectionsPerAddress: 2 });
    const known = [await open('127.0.0.1', '/proved'), await open('127.0.0.1', '/proved')];
    await closed(await open());
    expect(known.map((socket) => socket.closed)).toEqual([false, false]);
  });

  it('leave alone who is being looked at, and close the new one where all are', async () => {
    const { open, bound } = await serve({ connections: 100, connectionsPerAddress: 100, unproved: 2 });
    const examined = await open('127.0.0.1', '/examined');
    const stranger = await open('127.0.0.1', '/stranger');
    const next = await open('127.0.0.1', '/examined');
    await closed(stranger);
    await closed(await open());
    expect([examined.closed, next.closed, bound.unproved]).toEqual([false, false, 2]);
  });

  it('hold in all, too, and count no address that is a proxy', async () => {
    const { open, bound } = await serve({ connections: 4, connectionsPerAddress: 1, proxies: ['127.0.0.1'] });
    const first = await open();
    for (let nth = 0; nth < 3; nth += 1) await open();
    expect(first.closed).toBe(false);
    await open('127.0.0.2');
    await closed(first);
    expect(bound.open).toBe(4);
  });
});
