import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { AppError } from '@muster/contracts';
import {
  addImportRows,
  beginImport,
  dropImport,
  MAX_IMPORT_PORTION,
  startImport,
  type ImportLine,
  type ImportStarted,
} from '@muster/contracts/device-registry/imports.requests';
import { refuseOtherCharsets } from '../http/body.js';
import type { Caller } from '../http/caller.js';
import type { Asking } from '../providers.js';
import { csvRows } from './csv-rows.js';
import { ndjsonRows } from './ndjson-rows.js';

/** Of the rows handed over at once, as JSON: a message of the bus has at most 1 MB. */
const PORTION_BYTES = 400_000;

const READERS: Readonly<Record<string, (source: AsyncIterable<Buffer>) => AsyncGenerator<ImportLine>>> = {
  'text/csv': csvRows,
  'application/x-ndjson': ndjsonRows,
  'application/ndjson': ndjsonRows,
};

/** The media types it can be sent as. */
export const IMPORT_TYPES = Object.keys(READERS);

/**
 * Reads a file of devices while it comes, hands its rows over, and starts the job when all of it has been read: what cannot be
 * read is told at once, and nothing of it is imported. Memory is that of a portion, however long the file.
 */
export const receiveImport = async (
  bus: Asking,
  request: Request,
  { dryRun, maxBytes, ...creating }: Caller & { idempotencyKey?: string; dryRun: boolean; maxBytes: number },
): Promise<ImportStarted> => {
  const read = READERS[mediaTypeOf(request)];
  if (read === undefined) {
    throw new AppError(
      'unsupported-media-type',
      `The body must be a file: content-type ${IMPORT_TYPES.join(' or ')}.`,
    );
  }
  refuseOtherCharsets(request);
  if (!/^(identity)?$/i.test(request.get('content-encoding') ?? '')) {
    throw new AppError('unsupported-media-type', 'The file must be sent as it is, without content-encoding.');
  }
  if (Number(request.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const { tenantId } = creating;
  const { importId } = await bus.request(beginImport, { tenantId });
  const key = { tenantId, importId };
  try {
    const sha256 = createHash('sha256');
    for await (const rows of portionsOf(read(metered(request, maxBytes, (bytes) => sha256.update(bytes))))) {
      await bus.request(addImportRows, { ...key, rows });
    }
    const started = await bus.request(startImport, {
      ...creating,
      importId,
      sha256: sha256.digest('hex'),
      dryRun,
    });
    // A repetition: the first time's is the one.
    if (started.jobId !== importId) await bus.request(dropImport, key);
    return started;
  } catch (error) {
    // It goes by itself after a day, should this fail.
    await bus.request(dropImport, key).catch(() => undefined);
    throw error;
  }
};

const mediaTypeOf = (request: Request): string =>
  (request.get('content-type') ?? '').split(';', 1).join('').trim().toLowerCase();

async function* metered(
  request: Request,
  maxBytes: number,
  see: (bytes: Buffer) => void,
): AsyncGenerator<Buffer> {
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      see(chunk);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('invalid-request', 'The file broke off before its end.', { cause: error });
  }
}

async function* portionsOf(rows: AsyncIterable<ImportLine>): AsyncGenerator<ImportLine[]> {
  let portion: ImportLine[] = [];
  let bytes = 0;
  for await (const row of rows) {
    const size = Buffer.byteLength(JSON.stringify(row));
    if (portion.length > 0 && (portion.length >= MAX_IMPORT_PORTION || bytes + size > PORTION_BYTES)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(row);
    bytes += size;
  }
  if (portion.length > 0) yield portion;
}

const tooLarge = (maxBytes: number): AppError =>
  new AppError('payload-too-large', `The file may have at most ${maxBytes} bytes.`);
