import type { Logger } from '@muster/observability';
import type { Partitions } from './partitions.js';

const EVERY_MS = 3_600_000;
const AFTER_FAILURE_MS = 60_000;

/** Keeps partitions ahead and drops old ones, now and every hour, in every replica. */
export const startRetention = (partitions: Partitions, logger: Logger): { stop(): Promise<void> } => {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const run = async (): Promise<void> => {
    let waitMs = EVERY_MS;
    try {
      await partitions.maintain();
    } catch (error) {
      logger.warn({ err: error }, 'partitions could not be maintained');
      waitMs = AFTER_FAILURE_MS;
    }
    if (!stopped) timer = setTimeout(begin, waitMs);
  };
  const begin = (): void => {
    running = run();
  };
  begin();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
      clearTimeout(timer);
    },
  };
};
