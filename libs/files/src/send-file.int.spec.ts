import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError, newId } from '@muster/contracts';
import { openDirectoryFileStore } from './directory-file-store.js';
import type { FileStore } from './file-store.js';
import { sendFile, type SentFile } from './send-file.js';

let directory: string;
let store: FileStore;
let server: Server;
let file: SentFile;
let large: SentFile;
const faults: unknown[] = [];
let closed: () => void = () => undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-send-'));
  store = await openDirectoryFileStore(directory);
  const stored = await store.put(Readable.from([Buffer.from('0123456789')]), { maxBytes: 10 });
  file = { ...stored, name: 'menu "été".bin' };
  const bytes = Readable.from([Buffer.alloc(20_000_000)]);
  large = { ...(await store.put(bytes, { maxBytes: 20_000_000 })), name: 'large' };
  server = createServer((incoming, response) => {
    const gone = { ...file, key: newId() };
    const wanted = incoming.url === '/gone' ? gone : incoming.url === '/large' ? large : file;
    response.once('close', () => closed());
    sendFile(incoming, response, store, wanted).catch((error: unknown) => {
      if (!(error instanceof AppError)) return void faults.push(error);
      response.writeHead(error.status).end(error.code);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  store.close();
  await rm(directory, { recursive: true });
});

const get = async (headers: Record<string, string> = {}, method = 'GET', path = '/') => {
  const { port } = server.address() as AddressInfo;
  const sent = request({ port, host: '127.0.0.1', path, method, headers }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode, headers: response.headers, body };
};

describe('sendFile', () => {
  it('sends the whole file with its length, its name and its hash', async () => {
    expect(await get()).toMatchObject({
      status: 200,
      body: '0123456789',
      headers: {
        'content-length': '10',
        'accept-ranges': 'bytes',
        'content-type': 'application/octet-stream',
        'x-content-type-options': 'nosniff',
        'content-disposition': `attachment; filename="menu __t__.bin"; filename*=UTF-8''menu%20%22%C3%A9t%C3%A9%22.bin`,
        etag: `"${file.sha256}"`,
      },
    });
  });

  it.each([
    ['bytes=0-3', '0123', 'bytes 0-3/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-2', '89', 'bytes 8-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ['bytes=5-99', '56789', 'bytes 5-9/10'],
  ])('sends %s', async (range, body, contentRange) => {
    expect(await get({ range })).toMatchObject({
      status: 206,
      body,
      headers: { 'content-range': contentRange, 'content-length': String(body.length) },
    });
  });

  it.each(['bytes=10-', 'bytes=-0'])('refuses %s, which is not in the file', async (range) => {
    expect(await get({ range })).toMatchObject({
      status: 416,
      body: 'range-not-satisfiable',
      headers: { 'content-range': 'bytes */10' },
    });
  });

  it.each(['bytes=5-2', 'bytes=-', 'bytes=0-1,3-4', 'lines=1-2'])(
    'sends everything for %s',
    async (range) => {
      expect(await get({ range })).toMatchObject({ status: 200, body: '0123456789' });
    },
  );

  it('continues a download only of the same file', async () => {
    const range = 'bytes=7-';
    expect(await get({ range, 'if-range': `"${file.sha256}"` })).toMatchObject({ status: 206, body: '789' });
    expect(await get({ range, 'if-range': '"another"' })).toMatchObject({ status: 200, body: '0123456789' });
  });

  it('sends nothing to who has it, or only asks', async () => {
    expect(await get({ 'if-none-match': `"${file.sha256}"` })).toMatchObject({ status: 304, body: '' });
    expect(await get({}, 'HEAD')).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': '10' },
    });
    const ranged = await get({ range: 'bytes=20-' }, 'HEAD');
    expect(ranged).toMatchObject({ status: 200, headers: { 'content-length': '10' } });
  });

  it('takes a receiver that goes away for nobody’s fault', async () => {
    const { port } = server.address() as AddressInfo;
    const end = new Promise<void>((resolve) => (closed = resolve));
    const sent = request({ port, host: '127.0.0.1', path: '/large' }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    await once(response, 'data');
    response.destroy();
    await end;
    await new Promise(setImmediate);
    expect(faults).toEqual([]);
  });

  it('throws while an answer is still possible', async () => {
    const answer = await get({}, 'GET', '/gone');
    expect(answer).toMatchObject({ status: 404, body: 'file-not-found' });
    expect(answer.headers.etag).toBeUndefined();
  });
});
