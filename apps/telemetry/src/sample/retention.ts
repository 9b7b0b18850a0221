import { startUpkeep, type Logger, type Upkeep } from '@muster/observability';
import type { Partitions } from './partitions.js';

/** Keeps partitions ahead and drops old ones, now and every hour, in every replica. */
export const startRetention = (partitions: Partitions, logger: Logger): Upkeep =>
  startUpkeep({
    what: 'the upkeep of partitions',
    everyMs: 3_600_000,
    round: async () => {
      await partitions.maintain(); // all that there is
      return false;
    },
    logger,
  });
