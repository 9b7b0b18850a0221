import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import S3rver from 's3rver';
import { newId } from '@muster/contracts';
import type { FileStore } from './file-store.js';
import { openFileStore, type FilesConfig } from './files-config.js';

interface S3Server {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Uploads of several parts that were neither completed nor aborted. */
  unfinishedUploads(): Promise<number>;
  stop(): Promise<void>;
}

const BUCKET = 'files';

/** A server that speaks S3, with a bucket, on a free port. `full`: it has no room, and says so as MinIO does. */
const startS3 = async ({ full }: { readonly full: boolean } = { full: false }): Promise<S3Server> => {
  const directory = await mkdtemp(join(tmpdir(), 'muster-s3-'));
  const uploads = join(directory, BUCKET, '._S3rver_uploads');
  const s3 = new S3rver({ directory, silent: true, configureBuckets: [{ name: BUCKET, configs: [] }] });
  await s3.configureBuckets();
  const answer = s3.callback();
  const server = createServer((request, response) => {
    const uploadId = new URL(request.url ?? '/', 'http://s3').searchParams.get('uploadId');
    // The one call of ours that s3rver lacks: AbortMultipartUpload.
    if (request.method === 'DELETE' && uploadId !== null) {
      void rm(join(uploads, uploadId), { recursive: true }).then(
        () => response.writeHead(204).end(),
        () => response.writeHead(404).end(),
      );
      return;
    }
    if (full && request.method === 'PUT') {
      request.resume();
      response.writeHead(507).end('<Error><Code>XMinioStorageFull</Code></Error>');
      return;
    }
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    bucket: BUCKET,
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    unfinishedUploads: async () => (await readdir(uploads).catch(() => [])).length,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(directory, { recursive: true });
    },
  };
};

/** What both implementations promise. Each runs against the real thing. */
interface Place {
  open(): Promise<FileStore>;
  /** Everything that takes room: files and what is left of uploads. */
  leftovers(): Promise<number>;
  close(): Promise<void>;
}

const MB = 1024 * 1024;
const none = {
  filesS3Endpoint: undefined,
  filesS3Region: 'us-east-1',
  filesS3AccessKeyId: undefined,
  filesS3SecretAccessKey: undefined,
};

const directoryPlace = async (): Promise<Place & { directory: string }> => {
  const directory = await mkdtemp(join(tmpdir(), 'muster-files-'));
  return {
    directory,
    open: () => openFileStore({ ...none, files: join(directory, 'files') }),
    leftovers: async () => (await readdir(join(directory, 'files', 'incoming'))).length,
    close: () => rm(directory, { recursive: true }),
  };
};

const s3Config = (server: S3Server): FilesConfig => ({
  files: `s3://${server.bucket}/some/where`,
  filesS3Endpoint: server.endpoint,
  filesS3Region: 'us-east-1',
  filesS3AccessKeyId: server.accessKeyId,
  filesS3SecretAccessKey: server.secretAccessKey,
});

const s3Place = async (): Promise<Place> => {
  const server = await startS3();
  return {
    open: () => openFileStore(s3Config(server)),
    leftovers: () => server.unfinishedUploads(),
    close: () => server.stop(),
  };
};

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** In pieces, as they come from a socket. */
const streamOf = (bytes: Buffer, piece = 60_000): Readable =>
  Readable.from(
    (function* () {
      for (let start = 0; start < bytes.length; start += piece) yield bytes.subarray(start, start + piece);
    })(),
    { objectMode: false },
  );

const read = async (stream: Readable): Promise<Buffer> => Buffer.concat(await stream.toArray());

describe.each([
  ['directory', directoryPlace],
  ['S3', s3Place],
])('a %s', (_name, makePlace) => {
  let place: Place;
  let store: FileStore;

  beforeAll(async () => {
    place = await makePlace();
    store = await place.open();
  });

  afterAll(async () => {
    store.close();
    await place.close();
  });

  it.each([0, 1, 70_000, 20 * MB + 7])('gives back the %d bytes it was given', async (size) => {
    const bytes = randomBytes(size);
    const stored = await store.put(streamOf(bytes), { maxBytes: size });
    expect(stored).toEqual({ key: expect.stringMatching(/^[0-9a-f-]{36}$/), size, sha256: sha256(bytes) });
    expect(await store.size(stored.key)).toBe(size);
    const opened = await store.open(stored.key);
    expect(opened.size).toBe(size);
    expect((await read(opened.stream)).equals(bytes)).toBe(true);
  });

  it('reads a range, both ends included', async () => {
    const bytes = randomBytes(100_000);
    const { key } = await store.put(streamOf(bytes), { maxBytes: MB });
    const opened = await store.open(key, { start: 65_000, end: 65_009 });
    expect(opened.size).toBe(100_000);
    expect((await read(opened.stream)).equals(bytes.subarray(65_000, 65_010))).toBe(true);
  });

  it('never gives the same key twice', async () => {
    const bytes = Buffer.from('same');
    const stored = await Promise.all([1, 2, 3].map(() => store.put(streamOf(bytes), { maxBytes: 10 })));
    expect(new Set(stored.map(({ key }) => key)).size).toBe(3);
  });

  it('refuses what is larger than the limit, leaves nothing of it, and leaves the source alive', async () => {
    const source = streamOf(randomBytes(18 * MB));
    await expect(store.put(source, { maxBytes: 17 * MB })).rejects.toMatchObject({
      code: 'payload-too-large',
    });
    expect(source.destroyed).toBe(false);
    expect(await place.leftovers()).toBe(0);
    // The rest can be thrown away: a sender that only writes would never see the refusal.
    source.resume();
    await once(source, 'end', { signal: AbortSignal.timeout(2_000) });
  });

  it('leaves nothing of an upload that breaks off', async () => {
    const source = Readable.from(
      (async function* () {
        for (let sent = 0; sent < 20; sent += 1) yield await Promise.resolve(randomBytes(MB));
        throw new Error('socket hang up');
      })(),
      { objectMode: false },
    );
    await expect(store.put(source, { maxBytes: 100 * MB })).rejects.toMatchObject({
      code: 'invalid-request',
      cause: expect.objectContaining({ message: 'socket hang up' }),
    });
    expect(await place.leftovers()).toBe(0);
  });

  it('reads the source no faster than it can store', async () => {
    let left = 120;
    const source = new Readable({
      read() {
        left -= 1;
        this.push(left < 0 ? null : Buffer.alloc(MB));
      },
    });
    const before = process.memoryUsage().rss;
    const stored = await store.put(source, { maxBytes: 200 * MB });
    expect(stored.size).toBe(120 * MB);
    // Parts of 8 MB for S3; and its server runs in this process.
    expect(process.memoryUsage().rss - before).toBeLessThan(90 * MB);
  });

  it('removes, twice', async () => {
    const { key } = await store.put(streamOf(Buffer.from('x')), { maxBytes: 1 });
    await store.remove(key);
    await store.remove(key);
    await expect(store.open(key)).rejects.toMatchObject({ code: 'file-not-found' });
    await expect(store.size(key)).rejects.toMatchObject({ code: 'file-not-found' });
  });

  it('knows no other names than its keys', async () => {
    for (const key of ['../../etc/passwd', '', newId(), 'incoming']) {
      await expect(store.open(key)).rejects.toMatchObject({ code: 'file-not-found' });
    }
  });

  it('is seen whole by another replica', async () => {
    const other = await place.open();
    const bytes = randomBytes(MB);
    const { key } = await store.put(streamOf(bytes), { maxBytes: MB });
    expect((await read((await other.open(key)).stream)).equals(bytes)).toBe(true);
    other.close();
  });

  it('is well', async () => {
    await expect(store.ping()).resolves.toBeUndefined();
  });
});

describe('a directory, besides', () => {
  it('cleans up what a killed process left a day ago, and nothing younger', async () => {
    const place = await directoryPlace();
    await place.open();
    const incoming = join(place.directory, 'files', 'incoming');
    await writeFile(join(incoming, 'old'), 'x');
    await writeFile(join(incoming, 'young'), 'x');
    const dayAgo = Date.now() / 1_000 - 25 * 3_600;
    await utimes(join(incoming, 'old'), dayAgo, dayAgo);
    await place.open();
    expect(await readdir(incoming)).toEqual(['young']);
    await place.close();
  });

  it('says when it vanishes, and does not come back elsewhere', async () => {
    const place = await directoryPlace();
    const store = await place.open();
    await rm(join(place.directory, 'files'), { recursive: true });
    await expect(store.ping()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.put(streamOf(Buffer.from('x')), { maxBytes: 1 })).rejects.toMatchObject({
      code: 'unavailable',
    });
    await expect(stat(join(place.directory, 'files'))).rejects.toThrow();
    await place.close();
  });
});

describe('S3, besides', () => {
  it('is unwell without its bucket, and when nobody listens', async () => {
    const server = await startS3();
    const wrong = await openFileStore({ ...s3Config(server), files: 's3://other' });
    await expect(wrong.ping()).rejects.toMatchObject({ code: 'unavailable' });
    const right = await openFileStore(s3Config(server));
    await right.ping();
    await server.stop();
    await expect(right.put(streamOf(Buffer.from('x')), { maxBytes: 1 })).rejects.toMatchObject({
      code: 'unavailable',
    });
    wrong.close();
    right.close();
  });

  it('serves others while a hundred receivers are slow', async () => {
    const server = await startS3();
    const store = await openFileStore(s3Config(server));
    const { key } = await store.put(streamOf(randomBytes(4 * MB)), { maxBytes: 4 * MB });
    const slow: Readable[] = [];
    const opened = Promise.all(
      Array.from({ length: 100 }, async () => slow.push((await store.open(key)).stream)),
    );
    await expect(Promise.race([opened, pause(20_000, 'stuck', { ref: false })])).resolves.not.toBe('stuck');
    await store.ping();
    for (const stream of slow) stream.destroy();
    store.close();
    await server.stop();
  });

  it('names a full server', async () => {
    const server = await startS3({ full: true });
    const store = await openFileStore(s3Config(server));
    await expect(store.put(streamOf(Buffer.from('x')), { maxBytes: 1 })).rejects.toMatchObject({
      code: 'storage-full',
    });
    store.close();
    await server.stop();
  });
});
