import { useState } from 'react';
import { newIdempotencyKey } from './client.js';
import { problemOf } from './problem.js';

/** Makes a call under an idempotency key. */
export type Once = <A>(call: (key: string) => Promise<A>) => Promise<A>;

/**
 * The key stays the same for as long as it is not known whether a call was carried out: nobody answered, or something between
 * did. Trying again then does nothing twice. Once a call was carried out or refused, the next is another request.
 */
export const keptKey = (): Once => {
  let kept: string | undefined;
  return async (call) => {
    kept ??= newIdempotencyKey();
    try {
      const answer = await call(kept);
      kept = undefined;
      return answer;
    } catch (error) {
      const { status } = problemOf(error);
      if (status >= 400 && status < 500) kept = undefined;
      throw error;
    }
  };
};

/** A kept key for what a form or a button does; another one as soon as `about`, what it is done with, is another. */
export const useIdempotencyKey = (about?: unknown): Once => {
  const [{ once, of }, setKept] = useState(() => ({ once: keptKey(), of: about }));
  if (of !== about) setKept({ once: keptKey(), of: about });
  return once;
};
