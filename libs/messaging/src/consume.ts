import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstream,
  type ConsumerConfig,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { eventStream, type PublishedContract } from '@muster/contracts';
import { backoffMs, pause } from './backoff.js';
import { replayer } from './replay.js';
import { DEFAULT_ACK_WAIT_MS, settler, type ConsumerParts } from './settle.js';

/** Silent for twice this, and the consumer is looked for again. */
const HEARTBEAT_MS = 2_500;

/** One durable consumer of one stream, kept alive: made when missing, made again when the server lost it. */
export class DurableConsumer {
  private readonly stopping = new AbortController();
  readonly stream: string;
  /** Handles a parked event again; see `replayAt` in contracts. */
  readonly replay;
  private readonly settler;
  private running: Promise<void> | undefined;
  private messages: ConsumerMessages | undefined;
  /** Once it existed, a missing consumer is a loss, and `from: now` would skip what was not read yet. */
  private existed = false;
  private handling = false;

  constructor(
    private readonly consumer: ConsumerParts,
    private readonly contracts: readonly PublishedContract<object>[],
  ) {
    const [first] = contracts;
    if (first === undefined) throw new Error(`consumer ${consumer.options.durable} names no event`);
    this.stream = eventStream(first.service).name;
    this.settler = settler({ ...consumer, stream: this.stream, contracts, stopping: this.stopping.signal });
    this.replay = replayer({ ...consumer, contracts });
  }

  get durable(): string {
    return this.consumer.options.durable;
  }

  start(): void {
    this.running = this.run();
  }

  /** Finishes the events in hand; what was fetched and not begun goes back at once. */
  async stop(): Promise<void> {
    this.stopping.abort();
    void this.messages?.close();
    await this.running;
    await this.settler.idle();
  }

  private async run(): Promise<void> {
    const { logger, options } = this.consumer;
    for (let failures = 0; !this.stopping.signal.aborted;) {
      const began = Date.now();
      try {
        await this.ensure();
        await this.read();
      } catch (error) {
        // A stream that its service has not made yet is ordinary at the start of a system.
        const missing = isApiError(error, JetStreamApiCodes.StreamNotFound);
        logger[missing && failures > 0 ? 'debug' : 'warn'](
          { err: error, stream: this.stream, consumer: options.durable },
          missing ? 'the stream is not there yet' : 'the consumer was interrupted',
        );
      }
      failures = Date.now() - began > 10_000 ? 0 : failures + 1;
      await pause(backoffMs(failures, 50, 2_000), this.stopping.signal);
    }
  }

  /** Creates the consumer, or changes what has drifted from what is declared. */
  private async ensure(): Promise<void> {
    const { parts, options, logger } = this.consumer;
    const { consumers } = await parts.streams.api();
    const wanted = this.config();
    const found = await parts.link
      .during(consumers.info(this.stream, options.durable))
      .catch((error: unknown) => {
        if (isApiError(error, JetStreamApiCodes.ConsumerNotFound)) return undefined;
        throw error;
      });
    if (found === undefined) {
      await parts.link.during(
        consumers.add(this.stream, {
          ...wanted,
          durable_name: options.durable,
          ack_policy: AckPolicy.Explicit,
          deliver_policy: options.from === 'now' && !this.existed ? DeliverPolicy.New : DeliverPolicy.All,
        }),
      );
      logger.info({ stream: this.stream, consumer: options.durable }, 'consumer created');
    } else if (KEYS.some((key) => found.config[key] !== wanted[key])) {
      await parts.link.during(consumers.update(this.stream, options.durable, { ...found.config, ...wanted }));
      logger.info({ stream: this.stream, consumer: options.durable }, 'consumer updated');
    }
    this.existed = true;
  }

  private config(): Pick<ConsumerConfig, (typeof KEYS)[number]> {
    const { ackWaitMs = DEFAULT_ACK_WAIT_MS, batch = DEFAULT_BATCH } = this.consumer.options;
    return {
      ack_wait: nanos(ackWaitMs),
      // Without limit here, because at the server's limit an event vanishes if we die before it is parked: we count.
      max_deliver: -1,
      max_ack_pending: Math.max(1_000, batch.size * 10),
      filter_subject: commonFilter(this.contracts),
    };
  }

  private async read(): Promise<void> {
    const { parts, options } = this.consumer;
    const { batch = DEFAULT_BATCH } = options;
    const consumer = await parts.link.during(
      jetstream(parts.link.connection, { timeout: 5_000 }).consumers.get(this.stream, options.durable),
    );
    const messages = await consumer.consume({
      max_messages: batch.size,
      expires: 30_000,
      idle_heartbeat: HEARTBEAT_MS,
      // Without it, the client library would wait for ever for a consumer that only we can make again.
      abort_on_missing_resource: true,
    });
    this.messages = messages;
    if (this.stopping.signal.aborted) void messages.close();
    void this.watch(messages);
    // The client library would go on by itself, but waits 30 s when JetStream is not up again with the server.
    const forget = parts.link.onLoss(() => void messages.close());
    try {
      await this.settleAll(messages, batch);
    } finally {
      forget();
    }
  }

  private async settleAll(messages: ConsumerMessages, batch: BatchSize): Promise<void> {
    for await (const some of batches(messages, batch)) {
      if (this.stopping.signal.aborted) {
        for (const message of some) message.nak();
        continue;
      }
      this.handling = true;
      try {
        await this.settler.settle(some);
      } finally {
        this.handling = false;
      }
    }
  }

  /** Ends a reading that has gone silent; the loop begins a new one. */
  private async watch(messages: ConsumerMessages): Promise<void> {
    for await (const notice of messages.status()) {
      // While events are handled nothing is pulled, and the server has no reason to send heartbeats.
      const silent = notice.type === 'heartbeats_missed' && !this.handling;
      if (silent || notice.type === 'consumer_deleted') {
        this.consumer.logger.warn(
          { stream: this.stream, consumer: this.consumer.options.durable, notice: notice.type },
          'the consumer is looked for again',
        );
        void messages.close();
        return;
      }
    }
  }
}

type BatchSize = NonNullable<ConsumerParts['options']['batch']>;

const DEFAULT_BATCH: BatchSize = { size: 100, waitMs: 0 };
const KEYS = ['ack_wait', 'max_deliver', 'max_ack_pending', 'filter_subject'] as const;

const isApiError = (error: unknown, code: number): boolean =>
  error instanceof JetStreamApiError && error.code === code;

/**
 * One filter for all: before 2.10 a consumer has a single one. Tokens that differ become `*`, and events that pass
 * without being asked for are acknowledged unseen.
 */
export const commonFilter = (contracts: readonly Pick<PublishedContract<object>, 'filter'>[]): string => {
  const [first = [], ...others] = contracts.map(({ filter }) => filter.split('.'));
  return first
    .map((token, index) => (others.every((tokens) => tokens[index] === token) ? token : '*'))
    .join('.');
};

/** Up to `size` messages each; after the first of them, waits `waitMs` for more. */
async function* batches(
  messages: AsyncIterable<JsMsg>,
  { size, waitMs }: BatchSize,
): AsyncGenerator<JsMsg[]> {
  const iterator = messages[Symbol.asyncIterator]();
  let next = iterator.next();
  for (;;) {
    const first = await next;
    if (first.done === true) return;
    const batch = [first.value];
    next = iterator.next();
    // An error that arrives while the batch is handled is met at the next `await next`.
    next.catch(() => undefined);
    const late = lateness(waitMs);
    while (batch.length < size) {
      const more = await Promise.race([next.catch(() => 'later' as const), late.promise]);
      if (more === 'later' || more.done === true) break;
      batch.push(more.value);
      next = iterator.next();
      next.catch(() => undefined);
    }
    late.cancel();
    yield batch;
  }
}

/** With 0: after everything that is already here. */
const lateness = (ms: number): { readonly promise: Promise<'later'>; cancel(): void } => {
  let cancel = (): void => undefined;
  const promise = new Promise<'later'>((resolve) => {
    if (ms === 0) {
      const immediate = setImmediate(resolve, 'later');
      cancel = () => clearImmediate(immediate);
    } else {
      const timer = setTimeout(resolve, ms, 'later');
      cancel = () => clearTimeout(timer);
    }
  });
  return { promise, cancel };
};
