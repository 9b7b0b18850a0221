import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstream,
  type ConsumerConfig,
  type ConsumerInfo,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { bundleSubject, eventStream, type PublishedContract } from '@muster/contracts';
import { backoffMs, pause } from './backoff.js';
import { isBundled } from './decode-event.js';
import { nextSequenceOf } from './next-sequence.js';
import { ReadAhead } from './read-ahead.js';
import { replayer } from './replay.js';
import { DEFAULT_ACK_WAIT_MS, DEFAULT_BATCH, settler, type ConsumerParts } from './settle.js';

/** Silent for twice this, and the consumer is looked for again. */
const HEARTBEAT_MS = 2_500;

/** Of the server, for what `@Consumes` calls `durable`. Without the ending: what versions before bundles read, see `finishSingles`. */
export const durableName = (durable: string): string => `${durable}-bundles`;

interface Watching {
  readonly see: (some: readonly JsMsg[]) => void;
  readonly isOver: () => Promise<boolean>;
}

/** One durable consumer of one stream, kept alive: made when missing, made again when the server lost it. */
export class DurableConsumer {
  private readonly stopping = new AbortController();
  readonly stream: string;
  /** Handles a parked event again; see `replayAt` in contracts. */
  readonly replay;
  private readonly settler;
  private running: Promise<void> | undefined;
  private readonly open = new Set<ConsumerMessages>();
  /** Once it existed, a missing consumer is a loss, and `from: now` would skip what was not read yet. */
  private existed = false;
  private handling = 0;

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
    this.running = Promise.all([this.run(), this.finishSingles()]).then(() => undefined);
  }

  /** Finishes the events in hand; what was fetched and not begun goes back at once. */
  async stop(): Promise<void> {
    this.stopping.abort();
    for (const messages of this.open) void messages.close();
    await this.running;
    await this.settler.idle();
  }

  private async run(): Promise<void> {
    const name = durableName(this.durable);
    await this.keepUp(name, async () => {
      await this.ensure(name);
      await this.read(name);
      return true;
    });
  }

  /** Repeats `work` until it says false, or the process stops. */
  private async keepUp(name: string, work: () => Promise<boolean>): Promise<void> {
    const { logger } = this.consumer;
    for (let failures = 0; !this.stopping.signal.aborted;) {
      const began = Date.now();
      try {
        if (!(await work())) return;
      } catch (error) {
        // A stream that its service has not made yet is ordinary at the start of a system.
        const missing = isApiError(error, JetStreamApiCodes.StreamNotFound);
        logger[missing && failures > 0 ? 'debug' : 'warn'](
          { err: error, stream: this.stream, consumer: name },
          missing ? 'the stream is not there yet' : 'the consumer was interrupted',
        );
      }
      failures = Date.now() - began > 10_000 ? 0 : failures + 1;
      await pause(backoffMs(failures, 50, 2_000), this.stopping.signal);
    }
  }

  /**
   * Versions before bundles read each event as a message of its own, by a consumer of the same name without an ending. What they
   * left is read, and what their replicas still publish; and everything else, too, for as long as the version before may come back
   * and go on there: a version that acknowledges it unseen would have to be sure of the bundle. Then the consumer is removed.
   */
  private async finishSingles(): Promise<void> {
    const began = Date.now();
    const { parts, logger, options } = this.consumer;
    const { durable, singlesForMs = SINGLES_FOR_MS } = options;
    /** Sequences: of the first event that is in a bundle, and of the last that is in none. */
    let bundled = Infinity;
    let alone = 0;
    const see = (some: readonly JsMsg[]): void => {
      for (const message of some) {
        if (isBundled(message)) bundled = Math.min(bundled, message.seq);
        else alone = Math.max(alone, message.seq);
      }
    };
    const isOver = async (): Promise<boolean> => {
      if (bundled === Infinity || !this.existed || Date.now() - began < singlesForMs) return false;
      const found = await this.find(durable);
      if (found !== undefined && nextSequenceOf(found) <= Math.max(bundled, alone)) return false;
      const { consumers } = await parts.streams.api();
      if (found !== undefined) await parts.link.during(consumers.delete(this.stream, durable));
      logger.info({ stream: this.stream, consumer: durable }, 'all is read that was not in bundles');
      return true;
    };
    await this.keepUp(durable, async () => {
      if ((await this.find(durable)) === undefined) return false;
      await this.read(durable, { see, isOver });
      return true;
    });
  }

  /** Undefined: the server has none of the name. */
  private async find(name: string): Promise<ConsumerInfo | undefined> {
    const { streams, link } = this.consumer.parts;
    const { consumers } = await streams.api();
    return link.during(consumers.info(this.stream, name)).catch((error: unknown) => {
      if (isApiError(error, JetStreamApiCodes.ConsumerNotFound)) return undefined;
      throw error;
    });
  }

  /** Creates the consumer, or changes what has drifted from what is declared. */
  private async ensure(name: string): Promise<void> {
    const { parts, logger } = this.consumer;
    const { consumers } = await parts.streams.api();
    const wanted = this.config();
    const found = await this.find(name);
    if (found === undefined) {
      await parts.link.during(
        consumers.add(this.stream, {
          ...wanted,
          durable_name: name,
          ack_policy: AckPolicy.Explicit,
          ...(await this.beginning()),
        }),
      );
      logger.info({ stream: this.stream, consumer: name }, 'consumer created');
    } else if (KEYS.some((key) => found.config[key] !== wanted[key])) {
      await parts.link.during(consumers.update(this.stream, name, { ...found.config, ...wanted }));
      logger.info({ stream: this.stream, consumer: name }, 'consumer updated');
    }
    this.existed = true;
  }

  /** Where one that does not exist yet begins: after an update, where the version before had got to. */
  private async beginning(): Promise<Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq'>> {
    const { options } = this.consumer;
    const before = await this.find(options.durable);
    if (before !== undefined && !this.existed)
      return {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: nextSequenceOf(before),
      };
    return {
      deliver_policy: options.from === 'now' && !this.existed ? DeliverPolicy.New : DeliverPolicy.All,
    };
  }

  private config(): Pick<ConsumerConfig, (typeof KEYS)[number]> {
    const { ackWaitMs = DEFAULT_ACK_WAIT_MS, batch = DEFAULT_BATCH } = this.consumer.options;
    return {
      ack_wait: nanos(ackWaitMs),
      // Without limit here, because at the server's limit an event vanishes if we die before it is parked: we count.
      max_deliver: -1,
      max_ack_pending: Math.max(1_000, batch.size * 10),
      filter_subject: bundleFilter(this.contracts),
    };
  }

  /** Until it is interrupted, or `isOver` says so, which is asked now and then. */
  private async read(name: string, { see, isOver }: Partial<Watching> = {}): Promise<void> {
    const { parts, options } = this.consumer;
    const { batch = DEFAULT_BATCH, ackWaitMs = DEFAULT_ACK_WAIT_MS } = options;
    const consumer = await parts.link.during(
      jetstream(parts.link.connection, { timeout: 5_000 }).consumers.get(this.stream, name),
    );
    const messages = await consumer.consume({
      max_messages: FETCHED,
      expires: 30_000,
      idle_heartbeat: HEARTBEAT_MS,
      // Without it, the client library would wait for ever for a consumer that only we can make again.
      abort_on_missing_resource: true,
    });
    this.open.add(messages);
    const close = (): void => void messages.close();
    if (this.stopping.signal.aborted) close();
    void this.watch(name, messages);
    // The client library would go on by itself, but waits 30 s when JetStream is not up again with the server.
    const forget = parts.link.onLoss(close);
    const ahead = new ReadAhead(messages, batch);
    const alive = setInterval(() => ahead.messages.forEach((message) => message.working()), ackWaitMs / 3);
    const looking =
      isOver && setInterval(() => void isOver().then((over) => over && close(), close), LOOK_EVERY_MS);
    try {
      for await (const some of ahead.batches()) {
        if (this.stopping.signal.aborted) {
          for (const message of some) message.nak();
          continue;
        }
        see?.(some);
        this.handling += 1;
        try {
          await this.settler.settle(some);
        } finally {
          this.handling -= 1;
        }
      }
    } finally {
      clearInterval(alive);
      clearInterval(looking);
      forget();
      this.open.delete(messages);
    }
  }

  /** Ends a reading that has gone silent; the loop begins a new one. */
  private async watch(name: string, messages: ConsumerMessages): Promise<void> {
    for await (const notice of messages.status()) {
      // While events are handled nothing is pulled, and the server has no reason to send heartbeats.
      const silent = notice.type === 'heartbeats_missed' && this.handling === 0;
      if (silent || notice.type === 'consumer_deleted') {
        this.consumer.logger.warn(
          { stream: this.stream, consumer: name, notice: notice.type },
          'the consumer is looked for again',
        );
        void messages.close();
        return;
      }
    }
  }
}

/** For so long after an update the version before may still be there, or come back: its consumers stay where they would go on. */
export const SINGLES_FOR_MS = 3_600_000;
const LOOK_EVERY_MS = 5_000;
/** Messages asked for beside those that wait in `ReadAhead`: few, for each may hold 100 events. */
const FETCHED = 10;

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

/** Of all entities of all tenants, as `commonFilter`. */
export const bundleFilter = (contracts: readonly PublishedContract<object>[]): string =>
  commonFilter(contracts.map((contract) => ({ filter: bundleSubject(contract, '*') })));
