import { DeliverPolicy, jetstream, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { eventStream, type PublishedContract } from '@muster/contracts';
import type { Logger } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';
import { partsOf, type Bus } from './bus.js';
import { commonFilter } from './consume.js';
import { contractsNamed, decodeEvent } from './decode-event.js';
import type { Delivered } from './handles.js';

export interface NoticeOptions {
  /** All of one service. */
  readonly events: readonly PublishedContract<object>[];
  readonly logger: Logger;
  /**
   * From now on events arrive, and none before: whatever they tell about must be read anew. Called at the start and after
   * every interruption that may have cost events.
   */
  readonly onStart: () => void;
  /** In order, without acknowledgement: must not throw, must not take long. */
  readonly onNotice: (notice: Notice) => void;
}

export interface FollowOptions extends Omit<NoticeOptions, 'onNotice'> {
  /** As `onNotice`. */
  readonly onEvent: (event: Delivered) => void;
}

/** That something was told of somebody, and not what. */
export type Notice = Pick<Delivered, 'contract' | 'tenantId' | 'entityId'>;

export interface Follower {
  /** True while events arrive. */
  isFollowing(): boolean;
  stop(): Promise<void>;
}

/** Silent for twice this, and following begins anew. */
const HEARTBEAT_MS = 5_000;

/**
 * Every process gets every event, to keep a cache in memory: an ordered consumer that vanishes with the process. For work
 * that must be done once use `Consumes`.
 */
export const followEvents = (bus: Bus, { onEvent, ...options }: FollowOptions): Follower =>
  follow(bus, options, (message, stream) => {
    const decoded = decodeEvent(message, options.events);
    if (decoded.kind === 'event') onEvent(decoded.event);
    else if (decoded.kind === 'bad')
      options.logger.error({ stream, reason: decoded.reason }, 'an event cannot be read');
  });

/**
 * The same for whoever reads anew what an event is about, and needs nothing of its content: that is not even parsed, which is
 * nearly all that an event costs a process.
 */
export const followNotices = (bus: Bus, { onNotice, ...options }: NoticeOptions): Follower =>
  follow(bus, options, ({ subject }) => {
    const [contract] = contractsNamed(subject, options.events);
    const [, , , , tenantId, , , entityId] = subject.split('.');
    if (contract !== undefined && tenantId !== undefined && entityId !== undefined)
      onNotice({ contract, tenantId, entityId });
  });

const follow = (
  bus: Bus,
  { events, logger, onStart }: Omit<NoticeOptions, 'onNotice'>,
  onMessage: (message: JsMsg, stream: string) => void,
): Follower => {
  const { link } = partsOf(bus);
  const [first] = events;
  if (first === undefined) throw new Error('nothing to follow');
  const stream = eventStream(first.service).name;
  const stopping = new AbortController();
  let messages: ConsumerMessages | undefined;
  let following = false;

  const read = async (): Promise<void> => {
    const consumer = await link.during(
      jetstream(link.connection, { timeout: 5_000 }).consumers.get(stream, {
        filter_subjects: commonFilter(events),
        deliver_policy: DeliverPolicy.New,
      }),
    );
    messages = await consumer.consume({
      max_messages: 500,
      expires: 30_000,
      idle_heartbeat: HEARTBEAT_MS,
      abort_on_missing_resource: true,
    });
    if (stopping.signal.aborted) void messages.close();
    void watch(messages);
    following = true;
    onStart();
    try {
      for await (const message of messages) onMessage(message, stream);
    } finally {
      following = false;
    }
  };

  /** The client library can go on after these by itself, but not tell what it has missed. */
  const watch = async (reading: ConsumerMessages): Promise<void> => {
    for await (const notice of reading.status()) {
      if (['heartbeats_missed', 'reset', 'consumer_deleted', 'stream_not_found'].includes(notice.type)) {
        logger.warn({ stream, notice: notice.type }, 'following begins anew');
        void reading.close();
        return;
      }
    }
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted;) {
      const began = Date.now();
      try {
        await read();
      } catch (error) {
        // A stream that its service has not made yet is ordinary at the start of a system.
        logger[failures > 0 ? 'debug' : 'warn']({ err: error, stream }, 'events cannot be followed yet');
      }
      failures = Date.now() - began > 10_000 ? 0 : failures + 1;
      await pause(backoffMs(failures, 50, 2_000), stopping.signal);
    }
  };

  const running = run();
  return {
    isFollowing: () => following,
    stop: async () => {
      stopping.abort();
      void messages?.close();
      await running;
    },
  };
};
