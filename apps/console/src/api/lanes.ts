/**
 * Lets `width` at a time through, in their order: what a page asks many times over, and can be drawn without. With HTTP/1.1 a
 * browser has six connections to a host, one of them the stream's: where a service was away, twenty answers that each took
 * five seconds held up all that the page was about.
 */
export const lanes = (width: number): (<T>(ask: () => Promise<T>) => Promise<T>) => {
  let busy = 0;
  const waiting: (() => void)[] = [];
  return async (ask) => {
    if (busy < width) busy += 1;
    else await new Promise<void>((go) => waiting.push(go));
    try {
      return await ask();
    } finally {
      const next = waiting.shift();
      if (next === undefined) busy -= 1;
      else next();
    }
  };
};
