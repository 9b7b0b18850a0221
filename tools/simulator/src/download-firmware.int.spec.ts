import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { downloadFirmware, type FirmwareFile } from './download-firmware.js';

const content = Buffer.from(Array.from({ length: 10_000 }, (_, n) => n % 251));
const sha256 = createHash('sha256').update(content).digest('hex');
const ENDS = /^bytes=(\d+)-(\d+)$/;

let server: Server | undefined;

afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** Calls `answer` with the range that was asked for; returns the URL. */
const serve = async (
  answer: (response: ServerResponse, first: number, last: number) => void,
): Promise<string> => {
  server = createServer((request, response) => {
    const [, first, last] = ENDS.exec(request.headers.range ?? '') ?? [];
    answer(response, Number(first), Number(last));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
};

const part = (response: ServerResponse, first: number, last: number, body?: Buffer): void => {
  const bytes = content.subarray(first, last + 1);
  const range = `bytes ${first}-${first + bytes.length - 1}/${content.length}`;
  response.writeHead(206, { 'content-range': range, 'content-length': bytes.length }).end(body ?? bytes);
};

const download = async (file: FirmwareFile): Promise<number> => {
  let bytes = 0;
  const onBytes = (count: number): void => {
    bytes += count;
  };
  await downloadFirmware(file, { signal: new AbortController().signal, partBytes: 3000, onBytes });
  return bytes;
};

describe('a firmware download', () => {
  it('takes part by part, and knows the end without being told the size', async () => {
    const asked: number[] = [];
    const url = await serve((response, first, last) => {
      asked.push(first);
      part(response, first, last);
    });
    expect(await download({ url, sha256 })).toBe(content.length);
    expect(asked).toEqual([0, 3000, 6000, 9000]);
  });

  it('takes everything from a server that knows no ranges', async () => {
    const url = await serve((response) => response.writeHead(200).end(content));
    expect(await download({ url, sha256, size: content.length })).toBe(content.length);
  });

  it('goes on where it broke off', async () => {
    const asked: number[] = [];
    const url = await serve((response, first, last) => {
      asked.push(first);
      if (asked.length > 1) {
        part(response, first, last);
        return;
      }
      response.writeHead(206, { 'content-range': `bytes 0-2999/${content.length}`, 'content-length': 3000 });
      response.write(content.subarray(0, 1000), () => response.destroy());
    });
    expect(await download({ url, sha256 })).toBe(content.length);
    expect(asked[1]).toBe(1000);
  });

  it.each([
    ['another content', { sha256: sha256.replace(/^./, 'x') }, /sha256/],
    ['another size', { size: 9_999 }, /10000 bytes, not 9999/],
  ])('is refused for %s', async (_what, change, reason) => {
    const url = await serve((response) => response.writeHead(200).end(content));
    await expect(download({ url, sha256, ...change })).rejects.toThrow(reason);
  });

  it('ends after three attempts without progress, and at once when it is refused', async () => {
    let asked = 0;
    const broken = await serve((response) => {
      asked += 1;
      response.destroy();
    });
    await expect(download({ url: broken, sha256 })).rejects.toThrow(/breaks off at byte 0/);
    expect(asked).toBe(3);
    server?.close();
    const refusing = await serve((response) => response.writeHead(403).end());
    await expect(download({ url: refusing, sha256 })).rejects.toThrow(/answers 403/);
  });
});
