import { uplinkBindings } from '@muster/kp1';

/**
 * Exchanges, queues and bindings of the broker; the same as deploy/rabbitmq/definitions.json, but for one (a spec compares them).
 * They must exist before MQTT listens: the broker acknowledges and drops what no queue is bound for.
 *
 * Requests with an id do not go straight to a queue. Their binding ends in `*` for the id, which also fits the word
 * "status" of our own pushes (`…config.json.status`): every push would come back to us, and `mandatory` would never say
 * that nobody is subscribed, because our own queue counts. So they pass `muster.uplink-requests`, where what ends in
 * status or error is routed to an exchange without bindings; only what nothing there matches takes the alternate
 * exchange and goes on to the queue of its destination. Seen on 3.10.8: NO_ROUTE comes back for a push, the request
 * arrives, no measurable cost.
 */
export const BROKER_EVENTS_QUEUE = 'muster.broker-events';
/** By which the door tells of a SUBSCRIBE, on the exchange of MQTT. */
export const SUBSCRIBED_KEY = 'muster.subscribed';
/** Where MQTT clients publish and subscribe (`mqtt.exchange`). */
export const MQTT_EXCHANGE = 'amq.topic';
export const EVENT_EXCHANGE = 'amq.rabbitmq.event';
/** Brings a request to the queue of its destination, by the extension in its routing key. Replies must not come here. */
export const DESTINATIONS_EXCHANGE = 'muster.destinations';
/** Brings whatever it is to the queue of device-registry, which has to say first whose it is. */
export const UNDECIDED_EXCHANGE = 'muster.undecided';
const UPLINK_EXCHANGE = 'muster.uplink';
const REQUESTS_EXCHANGE = 'muster.uplink-requests';
const NOWHERE_EXCHANGE = 'muster.nowhere';

/** A service that devices' messages end in, with a queue of its own: one that is away holds up nothing but its own. */
export interface Destination {
  readonly name: 'telemetry' | 'configuration' | 'registry' | 'commands' | 'firmware';
  readonly queue: string;
  /** Of kp1's topics. */
  readonly extensions: readonly string[];
}

export const REGISTRY: Destination = {
  name: 'registry',
  queue: 'muster.uplink.registry',
  extensions: ['epmx'],
};

export const DESTINATIONS: readonly Destination[] = [
  // The queue that earlier versions had for everything: nothing has to be moved at an upgrade, and what lies there for
  // others is handed on when its turn comes.
  { name: 'telemetry', queue: 'muster.uplink', extensions: ['dcx'] },
  { name: 'configuration', queue: 'muster.uplink.configuration', extensions: ['cmx'] },
  REGISTRY,
  { name: 'commands', queue: 'muster.uplink.commands', extensions: ['cex'] },
  { name: 'firmware', queue: 'muster.uplink.firmware', extensions: ['cmx_ota', 'bcx'] },
];

const OLD_QUEUE = 'muster.uplink';

/** Undefined: an extension that no resource has. */
export const destinationOf = (extension: string): Destination | undefined =>
  DESTINATIONS.find(({ extensions }) => extensions.includes(extension));

const queueOf = (extension: string): string => {
  const destination = destinationOf(extension);
  if (destination === undefined) throw new Error(`no destination for ${extension}`);
  return destination.queue;
};

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
  readonly obsoleteQueues: readonly string[];
}

const binding = (
  source: string,
  destinationType: Binding['destinationType'],
  destination: string,
  routingKey: string,
): Binding => ({ source, destination, destinationType, routingKey });

/**
 * Not in the definitions: RabbitMQ 4.0 begins to tell of events when it sees a first binding to their exchange, and definitions are
 * imported at the same time, so that of two it saw the first no more than the second, and told of nothing until its restart.
 */
export const CONSUMER_EVENTS = binding(EVENT_EXCHANGE, 'queue', BROKER_EVENTS_QUEUE, 'consumer.created');

export const TOPOLOGY: Topology = {
  exchanges: [
    { name: UPLINK_EXCHANGE, type: 'fanout', arguments: {} },
    { name: REQUESTS_EXCHANGE, type: 'topic', arguments: { 'alternate-exchange': UPLINK_EXCHANGE } },
    { name: NOWHERE_EXCHANGE, type: 'fanout', arguments: {} },
    { name: DESTINATIONS_EXCHANGE, type: 'topic', arguments: {} },
    { name: UNDECIDED_EXCHANGE, type: 'fanout', arguments: {} },
  ],
  queues: [
    ...DESTINATIONS.map(({ queue }) => ({
      name: queue,
      arguments: {
        'x-queue-type': 'quorum',
        // The default, drop-head, loses the oldest without a word; so the device is not given its PUBACK instead.
        'x-overflow': 'reject-publish',
        'x-max-length': 5_000_000,
        // 4.0 drops a message after 20 redeliveries; -1 means "at once" on 3.10.
        'x-delivery-limit': 1_000_000,
      },
    })),
    {
      name: BROKER_EVENTS_QUEUE,
      // Old events are worth nothing: who subscribes while no adapter runs gets its document when it asks or connects.
      arguments: { 'x-queue-type': 'classic', 'x-overflow': 'drop-head', 'x-max-length': 100_000 },
    },
  ],
  bindings: [
    ...DESTINATIONS.flatMap(({ queue, extensions }) =>
      extensions.map((extension) => binding(DESTINATIONS_EXCHANGE, 'queue', queue, `kp1.*.${extension}.#`)),
    ),
    binding(UNDECIDED_EXCHANGE, 'queue', REGISTRY.queue, ''),
    // A fanout in between because earlier versions have it: an exchange cannot change its type.
    binding(UPLINK_EXCHANGE, 'exchange', DESTINATIONS_EXCHANGE, ''),
    binding(REQUESTS_EXCHANGE, 'exchange', NOWHERE_EXCHANGE, '#.status'),
    binding(REQUESTS_EXCHANGE, 'exchange', NOWHERE_EXCHANGE, '#.error'),
    ...uplinkBindings().map(({ pattern, extension, endsInAnything }) =>
      endsInAnything
        ? binding(MQTT_EXCHANGE, 'exchange', REQUESTS_EXCHANGE, pattern)
        : binding(MQTT_EXCHANGE, 'queue', queueOf(extension), pattern),
    ),
    binding(EVENT_EXCHANGE, 'queue', BROKER_EVENTS_QUEUE, 'binding.created'),
    CONSUMER_EVENTS,
  ],
  obsoleteBindings: [
    ...uplinkBindings()
      .filter(({ extension, endsInAnything }) => endsInAnything || queueOf(extension) !== OLD_QUEUE)
      .map(({ pattern }) => binding(MQTT_EXCHANGE, 'queue', OLD_QUEUE, pattern)),
    binding(UPLINK_EXCHANGE, 'queue', OLD_QUEUE, ''),
  ],
  // Connections are told by the door.
  obsoleteQueues: ['muster.presence'],
};
