import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AppError } from '@muster/contracts';

export interface Metered {
  /** The bytes of the source. To be read once. */
  readonly bytes: AsyncGenerator<Buffer, void, undefined>;
  /** Of what has been read so far. */
  size(): number;
  /** Once, at the end. */
  sha256(): string;
}

/** Counts and hashes what passes through. Faults of the source leave as an AppError, so that they are not taken for the store's. */
export const metered = (source: Readable, maxBytes: number): Metered => {
  const hash = createHash('sha256');
  let size = 0;

  async function* bytes(): AsyncGenerator<Buffer, void, undefined> {
    // Destroying a request destroys its socket, on which the answer must still go out.
    const chunks = source.iterator({ destroyOnReturn: false });
    try {
      for (;;) {
        const chunk = await next(chunks);
        if (chunk === undefined) return;
        size += chunk.length;
        if (size > maxBytes)
          throw new AppError('payload-too-large', `The file is larger than ${maxBytes} bytes.`);
        hash.update(chunk);
        yield chunk;
      }
    } finally {
      // It listens for `readable` until then, and a stream with such a listener does not flow: nobody could read the rest.
      await chunks.return?.();
    }
  }
  return { bytes: bytes(), size: () => size, sha256: () => hash.digest('hex') };
};

const next = async (chunks: AsyncIterator<unknown>): Promise<Buffer | undefined> => {
  try {
    const result = await chunks.next();
    if (result.done === true) return undefined;
    const { value } = result;
    if (!Buffer.isBuffer(value)) throw new Error('the source must be a stream of bytes');
    return value;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('invalid-request', 'The upload broke off before its end.', { cause: error });
  }
};
