import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';

export interface S3Server {
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
export const startS3 = async ({ full }: { readonly full: boolean } = { full: false }): Promise<S3Server> => {
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
