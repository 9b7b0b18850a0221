import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { AppError, newId } from '@muster/contracts';
import { checkedKey, fileNotFound, storageFull, storeUnavailable } from './file-key.js';
import type { ByteRange, FileStore, OpenFile, StoredFile } from './file-store.js';
import { metered } from './metered.js';

export interface S3Location {
  readonly bucket: string;
  /** In front of every key; "" or ends in a slash. */
  readonly prefix: string;
  readonly region: string;
  /** Absent: Amazon's own. */
  readonly endpoint?: string | undefined;
  /** Absent: from where the SDK looks for them, such as the role of the machine. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** One upload holds at most PARTS_AT_ONCE + 1 parts in memory; 10,000 parts are allowed, which makes 80 GB. */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 2;

/**
 * A download holds its connection for as long as its receiver takes. With the SDK's own 50, the 51st device of a rollout was
 * told that the store is away, and so was whoever asked for our health.
 */
const CONNECTIONS = 10_000;

/** Files as objects of a bucket. An object appears when its upload is complete; what a killed process leaves of one is for a lifecycle rule. */
export const openS3FileStore = (location: S3Location): FileStore => new S3FileStore(location);

class S3FileStore implements FileStore {
  private readonly client: S3Client;

  constructor(private readonly location: S3Location) {
    const { region, endpoint, credentials } = location;
    this.client = new S3Client({
      region,
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      ...(credentials === undefined ? {} : { credentials }),
      // By default the SDK adds checksums that only Amazon and the newest of the others understand.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: 3_000,
        socketTimeout: 30_000,
        httpAgent: { keepAlive: true, maxSockets: CONNECTIONS },
        httpsAgent: { keepAlive: true, maxSockets: CONNECTIONS },
      },
    });
  }

  async put(source: Readable, { maxBytes }: { readonly maxBytes: number }): Promise<StoredFile> {
    const key = newId();
    const { bytes, size, sha256 } = metered(source, maxBytes);
    const upload = new Upload({
      client: this.client,
      params: { ...this.object(key), Body: Readable.from(bytes, { objectMode: false }) },
      partSize: PART_BYTES,
      queueSize: PARTS_AT_ONCE,
      // It would replace the error by the one it meets while cleaning up. See `abort`.
      leavePartsOnError: true,
    });
    try {
      await upload.done();
      return { key, size: size(), sha256: sha256() };
    } catch (error) {
      await this.abort(upload, key);
      throw asStoreFault(error);
    }
  }

  async open(key: string, range?: ByteRange): Promise<OpenFile> {
    try {
      const { Body, ContentLength, ContentRange } = await this.client.send(
        new GetObjectCommand({
          ...this.object(checkedKey(key)),
          ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` }),
        }),
      );
      if (!(Body instanceof Readable)) throw new Error('no body to read');
      const size = ContentRange === undefined ? ContentLength : Number(ContentRange.split('/')[1]);
      return { stream: Body, size: size ?? 0 };
    } catch (error) {
      throw asStoreFault(error);
    }
  }

  async size(key: string): Promise<number> {
    try {
      const head = await this.client.send(new HeadObjectCommand(this.object(checkedKey(key))));
      return head.ContentLength ?? 0;
    } catch (error) {
      throw asStoreFault(error);
    }
  }

  async remove(key: string): Promise<void> {
    try {
      await this.client.send(new DeleteObjectCommand(this.object(checkedKey(key))));
    } catch (error) {
      throw asStoreFault(error);
    }
  }

  async ping(): Promise<void> {
    try {
      await this.client.send(new HeadBucketCommand({ Bucket: this.location.bucket }));
    } catch (error) {
      throw storeUnavailable(error);
    }
  }

  close(): void {
    this.client.destroy();
  }

  /** The parts that went out are invisible and cost money until they are given up. */
  private async abort(upload: Upload, key: string): Promise<void> {
    await upload.abort();
    if (upload.uploadId === undefined) return;
    await this.client
      .send(new AbortMultipartUploadCommand({ ...this.object(key), UploadId: upload.uploadId }))
      .catch(() => undefined);
  }

  private object(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.location.bucket, Key: this.location.prefix + key };
  }
}

const asStoreFault = (error: unknown): unknown => {
  if (error instanceof AppError) return error;
  if (!(error instanceof S3ServiceException)) return storeUnavailable(error);
  if (error.name === 'NoSuchKey' || error.name === 'NotFound') return fileNotFound(error);
  // MinIO and Ceph say so; Amazon has no end.
  if (error.name === 'XMinioStorageFull' || error.$response?.statusCode === 507) return storageFull(error);
  return storeUnavailable(error);
};
