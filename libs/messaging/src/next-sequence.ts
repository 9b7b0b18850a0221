import type { ConsumerInfo } from '@nats-io/jetstream';

/**
 * Everything below was acknowledged, or came before the consumer began; 1 where that cannot be told yet. Before the first
 * acknowledgement the floor is 0; before the first delivery, what counts as delivered is all before the start.
 */
export const nextSequenceOf = ({
  ack_floor: floor,
  delivered,
}: Pick<ConsumerInfo, 'ack_floor' | 'delivered'>): number => {
  if (floor.consumer_seq > 0) return floor.stream_seq + 1;
  return delivered.consumer_seq > 0 ? 1 : delivered.stream_seq + 1;
};
