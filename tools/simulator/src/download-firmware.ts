import { createHash } from 'node:crypto';

export interface FirmwareFile {
  readonly url: string;
  /** Hexadecimal. */
  readonly sha256: string;
  /** Bytes, if the offer tells. */
  readonly size?: number;
}

export interface DownloadLimits {
  readonly signal: AbortSignal;
  /** Bytes asked for at a time: a device has little memory, and goes on where it was. */
  readonly partBytes?: number;
  /** Told what arrived, in bytes. */
  readonly onBytes?: (bytes: number) => void;
}

const PART_BYTES = 256 * 1024;
const ATTEMPTS = 3;

/** Why a firmware cannot be applied. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
}

/**
 * Fetches a file part by part and compares its digest; keeps nothing of it. A part that breaks off is asked for again
 * from where it broke, up to three times without a byte of progress. Throws `DownloadError`.
 */
export const downloadFirmware = async (file: FirmwareFile, limits: DownloadLimits): Promise<void> => {
  const { signal, partBytes = PART_BYTES, onBytes } = limits;
  let hash = createHash('sha256');
  let got = 0;
  let total = file.size;
  let failures = 0;
  while (total === undefined || got < total) {
    const before = got;
    try {
      const range = `bytes=${got}-${got + partBytes - 1}`;
      const response = await fetch(file.url, { headers: { range }, signal });
      const described = describePart(response, got);
      if (described.from === 0 && got > 0) {
        // The server sends everything from its start.
        hash = createHash('sha256');
        got = 0;
      }
      total = described.total ?? total;
      for await (const chunk of bytesOf(response)) {
        hash.update(chunk);
        got += chunk.length;
        onBytes?.(chunk.length);
      }
      if (described.whole) total = got;
      failures = got > before ? 0 : failures + 1;
    } catch (error) {
      if (error instanceof DownloadError || signal.aborted) throw error;
      failures = got > before ? 0 : failures + 1;
      if (failures >= ATTEMPTS) {
        const cause = error instanceof Error ? error.message : String(error);
        throw new DownloadError(`the download breaks off at byte ${got}: ${cause}`, { cause: error });
      }
    }
    if (failures >= ATTEMPTS) throw new DownloadError(`the download ends at byte ${got}`);
  }
  if (file.size !== undefined && got !== file.size) {
    throw new DownloadError(`the file has ${got} bytes, not ${file.size}`);
  }
  if (hash.digest('hex') !== file.sha256) throw new DownloadError('the sha256 of the file differs');
};

/** Where the bytes of this answer belong. */
const describePart = (
  response: Response,
  asked: number,
): { from: number; total: number | undefined; whole: boolean } => {
  if (response.status === 200) return { from: 0, total: undefined, whole: true };
  if (response.status !== 206) throw new DownloadError(`the download answers ${response.status}`);
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  if (range === null || Number(range[1]) !== asked) {
    throw new DownloadError('the download answers with another range than was asked for');
  }
  return { from: asked, total: Number(range[2]), whole: false };
};

const bytesOf = (response: Response): AsyncIterable<Uint8Array> | readonly Uint8Array[] =>
  response.body ?? [];
