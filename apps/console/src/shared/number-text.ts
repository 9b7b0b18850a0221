/** What a number that is being typed means so far; undefined: none yet. `52.` is 52, and `-` is nothing. */
export const numberIn = (text: number | string): number | undefined => {
  const number = typeof text === 'string' && text.trim() === '' ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
};
