import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readStream, StreamRefused } from './stream.js';

const browserFetch = globalThis.fetch;
let server: Server | undefined;

/** A platform that answers so; addresses without a host are of it, as in a browser. */
const platform = async (answer: (response: ServerResponse) => void): Promise<void> => {
  const made = createServer((_request, response) => answer(response));
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  const { port } = made.address() as AddressInfo;
  globalThis.fetch = (path, init) => browserFetch(new URL(path as string, `http://127.0.0.1:${port}`), init);
};

const followed = async (silentMs?: number): Promise<readonly string[]> => {
  const seen: string[] = [];
  const handlers = {
    onOpen: () => seen.push('open'),
    onEvent: ({ type }: { readonly type: string }) => seen.push(type),
    onReset: () => seen.push('reset'),
    onId: (id: string) => seen.push(`id ${id}`),
  };
  try {
    await readStream(['fleet'], undefined, handlers, new AbortController().signal, silentMs);
    seen.push('end');
  } catch (error) {
    seen.push(error instanceof StreamRefused ? `refused ${error.problem.status}` : 'broken');
  }
  return seen;
};

describe('the stream', () => {
  afterEach(async () => {
    globalThis.fetch = browserFetch;
    server?.closeAllConnections();
    await new Promise((resolve) => server?.close(resolve));
  });

  it('tells an event before the id behind which one goes on, so that who takes over has not missed it', async () => {
    await platform((response) =>
      response.end('id: 2\nevent: device.changed\ndata: {"type":"device.changed"}\n\n'),
    );
    expect(await followed()).toEqual(['open', 'device.changed', 'id 2', 'end']);
  });

  it('on which nothing comes any more is taken for broken, though nobody has ended it', async () => {
    await platform((response) => response.write(': here\n\n'));
    expect(await followed(500)).toEqual(['open', 'broken']);
  });

  it('that is not answered at all is taken for broken too', async () => {
    await platform(() => undefined);
    expect(await followed(50)).toEqual(['broken']);
  });

  it('that is refused because something was deleted says which topic that is', () => {
    const refused = (status: number, path: string) =>
      new StreamRefused({
        ...{ title: '', detail: '', code: 'device-not-found', status },
        errors: [{ path, message: 'names a device that is not there' }],
      }).missingOf(['device.a', 'jobs']);
    expect(refused(404, 'topics[0]')).toBe('device.a');
    expect(refused(404, 'topics[7]')).toBeUndefined();
    expect(refused(404, 'topics')).toBeUndefined();
    expect(refused(400, 'topics[0]')).toBeUndefined();
  });

  it('that is refused says with which status', async () => {
    await platform((response) => response.writeHead(503).end());
    expect(await followed()).toEqual(['refused 503']);
  });
});
