/** Controls, line and paragraph separators, and what turns the direction of the text around it. */
const NOT_IN_NAMES = /[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;
/** The same, where lines may be broken. */
const NOT_IN_TEXTS = /(?![\t\n\r])[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;
/** What is not white space, not of zero width and not a blank that calls itself a letter or a sign. */
const SEEN = /[^\p{Z}\p{Cf}\p{Mn}\p{Default_Ignorable_Code_Point}\u2800]/u;

/** What is wrong with a name of up to `max` characters, as it follows the name of its field; undefined: nothing. */
export const wrongName = (value: unknown, max: number): string | undefined => {
  if (typeof value !== 'string') return 'must be a string';
  if (value.length === 0 || value.length > max) return `must have 1 to ${max} characters`;
  const hidden = NOT_IN_NAMES.exec(value)?.[0];
  if (hidden !== undefined) return `must not contain ${nameOf(hidden)}, a control or bidirectional character`;
  if (!SEEN.test(value)) return 'must have a character that can be seen';
  return /^\p{Z}|\p{Z}$/u.test(value) ? 'must not begin or end with a space' : undefined;
};

/** The same of a description: lines may be broken in it, and it may be empty. */
export const wrongText = (value: unknown, max: number): string | undefined => {
  if (typeof value !== 'string') return 'must be a string';
  if (value.length > max) return `must have at most ${max} characters`;
  const hidden = NOT_IN_TEXTS.exec(value)?.[0];
  return hidden === undefined
    ? undefined
    : `must not contain ${nameOf(hidden)}, a control or bidirectional character`;
};

const nameOf = (character: string): string =>
  `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
