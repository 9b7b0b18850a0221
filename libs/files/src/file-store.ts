import type { Readable } from 'node:stream';

export interface StoredFile {
  /** Made by the store, unique for ever, never used again. `[0-9a-f-]{36}` */
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits, of what was received. */
  readonly sha256: string;
}

/** Bytes `start` to `end`, both included, as in HTTP. The caller has checked them against the size. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface OpenFile {
  /** Destroy it when it is not read to its end. Bytes that fail to come surface as its error. */
  readonly stream: Readable;
  /** Bytes of the whole file, not of the range. */
  readonly size: number;
}

/**
 * Where files lie. A file is written once and never changes; it is there whole or not at all. Bytes are streamed at the
 * pace of the slower side, no file is ever in memory. Every replica of every application sees the same files.
 *
 * Throws `unavailable` when the store cannot be reached or used.
 */
export interface FileStore {
  /**
   * Reads `source` to its end. Throws `payload-too-large` after `maxBytes`, `storage-full`, and `invalid-request` when the
   * source breaks off; then nothing is left behind. `source` is not destroyed: an HTTP edge can still answer on its socket.
   */
  put(source: Readable, options: { readonly maxBytes: number }): Promise<StoredFile>;
  /** Throws `file-not-found`. */
  open(key: string, range?: ByteRange): Promise<OpenFile>;
  /** Bytes. Throws `file-not-found`. */
  size(key: string): Promise<number>;
  /** Does nothing for a file that is gone already. Who is reading it may go on or break off. */
  remove(key: string): Promise<void>;
  /** Rejects when files cannot be stored. */
  ping(): Promise<void>;
  close(): void;
}
