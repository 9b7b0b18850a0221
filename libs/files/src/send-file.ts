import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { AppError } from '@muster/contracts';
import { safeFileName } from './file-name.js';
import type { ByteRange, FileStore } from './file-store.js';

export interface SentFile {
  readonly key: string;
  readonly size: number;
  readonly sha256: string;
  /** What the receiver may call it. */
  readonly name: string;
}

/**
 * Answers GET and HEAD with a file: 200, 206 for one range, 304 to who has it already. The SHA-256 is the ETag, so that a
 * download which broke off can go on without mixing two files. Throws `range-not-satisfiable` and the store's faults before
 * anything was sent; afterwards they can only cut the connection, which the receiver sees by the length. A receiver that goes away is no fault.
 */
export const sendFile = async (
  request: IncomingMessage,
  response: ServerResponse,
  store: FileStore,
  file: SentFile,
): Promise<void> => {
  const etag = `"${file.sha256}"`;
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { ETag: etag }).end();
    return;
  }
  const range = rangeFor(request, etag, file.size);
  if (range === UNSATISFIABLE) {
    response.setHeader('Content-Range', `bytes */${file.size}`);
    throw new AppError('range-not-satisfiable', `The file has ${file.size} bytes.`);
  }
  const { start, end } = range ?? { start: 0, end: file.size - 1 };
  const body = request.method === 'HEAD' || file.size === 0 ? undefined : await store.open(file.key, range);
  response.writeHead(range === undefined ? 200 : 206, {
    ETag: etag,
    'Accept-Ranges': 'bytes',
    'Content-Type': 'application/octet-stream',
    'Content-Length': end - start + 1,
    'Content-Disposition': dispositionOf(file.name),
    // Whatever a device has uploaded must not run as a page of ours.
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'private, no-transform',
    ...(range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end}/${file.size}` }),
  });
  if (body === undefined) {
    response.end();
    return;
  }
  try {
    await pipeline(body.stream, response);
  } catch (error) {
    // The receiver went away, perhaps with all it wanted: nobody's fault.
    if (!isPrematureClose(error)) throw error;
  }
};

const isPrematureClose = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && Reflect.get(error, 'code') === 'ERR_STREAM_PREMATURE_CLOSE';

const UNSATISFIABLE = 'unsatisfiable';

/** The range to send; undefined: everything, as RFC 9110 has it for ranges that are malformed, several, or of another file. */
const rangeFor = (
  request: IncomingMessage,
  etag: string,
  size: number,
): ByteRange | typeof UNSATISFIABLE | undefined => {
  // RFC 9110, 14.2: a range is for GET; HEAD tells what there is as a whole.
  if (request.method === 'HEAD') return undefined;
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(request.headers.range ?? '');
  const condition = request.headers['if-range'];
  if (match === null || (condition !== undefined && condition !== etag)) return undefined;
  const [, from = '', to = ''] = match;
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && from !== '' && Number(to) < start) return undefined;
  return start < size ? { start, end } : UNSATISFIABLE;
};

/** RFC 6266: the plain name for old clients, the real one in UTF-8. */
const dispositionOf = (stored: string): string => {
  const name = safeFileName(stored);
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name.replace(/\p{Surrogate}/gu, '\ufffd')).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
};
