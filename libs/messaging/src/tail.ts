import { DeliverPolicy, jetstream, jetstreamManager, type ConsumerMessages } from '@nats-io/jetstream';
import type { PublishedContract } from '@muster/contracts';
import type { Logger } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';
import { partsOf, type Bus } from './bus.js';
import { decodeEvent } from './decode-event.js';
import type { Delivered } from './handles.js';

/** What a stream holds: the sequence numbers of its first and its last message. */
export interface StreamExtent {
  readonly first: number;
  readonly last: number;
}

/** Null: its service has not made it yet. Throws when the server is away. */
export const streamExtent = async (bus: Bus, stream: string): Promise<StreamExtent | null> => {
  const { link } = partsOf(bus);
  const manager = await link.during(jetstreamManager(link.connection, { timeout: 5_000, checkAPI: false }));
  try {
    const { state } = await link.during(manager.streams.info(stream));
    return { first: state.first_seq, last: state.last_seq };
  } catch (error) {
    if ((error as { code?: unknown }).code === STREAM_NOT_FOUND) return null;
    throw error;
  }
};

const STREAM_NOT_FOUND = 10059;

export interface TailOptions {
  readonly stream: string;
  /** One subject, with wildcards: servers before 2.10 know no list of them. */
  readonly filter: string;
  /** What is read of it; anything else under the filter is passed over. */
  readonly events: readonly PublishedContract<object>[];
  /** Sequence number behind which it begins. */
  readonly after: number;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** An event with its place in the stream. */
export interface Tailed {
  readonly seq: number;
  readonly event: Delivered;
}

const HEARTBEAT_MS = 5_000;
/** Asked for in advance: who reads slowly does not fill the memory. */
const AHEAD = 200;

/**
 * The events of a stream from a place on, in order and each once, for as long as somebody reads: an ordered consumer, which
 * vanishes with its reader and takes up where it was after an interruption. Read on when the one before is done with: no
 * more than a few hundred are kept here.
 */
export async function* tailEvents(
  bus: Bus,
  { stream, filter, events, after, logger, signal }: TailOptions,
): AsyncGenerator<Tailed, void, void> {
  const { link } = partsOf(bus);
  let seq = after;
  const isOver = (): boolean => signal.aborted;
  for (let failures = 0; !isOver();) {
    let messages: ConsumerMessages | undefined;
    const close = (): void => void messages?.close();
    try {
      // A stream that was lost and made again counts from the beginning: all that it holds is new.
      const extent = await streamExtent(bus, stream);
      if (extent !== null && extent.last < seq) seq = 0;
      const consumer = await link.during(
        jetstream(link.connection, { timeout: 5_000 }).consumers.get(stream, {
          filter_subjects: filter,
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq: seq + 1,
          inactive_threshold: 30_000_000_000,
        }),
      );
      messages = await consumer.consume({
        max_messages: AHEAD,
        expires: 30_000,
        idle_heartbeat: HEARTBEAT_MS,
        abort_on_missing_resource: true,
      });
      if (isOver()) close();
      signal.addEventListener('abort', close, { once: true });
      const forget = link.onLoss(close);
      try {
        for await (const message of messages) {
          failures = 0;
          seq = message.seq;
          const decoded = decodeEvent(message, events);
          if (decoded.kind === 'event') yield { seq, event: decoded.event };
          else if (decoded.kind === 'bad')
            logger.error({ stream, seq, reason: decoded.reason }, 'an event cannot be read');
        }
      } finally {
        forget();
      }
    } catch (error) {
      logger[failures > 0 ? 'debug' : 'warn']({ err: error, stream }, 'events cannot be read on yet');
    } finally {
      signal.removeEventListener('abort', close);
      await messages?.close();
    }
    failures += 1;
    await pause(backoffMs(failures, 50, 2_000), signal);
  }
}
