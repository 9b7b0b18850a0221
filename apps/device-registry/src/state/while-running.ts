import type { Logger } from '@muster/observability';

/**
 * A round of work that asks other services. It ends when the service stops, without waiting for an answer that may take its
 * time; and while the others are away, only the first of a row of failures is logged: they may be away for long.
 */
export const whileRunning = (what: string, logger: Logger, work: () => Promise<boolean>) => {
  let failing = false;
  return (signal: AbortSignal): Promise<boolean> =>
    new Promise((resolve) => {
      const end = (more: boolean): void => {
        signal.removeEventListener('abort', stop);
        resolve(more);
      };
      const stop = (): void => end(false);
      signal.addEventListener('abort', stop);
      work().then(
        (more) => {
          failing = false;
          end(more);
        },
        (error: unknown) => {
          if (!failing && !signal.aborted) logger.warn({ err: error }, `${what}: will be tried again`);
          failing = true;
          end(false);
        },
      );
    });
};
