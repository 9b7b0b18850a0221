import type { ShownPayload } from '@muster/contracts/parked/requests';

/** More is not shown: an answer must fit the bus. Devices send at most so much. */
const SHOWN_BYTES = 256 * 1024;

/** Null: it is in the stream only. */
export const shownPayload = (payload: Buffer | null): ShownPayload => {
  if (payload === null) return { encoding: 'absent', content: '', truncated: false };
  const truncated = payload.length > SHOWN_BYTES;
  const shown = truncated ? payload.subarray(0, SHOWN_BYTES) : payload;
  // The end of a truncated text may be half a character.
  const text = textOf(shown, { stream: truncated });
  if (text === undefined) return { encoding: 'base64', content: shown.toString('base64'), truncated };
  return { encoding: !truncated && isJson(text) ? 'json' : 'text', content: text, truncated };
};

const textOf = (bytes: Uint8Array, options: { readonly stream: boolean }): string | undefined => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, options);
  } catch {
    return undefined;
  }
};

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};
