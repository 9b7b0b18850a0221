/** A token as firmware makes them; anything else is not worth a question. */
export const tokenIn = (shown: string | string[] | null | undefined): string | undefined =>
  typeof shown === 'string' && /^[\x21-\x7e]{1,128}$/.test(shown) ? shown : undefined;
