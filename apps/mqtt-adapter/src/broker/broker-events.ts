import type { ChannelModel } from 'amqplib';
import type { Logger } from '@muster/observability';
import { AckWindow } from '../inbound/ack-window.js';
import type { BrokerEvent } from '../outbound/push-when-reachable.js';
import { ackUpTo, channelOf } from './rabbitmq-connection.js';
import { BROKER_EVENTS_QUEUE } from './topology.js';

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
  const window = new AckWindow((deliveryTag) => ackUpTo(channel, deliveryTag));
  channel.once('close', () => window.close());
  await channel.consume(BROKER_EVENTS_QUEUE, (delivery) => {
    if (delivery === null) {
      logger.error('RabbitMQ cancelled the consumer of its events');
      void connection.close().catch(() => undefined);
      return;
    }
    const { routingKey, deliveryTag } = delivery.fields;
    void handle({ name: routingKey, headers: delivery.properties.headers ?? {} }).then(() =>
      window.finish(deliveryTag),
    );
  });
};
