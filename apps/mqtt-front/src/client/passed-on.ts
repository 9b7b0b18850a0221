import type { IConnackPacket, IConnectPacket } from 'mqtt-packet';
import type { Wire } from './protocol.js';

type Properties<P extends { properties?: unknown }> = NonNullable<P['properties']>;
type Will = NonNullable<IConnectPacket['will']>;

/** Topic aliases would let a client publish where nobody has looked. */
const KEPT_FROM_BROKER = new Set(['topicAliasMaximum', 'authenticationData']);
/** Said by the front, or not true of it. */
const KEPT_FROM_CLIENT = new Set(['topicAliasMaximum', 'serverKeepAlive', 'assignedClientIdentifier']);

const without = <P extends object>(properties: P, names: ReadonlySet<string>): P =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => !names.has(name))) as P; // all are optional

/** Of MQTT 5: what the broker is told of the client's CONNECT. */
export const forBroker = (properties: Properties<IConnectPacket>): Properties<IConnectPacket> =>
  without(properties, KEPT_FROM_BROKER);

/** Nothing is retained, and the broker has QoS 1 at most. */
export const willFor = (will: Will): Will => ({
  ...will,
  retain: false,
  qos: will.qos === 1 || will.qos === 2 ? 1 : 0,
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
      ...without(broker?.properties ?? {}, KEPT_FROM_CLIENT),
      retainAvailable: false,
      sharedSubscriptionAvailable: false,
      maximumPacketSize: front.maxPacketBytes,
      ...(front.assigned === undefined ? {} : { assignedClientIdentifier: front.assigned }),
    },
  };
};
