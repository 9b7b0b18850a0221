import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { Logger } from '@muster/observability';
import { AckWindow } from '../inbound/ack-window.js';
import { acknowledgeOn, assertEventsQueue, channelOf } from './rabbitmq-connection.js';
import { BROKER_EVENTS_QUEUE, EVENT_EXCHANGE, MQTT_EXCHANGE, SUBSCRIBED_KEY } from './topology.js';

export interface BrokerEvent {
  /** `binding.created`, `consumer.created`, … */
  readonly name: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Another process may have begun to act upon it. */
  readonly redelivered: boolean;
}

const PREFETCH = 1_000;
const AGAIN_MS = 2_000;

/** What sessions come and go by. */
const OF_SESSIONS = [
  'queue.created',
  'queue.deleted',
  'binding.created',
  'binding.deleted',
  'consumer.created',
  'consumer.deleted',
  'connection.closed',
];

/** What every replica is to know of sessions. */
export interface SessionFollower {
  follow(event: BrokerEvent): void;
  /** A client has subscribed, perhaps to what it was subscribed to before: of that the broker tells nothing, and the door does. */
  subscribed(clientId: string, patterns: readonly string[]): void;
}

export interface BrokerEventsParts {
  /** Of an event that one replica gets. Resolves when it has been acted upon. */
  readonly handle: (event: BrokerEvent) => Promise<void>;
  readonly follower: SessionFollower;
  /** Events may have been told to nobody. */
  readonly missed: () => void;
  readonly logger: Logger;
}

/**
 * What RabbitMQ tells of its clients (rabbitmq_event_exchange): the body is empty, the routing key is the event's name, the
 * data is in the headers. Replicas share a queue, and an event is acknowledged when it has been acted upon. Each has another
 * queue besides, of its own, that ends with its connection.
 *
 * One node of a cluster has the queue that is shared. While that one is away, each replica acts upon what its own queue tells:
 * then a device may be given twice what is due to it, which it can stand, and telemetry goes on.
 */
export class BrokerEvents {
  private isShared = false;

  constructor(private readonly parts: BrokerEventsParts) {}

  async open(connection: ChannelModel): Promise<void> {
    const ended = new AbortController();
    connection.once('close', () => ended.abort());
    this.isShared = false;
    await this.follow(connection);
    await this.share(connection, ended.signal);
  }

  private async follow(connection: ChannelModel): Promise<void> {
    const { logger, follower, handle } = this.parts;
    const channel = await channelOf(connection, () => connection.createChannel(), logger);
    const { queue } = await channel.assertQueue('', { exclusive: true });
    for (const key of OF_SESSIONS) await channel.bindQueue(queue, EVENT_EXCHANGE, key);
    await channel.bindQueue(queue, MQTT_EXCHANGE, SUBSCRIBED_KEY);
    await channel.consume(
      queue,
      (delivery) => {
        if (delivery === null) void connection.close().catch(() => undefined);
        else if (delivery.fields.routingKey === SUBSCRIBED_KEY) tellSubscribed(delivery.content, follower);
        else {
          const event = eventOf(delivery);
          follower.follow(event);
          if (!this.isShared) void handle(event);
        }
      },
      { noAck: true },
    );
  }

  /** Or tries it again and again, until the connection has ended. */
  private async share(connection: ChannelModel, ended: AbortSignal, tries = 0): Promise<void> {
    const { logger, missed } = this.parts;
    const again = (next: number): void => {
      void sleep(AGAIN_MS, undefined, { signal: ended })
        .then(() => this.share(connection, ended, next))
        // It has ended, also while this was tried: the next connection begins anew.
        .catch(() => undefined);
    };
    try {
      const channel = await connection.createChannel();
      channel.on('error', () => undefined); // the call that caused it rejects
      await assertEventsQueue(channel);
      await this.consume(channel);
      channel.once('close', () => {
        this.isShared = false;
        if (ended.aborted) return;
        missed();
        again(0);
      });
      this.isShared = true;
      if (tries > 0) logger.info('the queue of the events of RabbitMQ is back');
    } catch (error) {
      if (ended.aborted) throw error;
      if (tries % 30 === 0) logger.warn({ err: error }, 'the queue of the events of RabbitMQ is away');
      again(tries + 1);
    }
  }

  private async consume(channel: Channel): Promise<void> {
    const { handle } = this.parts;
    await channel.prefetch(PREFETCH);
    const window = new AckWindow(acknowledgeOn(channel), PREFETCH / 4);
    channel.once('close', () => window.close());
    await channel.consume(BROKER_EVENTS_QUEUE, (delivery) => {
      if (delivery === null) {
        // Its node has gone, or it was deleted.
        void channel.close().catch(() => undefined);
        return;
      }
      const { deliveryTag } = delivery.fields;
      window.delivered(deliveryTag);
      void handle(eventOf(delivery)).then(() => window.finish(deliveryTag));
    });
  }
}

const eventOf = ({ fields, properties }: ConsumeMessage): BrokerEvent => ({
  name: fields.routingKey,
  headers: properties.headers ?? {},
  redelivered: fields.redelivered,
});

/** Only the door may publish there. */
const tellSubscribed = (content: Buffer, follower: SessionFollower): void => {
  const { clientId, patterns } = JSON.parse(content.toString('utf8')) as {
    readonly clientId: string;
    readonly patterns: readonly string[];
  };
  follower.subscribed(clientId, patterns);
};
