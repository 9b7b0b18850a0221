import type { Logger } from '@muster/observability';

/**
 * A round of work that asks other services. It ends when the service stops, without waiting for an answer that may take its
 * time; and while the others are away, only the first of a row of failures is logged: they may be away for long.
 */
export const whileRunning = (what: string, logger: Logger, work: () => Promise<boolean>) => {
  let failing = false;
  return async (signal: AbortSignal): Promise<boolean> => {
    const stopped = new Promise<boolean>((resolve) => {
      signal.addEventListener('abort', () => resolve(false), { once: true });
    });
    const round = work().then(
      (more) => {
        failing = false;
        return more;
      },
      (error: unknown) => {
        if (!failing && !signal.aborted) logger.warn({ err: error }, `${what}: will be tried again`);
        failing = true;
        return false;
      },
    );
    return Promise.race([round, stopped]);
  };
};
