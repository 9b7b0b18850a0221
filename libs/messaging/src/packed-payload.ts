import { gunzipSync, gzipSync } from 'node:zlib';
import type { PackedPayload } from '@muster/contracts/parked/requests';

/** From here on it is compressed: base64 makes a third more of it, and JSON shrinks to a fraction. */
const GZIP_FROM_BYTES = 64 * 1024;

export const pack = (payload: Uint8Array): PackedPayload =>
  payload.length < GZIP_FROM_BYTES
    ? { packing: 'plain', base64: Buffer.from(payload).toString('base64') }
    : { packing: 'gzip', base64: gzipSync(payload).toString('base64') };

export const unpack = ({ packing, base64 }: PackedPayload): Buffer => {
  const bytes = Buffer.from(base64, 'base64');
  return packing === 'gzip' ? gunzipSync(bytes) : bytes;
};
