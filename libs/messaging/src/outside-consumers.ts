import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type ConsumerInfo,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { AppError } from '@muster/contracts';
import { partsOf, type Bus } from './bus.js';
import { nextSequenceOf } from './next-sequence.js';

/** Where a consumer that does not exist yet begins. A `sequence` is of the stream that was created at `ofStream`. */
export type StartAt =
  | { readonly kind: 'beginning' | 'now' }
  | { readonly kind: 'time'; readonly time: string }
  | { readonly kind: 'sequence'; readonly sequence: number; readonly ofStream: string };

/** Of consumers that are made; those that exist keep theirs. */
export interface ReadingLimits {
  /** An event that is not acknowledged within is delivered again. */
  readonly ackWaitMs: number;
  /** Fetched and not acknowledged; a reader that stops acknowledging is given no more. */
  readonly maxUnacknowledged: number;
  /** Fetches that wait for messages at the same time. */
  readonly maxFetches: number;
}

export interface OutsideConsumer {
  readonly stream: string;
  /** Of the durable, `[A-Za-z0-9_-]`. */
  readonly name: string;
  readonly filter: string;
  readonly startAt: StartAt;
  readonly limits: ReadingLimits;
}

/** How far its reader is. */
export interface ConsumerReading {
  /** Messages that were not fetched yet. */
  readonly waiting: number;
  readonly unacknowledged: number;
  readonly lastAcknowledgedAt?: string;
}

export interface OutsideConsumerState extends ConsumerReading {
  readonly stream: string;
  /** When the stream was created: sequences of another one mean nothing. */
  readonly streamCreatedAt: string;
  readonly name: string;
  readonly createdAt: string;
  /** Everything below was acknowledged, or came before it began. 1 where that cannot be told yet. */
  readonly nextSequence: number;
}

/**
 * A durable pull consumer that is read by somebody outside; made when it is missing, and left as it is otherwise. Events
 * come until they are acknowledged: none is ever given up. Undefined: there is no such stream (yet).
 */
export const ensureOutsideConsumer = (
  bus: Bus,
  { stream, name, filter, startAt, limits }: OutsideConsumer,
): Promise<OutsideConsumerState | undefined> =>
  asked(async () => {
    const { streams, link } = partsOf(bus);
    const { consumers, streams: api } = await streams.api();
    const about = await link.during(api.info(stream)).catch(ignoring(JetStreamApiCodes.StreamNotFound));
    if (about === undefined) return undefined;
    const found =
      (await link.during(consumers.info(stream, name)).catch(ignoring(JetStreamApiCodes.ConsumerNotFound))) ??
      (await link.during(
        consumers.add(stream, {
          durable_name: name,
          filter_subject: filter,
          ack_policy: AckPolicy.Explicit,
          ack_wait: nanos(limits.ackWaitMs),
          max_deliver: -1,
          max_ack_pending: limits.maxUnacknowledged,
          max_waiting: limits.maxFetches,
          ...policyOf(startAt, about),
        }),
      ));
    return stateOf(found, about);
  });

/** Undefined: it is not there. */
export const findOutsideConsumer = (
  bus: Bus,
  stream: string,
  name: string,
): Promise<ConsumerReading | undefined> =>
  asked(async () => {
    const { streams, link } = partsOf(bus);
    const { consumers } = await streams.api();
    const found = await link
      .during(consumers.info(stream, name))
      .catch(ignoring(JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound));
    return found && readingOf(found);
  });

/** Those of one stream whose name begins with `prefix`. Undefined: there is no such stream. */
export const listOutsideConsumers = (
  bus: Bus,
  stream: string,
  prefix: string,
): Promise<readonly OutsideConsumerState[] | undefined> =>
  asked(async () => {
    const { streams, link } = partsOf(bus);
    const { consumers, streams: api } = await streams.api();
    const found: ConsumerInfo[] = [];
    for (const lister = consumers.list(stream); ;) {
      const page = await link.during(lister.next()).catch(ignoring(JetStreamApiCodes.StreamNotFound));
      if (page === undefined) return undefined;
      if (page.length === 0) break;
      found.push(...page.filter(({ name }) => name.startsWith(prefix)));
    }
    const about = await link.during(api.info(stream)).catch(ignoring(JetStreamApiCodes.StreamNotFound));
    return about && found.map((info) => stateOf(info, about));
  });

/** Resolves when it is gone, or never was. */
export const removeOutsideConsumer = (bus: Bus, stream: string, name: string): Promise<void> =>
  asked(async () => {
    const { streams, link } = partsOf(bus);
    const { consumers } = await streams.api();
    await link
      .during(consumers.delete(stream, name))
      .catch(ignoring(JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound));
  });

/** A stream made anew holds nothing that was read: it is read from its beginning. */
const policyOf = (startAt: StartAt, { created }: StreamInfo) => {
  switch (startAt.kind) {
    case 'beginning':
      return { deliver_policy: DeliverPolicy.All };
    case 'now':
      return { deliver_policy: DeliverPolicy.New };
    case 'time':
      return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: startAt.time };
    case 'sequence':
      if (startAt.ofStream !== created) return { deliver_policy: DeliverPolicy.All };
      return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: startAt.sequence };
  }
};

const stateOf = (info: ConsumerInfo, { created }: StreamInfo): OutsideConsumerState => ({
  stream: info.stream_name,
  streamCreatedAt: created,
  name: info.name,
  createdAt: info.created,
  nextSequence: nextSequenceOf(info),
  ...readingOf(info),
});

const readingOf = (info: ConsumerInfo): ConsumerReading => {
  // The library's types say nanoseconds; the server sends RFC 3339, or nothing.
  const last: unknown = info.ack_floor.last_active;
  return {
    waiting: info.num_pending,
    unacknowledged: info.num_ack_pending,
    ...(typeof last === 'string' ? { lastAcknowledgedAt: new Date(last).toISOString() } : {}),
  };
};

const ignoring =
  (...codes: readonly number[]) =>
  (error: unknown): undefined => {
    if (error instanceof JetStreamApiError && codes.includes(error.code)) return undefined;
    throw error;
  };

const asked = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw new AppError('unavailable', 'The bus does not answer right now.', {
      cause: error,
      retryAfterSeconds: 1,
    });
  }
};
