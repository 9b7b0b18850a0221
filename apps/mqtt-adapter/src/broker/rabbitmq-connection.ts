import {
  connect,
  IllegalOperationError,
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type Message,
} from 'amqplib';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@muster/contracts';
import { urlsIn, type Logger } from '@muster/observability';
import type { Acknowledge } from '../inbound/ack-window.js';
import { BROKER_EVENTS_QUEUE, MQTT_EXCHANGE, TOPOLOGY, type Topology } from './topology.js';

export interface RabbitConnectionOptions {
  /** Of one node or, with commas between, several. May hold a password: never logged. */
  readonly url: string;
  /** For the broker's own lists: `mqtt-adapter uplink`. */
  readonly name: string;
  readonly logger: Logger;
  /** Makes channels and consumers. Whatever it throws ends this connection, and the next one is tried. */
  readonly open: (connection: ChannelModel) => Promise<void>;
  /** The connection that was opened is gone, with all that was not acknowledged or confirmed on it. */
  readonly lost?: () => void;
}

/** At most a second: one process knocks at one broker, and devices wait behind it. */
const BACKOFF_MS = [100, 200, 500, 1_000];

/**
 * One AMQP connection, for ever; after every end, to the next node. There is a single way to recover: whatever breaks (socket,
 * channel, a consumer that the broker cancelled) ends the connection, and everything is made anew on the next. What was unacknowledged on it comes
 * again, marked as redelivered; what was unconfirmed is told as failed to who published it.
 */
export class RabbitConnection {
  private readonly stopping = new AbortController();
  private current: ChannelModel | undefined;
  private running: Promise<void> | undefined;
  private opened = false;
  private readonly nodes: readonly string[];
  /** Replicas begin at different ones. */
  private turn = Math.floor(Math.random() * 1_000);

  constructor(private readonly options: RabbitConnectionOptions) {
    this.nodes = urlsIn(options.url).map(withHeartbeat);
  }

  start(): void {
    this.running = this.run();
  }

  /** Connected, and everything on it is made. */
  isOpen(): boolean {
    return this.opened;
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.current?.close().catch(() => undefined);
    await this.running;
  }

  private async run(): Promise<void> {
    const { logger, name } = this.options;
    for (let failures = 0; !this.stopping.signal.aborted; failures += 1) {
      try {
        await this.live(() => {
          if (failures > 0) logger.info({ connection: name }, 'RabbitMQ is back');
          failures = -1;
        });
        if (!this.isStopping()) logger.warn({ connection: name }, 'the connection to RabbitMQ was lost');
      } catch (error) {
        if (failures === 0 || failures % 20 === 0) {
          logger.warn({ err: withoutUrl(error), connection: name }, 'waiting for RabbitMQ');
        }
      }
      const ms = BACKOFF_MS[Math.min(Math.max(failures, 0), BACKOFF_MS.length - 1)] ?? 0;
      await sleep(ms * (0.75 + Math.random() / 2), undefined, { signal: this.stopping.signal }).catch(
        () => undefined,
      );
    }
  }

  private nextNode(): string {
    this.turn += 1;
    return this.nodes[this.turn % this.nodes.length] ?? '';
  }

  /** Resolves when the connection has ended. */
  private async live(onOpen: () => void): Promise<void> {
    const { open, lost, logger, name } = this.options;
    const connection = await connect(this.nextNode(), {
      clientProperties: { connection_name: name },
      noDelay: true,
      timeout: 10_000,
    });
    const closed = new Promise<void>((resolve) => connection.once('close', () => resolve()));
    // Without a listener an 'error' ends the process; 'close' follows it.
    connection.on('error', (error: Error) =>
      logger.warn({ err: error, connection: name }, 'RabbitMQ reports an error'),
    );
    connection.on('blocked', (reason: string) =>
      logger.warn({ reason, connection: name }, 'RabbitMQ is short of memory or disk'),
    );
    this.current = connection;
    try {
      if (this.stopping.signal.aborted) return;
      // It may wait for something else than RabbitMQ, and the connection may end meanwhile.
      const ended = await Promise.race([open(connection).then(() => false), closed.then(() => true)]);
      if (ended) return;
      this.opened = true;
      onOpen();
      await closed;
    } finally {
      this.opened = false;
      this.current = undefined;
      lost?.();
      await connection.close().catch(() => undefined); // closed already, mostly
    }
  }
}

/** Ends the connection when the channel does: the broker closes a channel for each fault of ours, and consumers with it. */
export const channelOf = async <C extends Channel>(
  connection: ChannelModel,
  make: () => Promise<C>,
  logger: Logger,
): Promise<C> => {
  const channel = await make();
  channel.on('error', (error: Error) => logger.error({ err: error }, 'RabbitMQ closed a channel'));
  channel.on('close', () => void connection.close().catch(() => undefined));
  return channel;
};

/** Acknowledges all deliveries up to this one. A channel that closes at this moment gives them to the next. */
export const ackUpTo = (channel: Channel, deliveryTag: number): void =>
  ack(channel, deliveryTag, 'all up to it');

/** Of one channel, for an AckWindow. */
export const acknowledgeOn = (channel: Channel): Acknowledge => ({
  upTo: (deliveryTag) => ackUpTo(channel, deliveryTag),
  one: (deliveryTag) => ack(channel, deliveryTag, 'it alone'),
});

const ack = (channel: Channel, deliveryTag: number, which: 'all up to it' | 'it alone'): void => {
  try {
    // amqplib reads nothing of the message but its tag, and keeping the messages would keep their payloads.
    channel.ack({ fields: { deliveryTag } } as Message, which === 'all up to it');
  } catch (error) {
    if (!(error instanceof IllegalOperationError)) throw error;
  }
};

/**
 * Makes what is missing, so that a broker that was not set up by our definitions serves too; all but the queue of the broker's
 * events, which is made where it is consumed. Fails, and says so, when an existing queue has other arguments: they cannot be
 * changed in place.
 */
export const assertTopology = async (
  connection: ChannelModel,
  topology: Topology = TOPOLOGY,
): Promise<void> => {
  const channel = await connection.createChannel();
  channel.on('error', () => undefined); // the call that caused it rejects
  for (const { name, type, arguments: args } of topology.exchanges) {
    await channel.assertExchange(name, type, { durable: true, arguments: args });
  }
  await assertQueues(channel, topology, (queue) => queue !== BROKER_EVENTS_QUEUE);
  for (const { source, destination, routingKey } of topology.obsoleteBindings) {
    await channel.unbindQueue(destination, source, routingKey);
  }
  for (const name of topology.obsoleteQueues) await channel.deleteQueue(name);
  await channel.close();
};

/** The same for the queue of the broker's events. Fails while its node is away: of a classic queue, there is one. */
export const assertEventsQueue = (channel: Channel): Promise<void> =>
  assertQueues(channel, TOPOLOGY, (queue) => queue === BROKER_EVENTS_QUEUE);

const assertQueues = async (
  channel: Channel,
  { queues, bindings }: Topology,
  isWanted: (queue: string) => boolean,
): Promise<void> => {
  for (const { name, arguments: args } of queues) {
    if (isWanted(name)) await channel.assertQueue(name, { durable: true, arguments: args });
  }
  for (const { source, destination, destinationType, routingKey } of bindings) {
    if (!isWanted(destination)) continue;
    if (destinationType === 'queue') await channel.bindQueue(destination, source, routingKey);
    else await channel.bindExchange(destination, source, routingKey);
  }
};

export interface DownlinkMessage {
  readonly routingKey: string;
  readonly body: string;
  readonly qos: 0 | 1;
  /** Wanted to know whether anybody is subscribed. */
  readonly mandatory?: boolean;
  /** How long it may wait in a queue; 0: it goes to who is there now, and to nobody later. Default: for ever. */
  readonly expiresInMs?: number | undefined;
}

/** For `expiresInMs`. At least one: 0 is "now or never". */
export const msUntil = (at: string): number => Math.max(1, Date.parse(at) - Date.now());

/** The same for a queue of ours. */
export interface HandedOn extends Omit<DownlinkMessage, 'body'> {
  readonly exchange: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, boolean | number>>;
}

const CONFIRM_MS = 5_000;

/** Publishes to MQTT clients, or to a queue of ours, and knows what became of it. */
export class Downlink {
  private channel: ConfirmChannel | undefined;
  private readonly waiting = new Set<() => void>();
  private readonly returned = new Set<string>();
  private messages = 0;

  /** From now on messages go out by this channel. */
  attach(channel: ConfirmChannel): void {
    this.channel = channel;
    // The broker sends a message back before it confirms it, so a confirm knows.
    channel.on('return', (message) => {
      const id: unknown = message.properties.messageId;
      if (typeof id === 'string') this.returned.add(id);
    });
    for (const wake of this.waiting) wake();
  }

  detach(): void {
    this.channel = undefined;
    this.returned.clear();
  }

  /**
   * Resolves with the broker's confirm; `no-route` only for `mandatory` messages. Throws `unavailable` when the broker is
   * away or silent for five seconds: the message may have gone out or not.
   */
  publish(message: DownlinkMessage): Promise<'routed' | 'no-route'> {
    return this.send({ ...message, exchange: MQTT_EXCHANGE, body: Buffer.from(message.body), headers: {} });
  }

  /** Resolves when the message is on disk in the queues that the exchange leads to; throws as `publish` does. */
  async handOn(message: HandedOn): Promise<void> {
    const result = await this.send({ ...message, mandatory: true });
    // Confirmed by the broker and dropped by it, for want of a binding.
    if (result === 'no-route') throw away(`${message.exchange} leads to no queue`);
  }

  private async send({
    exchange,
    routingKey,
    body,
    qos,
    headers,
    mandatory = false,
    expiresInMs,
  }: HandedOn): Promise<'routed' | 'no-route'> {
    const channel = this.channel ?? (await this.nextChannel());
    this.messages += 1;
    const messageId = mandatory ? String(this.messages) : undefined;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(away('RabbitMQ did not confirm in time')), CONFIRM_MS);
      const done = (error: unknown): void => {
        clearTimeout(late);
        if (error === null || error === undefined) resolve();
        else reject(away('RabbitMQ did not take the message', error));
      };
      try {
        channel.publish(
          exchange,
          routingKey,
          body,
          {
            // 3.10 reads the header, 4.x reads only the delivery mode.
            headers: { 'x-mqtt-publish-qos': qos, ...headers },
            persistent: qos === 1,
            mandatory,
            ...(messageId === undefined ? {} : { messageId }),
            ...(expiresInMs === undefined ? {} : { expiration: String(expiresInMs) }),
          },
          done,
        );
      } catch (error) {
        done(error);
      }
    });
    return messageId !== undefined && this.returned.delete(messageId) ? 'no-route' : 'routed';
  }

  private async nextChannel(): Promise<ConfirmChannel> {
    await new Promise<void>((resolve, reject) => {
      const wake = (): void => {
        clearTimeout(late);
        this.waiting.delete(wake);
        resolve();
      };
      const late = setTimeout(() => {
        this.waiting.delete(wake);
        reject(away('RabbitMQ is away'));
      }, CONFIRM_MS);
      this.waiting.add(wake);
    });
    if (this.channel === undefined) throw away('RabbitMQ is away');
    return this.channel;
  }
}

const away = (detail: string, cause?: unknown): AppError =>
  new AppError('unavailable', detail, { cause, retryAfterSeconds: 1 });

const withHeartbeat = (url: string): string => {
  const parsed = new URL(url);
  // Seconds. Without it, a broker whose host vanished is noticed when TCP gives up, after a quarter of an hour.
  if (!parsed.searchParams.has('heartbeat')) parsed.searchParams.set('heartbeat', '15');
  return parsed.toString();
};

/** Socket errors repeat the address only, but a library's error text may repeat the URL with its password. */
const withoutUrl = (error: unknown): unknown => {
  if (!(error instanceof Error)) return String(error);
  error.message = error.message.replaceAll(/amqps?:\/\/\S+/g, 'amqp://…');
  return error;
};
