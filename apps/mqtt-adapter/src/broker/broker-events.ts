import type { ChannelModel, ConsumeMessage } from 'amqplib';
import type { Logger } from '@muster/observability';
import { AckWindow } from '../inbound/ack-window.js';
import { acknowledgeOn, channelOf } from './rabbitmq-connection.js';
import { BROKER_EVENTS_QUEUE, EVENT_EXCHANGE, MQTT_EXCHANGE, SUBSCRIBED_KEY } from './topology.js';

export interface BrokerEvent {
  /** `binding.created`, `consumer.created`, … */
  readonly name: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Another process may have begun to act upon it. */
  readonly redelivered: boolean;
}

const PREFETCH = 1_000;

/**
 * What RabbitMQ tells of its clients (rabbitmq_event_exchange): the body is empty, the routing key is the event's name, the
 * data is in the headers. Replicas share the queue. An event is acknowledged when it has been acted upon.
 */
export const consumeBrokerEvents = async (
  connection: ChannelModel,
  handle: (event: BrokerEvent) => Promise<void>,
  logger: Logger,
): Promise<void> => {
  const channel = await channelOf(connection, () => connection.createChannel(), logger);
  await channel.prefetch(PREFETCH);
  const window = new AckWindow(acknowledgeOn(channel), PREFETCH / 4);
  channel.once('close', () => window.close());
  await channel.consume(BROKER_EVENTS_QUEUE, (delivery) => {
    if (delivery === null) {
      logger.error('RabbitMQ cancelled the consumer of its events');
      void connection.close().catch(() => undefined);
      return;
    }
    const { deliveryTag } = delivery.fields;
    window.delivered(deliveryTag);
    void handle(eventOf(delivery)).then(() => window.finish(deliveryTag));
  });
};

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

/** The same for every replica, each with a queue of its own that ends with its connection. */
export const followSessions = async (
  connection: ChannelModel,
  follower: SessionFollower,
  logger: Logger,
): Promise<void> => {
  const channel = await channelOf(connection, () => connection.createChannel(), logger);
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (const key of OF_SESSIONS) await channel.bindQueue(queue, EVENT_EXCHANGE, key);
  await channel.bindQueue(queue, MQTT_EXCHANGE, SUBSCRIBED_KEY);
  await channel.consume(
    queue,
    (delivery) => {
      if (delivery === null) void connection.close().catch(() => undefined);
      else if (delivery.fields.routingKey === SUBSCRIBED_KEY) tellSubscribed(delivery.content, follower);
      else follower.follow(eventOf(delivery));
    },
    { noAck: true },
  );
};

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
