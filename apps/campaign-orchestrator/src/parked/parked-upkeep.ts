import { moveParkedStream, type Bus } from '@muster/messaging';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import type { ParkedMessages } from './parked-messages.js';

export interface ParkedUpkeepOptions {
  readonly messages: ParkedMessages;
  readonly bus: Bus;
  /** How long decided ones are kept. Open ones are kept until somebody decides. */
  readonly keepDays: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const MEASURE_EVERY_MS = 5_000;
/** Older replicas put what they park into the stream until the last of them has stopped. */
const MOVE_EVERY_MS = 60_000;
const FORGET_EVERY_MS = 600_000;

/** Counts what is open, brings in what lies in the stream of older versions, and removes what was decided long ago. */
export const startParkedUpkeep = (options: ParkedUpkeepOptions): Readonly<Record<string, Upkeep>> => {
  const { messages, bus, keepDays, logger, metrics } = options;
  const open = metrics.gauge(
    'muster_parked_open',
    'Parked messages that wait for a decision; each replica tells the same',
    ['stream', 'consumer'],
  );
  return {
    'parked-count': startUpkeep({
      what: 'counting parked messages',
      everyMs: MEASURE_EVERY_MS,
      round: async () => {
        const counts = await messages.openByOrigin();
        open.reset();
        for (const { stream, consumer, open: count } of counts) open.set({ stream, consumer }, count);
        return false;
      },
      logger,
    }),
    'parked-stream': startUpkeep({
      what: 'moving the stream PARKED into the table',
      everyMs: MOVE_EVERY_MS,
      round: async () => {
        const moved = await moveParkedStream(bus);
        if (moved > 0) logger.info({ moved }, 'what lay in the stream PARKED is in the table');
        return false;
      },
      logger,
    }),
    'parked-retention': startUpkeep({
      what: 'the retention of parked messages',
      everyMs: FORGET_EVERY_MS,
      round: () => messages.forgetDecided(keepDays),
      logger,
    }),
  };
};
