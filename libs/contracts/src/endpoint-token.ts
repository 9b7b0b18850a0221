/** A topic has at most 255 bytes in all, and the token is one of its levels. */
export const MAX_TOKEN_BYTES = 128;

/** Characters of a token that a caller gives, where its device type says nothing else: whoever guesses it is the device. */
export const MIN_TOKEN_LENGTH = 8;

/** `+ # /` are MQTT's own, `.` is what the broker makes of `/`; the rest cannot be typed, or turns the text around it. */
const NOT_IN_TOKENS =
  /[\s+#/.\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Zs}\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/u;

/** The same as a pattern; the length is of its bytes, which no pattern can count. */
export const TOKEN_PATTERN = `^(?!\\*$)[^${NOT_IN_TOKENS.source.slice(1, -1)}]+$`;

/** What is wrong with an endpoint token that a caller gives, as it follows the name of its field; undefined: nothing. */
export const wrongToken = (value: unknown): string | undefined => {
  if (typeof value !== 'string') return 'must be a string';
  if (value === '') return 'must not be empty';
  if (Buffer.byteLength(value) > MAX_TOKEN_BYTES) return `must have at most ${MAX_TOKEN_BYTES} bytes`;
  if (NOT_IN_TOKENS.test(value)) {
    return 'must not contain "+", "#", "/", ".", white space, control or bidirectional characters';
  }
  return value === '*' ? 'must not be "*", which the broker takes for any level of a topic' : undefined;
};

/** How many characters a token has as people count them, not in units of UTF-16. */
export const tokenLength = (token: string): number => [...token].length;

/** What may be shown to tell tokens apart: the first four characters, and never more than a third. */
export const tokenHint = (token: string): string => {
  const characters = [...token];
  return characters.slice(0, Math.min(4, Math.floor(characters.length / 3))).join('');
};
