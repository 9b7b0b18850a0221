import { DeliverPolicy, jetstream, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { eventStream, type PublishedContract } from '@muster/contracts';
import type { Logger } from '@muster/observability';
import { backoffMs, pause } from './backoff.js';
import { partsOf, type Bus } from './bus.js';
import { bundleFilter, commonFilter, SINGLES_FOR_MS } from './consume.js';
import { isBundled, itemsOf, noticesIn } from './decode-event.js';
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
    for (const { decoded } of itemsOf(message, options.events)) {
      if (decoded.kind === 'event') onEvent(decoded.event);
      else if (decoded.kind === 'bad')
        options.logger.error({ stream, reason: decoded.reason }, 'an event cannot be read');
    }
  });

/** The same for whoever reads anew what an event is about, and needs nothing of its content, which is not looked at. */
export const followNotices = (bus: Bus, { onNotice, ...options }: NoticeOptions): Follower =>
  follow(bus, options, (message) => noticesIn(message, options.events).forEach(onNotice));

const follow = (
  bus: Bus,
  { events, logger, onStart }: Omit<NoticeOptions, 'onNotice'>,
  onMessage: (message: JsMsg, stream: string) => void,
): Follower => {
  const [first] = events;
  if (first === undefined) throw new Error('nothing to follow');
  const stream = eventStream(first.service).name;
  const stopping = new AbortController();
  const onOne = (): void => {
    if (isFollowing()) onStart();
  };
  const from = { bus, stream, logger, onStart: onOne, signal: stopping.signal };
  const bundles = followFilter({ ...from, filter: bundleFilter(events) }, (message) => {
    onMessage(message, stream);
    return 'on';
  });
  // After an update from a version before bundles, that may be who publishes, now and then: each event alone.
  const began = Date.now();
  let wasBefore = false;
  const readOn = (message: Pick<JsMsg, 'headers'>): 'on' | 'enough' => {
    if (!isBundled(message)) wasBefore = true;
    return !isBundled(message) || (wasBefore && Date.now() - began < SINGLES_FOR_MS) ? 'on' : 'enough';
  };
  const begin = async (): Promise<'on' | 'enough'> => {
    const { link, streams } = partsOf(bus);
    const { streams: api } = await streams.api();
    const last = await link.during(
      api.getMessage(stream, { last_by_subj: `muster.v1.event.${first.service}.>` }),
    );
    return last === null ? 'on' : readOn({ headers: last.header });
  };
  const singles = followFilter({ ...from, filter: commonFilter(events), begin }, (message) => {
    if (!isBundled(message)) onMessage(message, stream);
    return readOn(message);
  });
  const isFollowing = (): boolean => bundles.isFollowing() && singles.isFollowing();
  return {
    isFollowing,
    stop: async () => {
      stopping.abort();
      await Promise.all([bundles.stop(), singles.stop()]);
    },
  };
};

interface Following {
  readonly bus: Bus;
  readonly stream: string;
  readonly filter: string;
  /** Whether it is to begin at all. */
  readonly begin?: () => Promise<'on' | 'enough'>;
  readonly logger: Logger;
  readonly onStart: () => void;
  readonly signal: AbortSignal;
}

/** What is under the filter, until `onMessage` has enough; after that it counts as followed. */
const followFilter = (
  { bus, stream, filter, begin, logger, onStart, signal }: Following,
  onMessage: (message: JsMsg) => 'on' | 'enough',
): Follower => {
  const { link } = partsOf(bus);
  let messages: ConsumerMessages | undefined;
  let following = false;
  let isEnough = false;

  const read = async (): Promise<'on' | 'enough'> => {
    if ((await begin?.()) === 'enough') {
      isEnough = true;
      onStart();
      return 'enough';
    }
    const consumer = await link.during(
      jetstream(link.connection, { timeout: 5_000 }).consumers.get(stream, {
        filter_subjects: filter,
        deliver_policy: DeliverPolicy.New,
      }),
    );
    messages = await consumer.consume({
      max_messages: 50,
      expires: 30_000,
      idle_heartbeat: HEARTBEAT_MS,
      abort_on_missing_resource: true,
    });
    if (signal.aborted) void messages.close();
    void watch(messages);
    following = true;
    onStart();
    try {
      for await (const message of messages) if (onMessage(message) === 'enough') return 'enough';
      return 'on';
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
    for (let failures = 0; !signal.aborted;) {
      const began = Date.now();
      try {
        isEnough = (await read()) === 'enough';
        if (isEnough) return;
      } catch (error) {
        // A stream that its service has not made yet is ordinary at the start of a system.
        logger[failures > 0 ? 'debug' : 'warn']({ err: error, stream }, 'events cannot be followed yet');
      }
      failures = Date.now() - began > 10_000 ? 0 : failures + 1;
      await pause(backoffMs(failures, 50, 2_000), signal);
    }
  };

  const running = run();
  return {
    isFollowing: () => following || isEnough,
    stop: async () => {
      void messages?.close();
      await running;
    },
  };
};
