import type { IncomingMessage } from 'node:http';
import { AppError } from '@muster/contracts';
import { HttpFault } from './http-fault.js';

/** The whole body. Throws `payload-too-large`, 408 when it is not here in time, 400 when it breaks off, 415 when it is compressed. */
export const readBody = async (
  request: IncomingMessage,
  { maxBytes, timeoutMs }: { readonly maxBytes: number; readonly timeoutMs: number },
): Promise<Buffer> => {
  if (!/^(identity)?$/i.test(request.headers['content-encoding'] ?? '')) {
    throw new AppError('unsupported-media-type', 'the body must not be compressed');
  }
  if (!/^(chunked)?$/i.test(request.headers['transfer-encoding'] ?? '')) {
    throw new AppError('unsupported-media-type', 'the transfer-encoding must be chunked, or none');
  }
  const tooLarge = (): AppError =>
    new AppError('payload-too-large', `payload must have at most ${maxBytes} bytes`);
  // Told before it is on its way.
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      request.off('data', take).off('end', done).off('error', brokeOff).off('close', brokeOff);
      end();
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBytes) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const done = (): void => settle(() => resolve(Buffer.concat(chunks)));
    const brokeOff = (): void =>
      settle(() => reject(new AppError('invalid-request', 'the body broke off before its end')));
    const timer = setTimeout(
      () => settle(() => reject(new HttpFault(408, `the body did not arrive within ${timeoutMs} ms`))),
      timeoutMs,
    );
    request.on('data', take).on('end', done).on('error', brokeOff).on('close', brokeOff);
  });
};
