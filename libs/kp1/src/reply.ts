/** Body of every `…/error` (1/KP): exactly these two fields. */
export const encodeError = (statusCode: number, reasonPhrase: string): string =>
  JSON.stringify({ statusCode, reasonPhrase });

/** Success of a write is told with zero bytes, not `{}` and not `null`. */
export const EMPTY_REPLY = '';
