import { uplinkBindings } from '@muster/kp1';

/**
 * Exchanges, queues and bindings of the broker; the same as deploy/rabbitmq/definitions.json (a spec compares them).
 * They must exist before MQTT listens: the broker acknowledges and drops what no queue is bound for.
 *
 * Requests with an id do not go straight to the queue. Their binding ends in `*` for the id, which also fits the word
 * "status" of our own pushes (`…config.json.status`): every push would come back to us, and `mandatory` would never say
 * that nobody is subscribed, because our own queue counts. So they pass `muster.uplink-requests`, where what ends in
 * status or error is routed to an exchange without bindings; only what nothing there matches takes the alternate
 * exchange to the queue. Seen on 3.10.8: NO_ROUTE comes back for a push, the request arrives, no measurable cost.
 */
export const UPLINK_QUEUE = 'muster.uplink';
export const BROKER_EVENTS_QUEUE = 'muster.broker-events';
export const PRESENCE_QUEUE = 'muster.presence';
/** Where MQTT clients publish and subscribe (`mqtt.exchange`). */
export const MQTT_EXCHANGE = 'amq.topic';
export const EVENT_EXCHANGE = 'amq.rabbitmq.event';
const UPLINK_EXCHANGE = 'muster.uplink';
const REQUESTS_EXCHANGE = 'muster.uplink-requests';
const NOWHERE_EXCHANGE = 'muster.nowhere';

export interface Exchange {
  readonly name: string;
  readonly type: 'topic' | 'fanout';
  readonly arguments: Readonly<Record<string, string>>;
}

export interface Queue {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

export interface Binding {
  readonly source: string;
  readonly destination: string;
  readonly destinationType: 'queue' | 'exchange';
  readonly routingKey: string;
}

export interface Topology {
  readonly exchanges: readonly Exchange[];
  readonly queues: readonly Queue[];
  readonly bindings: readonly Binding[];
  /** Of earlier versions; taken away after the others are there. */
  readonly obsoleteBindings: readonly Binding[];
}

const binding = (
  source: string,
  destinationType: Binding['destinationType'],
  destination: string,
  routingKey: string,
): Binding => ({ source, destination, destinationType, routingKey });

export const TOPOLOGY: Topology = {
  exchanges: [
    { name: UPLINK_EXCHANGE, type: 'fanout', arguments: {} },
    { name: REQUESTS_EXCHANGE, type: 'topic', arguments: { 'alternate-exchange': UPLINK_EXCHANGE } },
    { name: NOWHERE_EXCHANGE, type: 'fanout', arguments: {} },
  ],
  queues: [
    {
      name: UPLINK_QUEUE,
      arguments: {
        'x-queue-type': 'quorum',
        // The default, drop-head, loses the oldest without a word; so the device is not given its PUBACK instead.
        'x-overflow': 'reject-publish',
        'x-max-length': 5_000_000,
        // 4.0 drops a message after 20 redeliveries; -1 means "at once" on 3.10.
        'x-delivery-limit': 1_000_000,
      },
    },
    {
      name: BROKER_EVENTS_QUEUE,
      // Old events are worth nothing: who subscribes while no adapter runs gets its document when it asks or connects.
      arguments: { 'x-queue-type': 'classic', 'x-overflow': 'drop-head', 'x-max-length': 100_000 },
    },
    {
      name: PRESENCE_QUEUE,
      // Here the old ones count: an end that is lost leaves a device connected until the broker is restarted. While no
      // adapter runs nobody can connect, so at most one event comes for each open connection.
      arguments: {
        'x-queue-type': 'classic',
        'x-single-active-consumer': true,
        'x-overflow': 'drop-head',
        'x-max-length': 1_000_000,
      },
    },
  ],
  bindings: [
    binding(UPLINK_EXCHANGE, 'queue', UPLINK_QUEUE, ''),
    binding(REQUESTS_EXCHANGE, 'exchange', NOWHERE_EXCHANGE, '#.status'),
    binding(REQUESTS_EXCHANGE, 'exchange', NOWHERE_EXCHANGE, '#.error'),
    ...uplinkBindings().map(({ pattern, endsInAnything }) =>
      endsInAnything
        ? binding(MQTT_EXCHANGE, 'exchange', REQUESTS_EXCHANGE, pattern)
        : binding(MQTT_EXCHANGE, 'queue', UPLINK_QUEUE, pattern),
    ),
    binding(EVENT_EXCHANGE, 'queue', BROKER_EVENTS_QUEUE, 'binding.created'),
    binding(EVENT_EXCHANGE, 'queue', BROKER_EVENTS_QUEUE, 'consumer.created'),
    binding(EVENT_EXCHANGE, 'queue', PRESENCE_QUEUE, 'connection.created'),
    binding(EVENT_EXCHANGE, 'queue', PRESENCE_QUEUE, 'connection.closed'),
  ],
  obsoleteBindings: uplinkBindings()
    .filter(({ endsInAnything }) => endsInAnything)
    .map(({ pattern }) => binding(MQTT_EXCHANGE, 'queue', UPLINK_QUEUE, pattern)),
};
