import type { IConnackPacket, IConnectPacket } from 'mqtt-packet';
import type { Wire } from './protocol.js';

type Will = NonNullable<IConnectPacket['will']>;

/**
 * Of MQTT 5: what the broker is told of a client's properties, and nothing of a PUBLISH. Nobody here reads the others, and RabbitMQ
 * makes AMQP of them, which cannot hold all that MQTT can; an expiry would end what is acknowledged and not stored yet. Topic
 * aliases would let a client publish where nobody has looked.
 */
const KEPT_FOR_BROKER = new Set([
  ...['sessionExpiryInterval', 'receiveMaximum', 'maximumPacketSize', 'requestProblemInformation'],
  ...['willDelayInterval', 'subscriptionIdentifier'],
]);
/** Said by the front, or not true of it: it takes QoS 2. RabbitMQ makes a user property of a header of mqtt-adapter. */
const KEPT_FROM_CLIENT = new Set([
  ...['topicAliasMaximum', 'serverKeepAlive', 'assignedClientIdentifier', 'maximumQoS', 'userProperties'],
]);

const those = <P extends object>(properties: P | undefined, isMeant: (name: string) => boolean): P =>
  Object.fromEntries(Object.entries(properties ?? {}).filter(([name]) => isMeant(name))) as P; // all are optional

export const forBroker = <P extends object>(properties: P | undefined): P =>
  those(properties, (name) => KEPT_FOR_BROKER.has(name));

export const forClient = <P extends object>(properties: P | undefined): P =>
  those(properties, (name) => !KEPT_FROM_CLIENT.has(name));

/** Nothing is retained, and the broker has QoS 1 at most. */
export const willFor = (will: Will): Will => ({
  ...will,
  retain: false,
  qos: will.qos === 1 || will.qos === 2 ? 1 : 0,
  properties: forBroker(will.properties),
});

/** What a client is told of its connection: the broker's word, where it has one there, but for what the front does itself. */
export const connackFor = (
  wire: Wire,
  broker: IConnackPacket | undefined,
  front: { readonly maxPacketBytes: number; readonly assigned: string | undefined },
): Omit<IConnackPacket, 'cmd' | 'returnCode' | 'reasonCode'> => {
  const sessionPresent = broker?.sessionPresent ?? false;
  if (!wire.isFive) return { sessionPresent };
  return {
    sessionPresent,
    properties: {
      ...forClient(broker?.properties),
      retainAvailable: false,
      sharedSubscriptionAvailable: false,
      maximumPacketSize: front.maxPacketBytes,
      ...(front.assigned === undefined ? {} : { assignedClientIdentifier: front.assigned }),
    },
  };
};
