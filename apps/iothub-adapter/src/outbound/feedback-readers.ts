import { randomUUID } from 'node:crypto';
import { startUpkeep, type Logger, type Upkeep } from '@muster/observability';
import { readFeedback, type Feedback } from '../azure/hub-messages.js';
import type { OpenHub, OpenHubs } from '../hub/open-hubs.js';
import type { SentMessages } from './sent-messages.js';

export interface FeedbackReaderParts {
  readonly hubs: OpenHubs;
  readonly sent: SentMessages;
  /** What became of one message. Throws what shall be tried again. */
  readonly settle: (hub: OpenHub, feedback: Feedback) => Promise<void>;
  readonly everyMs: number;
  /** A replica that is silent for so long is followed by another. */
  readonly claimSeconds: number;
  readonly logger: Logger;
}

interface Reader {
  readonly version: number;
  readonly stopping: AbortController;
  readonly done: Promise<void>;
}

/**
 * Reads what became of messages to devices, of each hub by one replica, and only of hubs in which there are some: a hub gives each
 * piece of feedback to one reader, and who else sends messages there may want to read his.
 */
export const startFeedbackReaders = (parts: FeedbackReaderParts): Upkeep => {
  const { hubs, sent, settle, everyMs, claimSeconds, logger } = parts;
  const me = randomUUID();
  const readers = new Map<string, Reader>();
  const upkeep = startUpkeep({
    what: 'reading what became of messages to devices in IoT Hubs',
    everyMs,
    round: async () => {
      await sent.forgetOld();
      const open = await hubs.all(() => undefined);
      for (const [id, reader] of readers) {
        const still = open.find(({ hub }) => hub.id === id);
        const isHeld =
          still?.hub.version === reader.version &&
          (await sent.isAwaited(id)) &&
          (await sent.hold(id, me, claimSeconds));
        if (!isHeld) await end(id, reader);
      }
      for (const hub of open) {
        const { id } = hub.hub;
        if (!readers.has(id) && (await sent.isAwaited(id)) && (await sent.hold(id, me, claimSeconds)))
          begin(hub);
      }
      return false;
    },
    logger,
  });
  return {
    check: () => upkeep.check(),
    stop: async () => {
      await upkeep.stop();
      await Promise.all([...readers].map(([id, reader]) => end(id, reader)));
    },
  };

  function begin(hub: OpenHub): void {
    const { id, name, version } = hub.hub;
    const stopping = new AbortController();
    const take = async (feedback: readonly Feedback[]): Promise<void> => {
      for (const one of feedback) await settle(hub, one);
    };
    const done = readFeedback(hub.access, take, stopping.signal)
      .catch((error: unknown) => {
        if (!stopping.signal.aborted)
          logger.warn({ err: error, hub: name }, 'what became of messages is read later');
      })
      // Begun again by the next round.
      .finally(() => readers.delete(id));
    readers.set(id, { version, stopping, done });
  }

  async function end(id: string, { stopping, done }: Reader): Promise<void> {
    stopping.abort();
    await done;
    await sent.letGo(id, me);
  }
};
