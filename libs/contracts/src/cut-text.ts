/**
 * The beginning of a text, at most so many UTF-16 units, without half of a surrogate pair at its end: PostgreSQL refuses that in JSON, and
 * with it the whole statement, be it about 500 other devices.
 */
export const cutText = (text: string, most: number): string =>
  text.slice(0, most).replace(/\p{Surrogate}$/u, '');
