import { createHash } from 'node:crypto';
import type { IConnectPacket } from 'mqtt-packet';
import type { Protocol } from './protocol.js';

/** Of a client's own id. */
export const MAX_CLIENT_ID_BYTES = 128;
/** An AMQP short string, less what RabbitMQ writes around the id in a queue's name. */
const MAX_BROKER_ID_BYTES = 255 - Buffer.byteLength('mqtt-subscription-qos1');

export type ConnectVerdict =
  | { readonly ok: true; readonly clientId: string; readonly isAssigned: boolean }
  | {
      readonly ok: false;
      readonly refusal: 'bad-client-id' | 'bad-protocol' | 'bad-method';
      readonly why: string;
    };

/** What a CONNECT says by itself. `makeId` gives an id to who has none and wants no session. */
export const judgeConnect = (
  packet: Pick<IConnectPacket, 'clientId' | 'clean' | 'protocolId' | 'protocolVersion' | 'properties'>,
  speaksFive: boolean,
  makeId: () => string,
): ConnectVerdict => {
  const bad = (why: string): ConnectVerdict => ({ ok: false, refusal: 'bad-client-id', why });
  const { clientId, protocolVersion = 4 } = packet;
  if (packet.protocolId !== undefined && (packet.protocolId === 'MQIsdp') !== (protocolVersion === 3)) {
    return {
      ok: false,
      refusal: 'bad-protocol',
      why: 'the name of one version of MQTT and the number of another',
    };
  }
  if (protocolVersion === 5 && !speaksFive) {
    return { ok: false, refusal: 'bad-protocol', why: 'MQTT 5, which the broker does not speak' };
  }
  // MQTT 5, 4.12: a client that wants to prove who it is in a way that is not spoken here is not let in without it.
  if (packet.properties?.authenticationMethod !== undefined) {
    return { ok: false, refusal: 'bad-method', why: 'an authentication method, of which none is spoken' };
  }
  if (clientId === '') {
    // MQTT 3.1 has no empty client ids, 3.1.1 none without a clean session.
    if (protocolVersion === 3 || (protocolVersion === 4 && packet.clean !== true)) {
      return bad('an empty client id, and a session to be kept');
    }
    return { ok: true, clientId: makeId(), isAssigned: true };
  }
  if (Buffer.byteLength(clientId) > MAX_CLIENT_ID_BYTES) {
    return bad(`a client id of more than ${MAX_CLIENT_ID_BYTES} bytes`);
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what it keeps out
  if (/[\u0000-\u001f\u007f\uFFFD]/.test(clientId)) return bad('a client id that is no text');
  return { ok: true, clientId, isAssigned: false };
};

/** Under what id a client of a device is known to the broker: a session belongs to its device, whoever else knows the id. */
export const brokerClientId = (tenantId: string, deviceId: string, clientId: string): string => {
  const whole = `${tenantId}.${deviceId}.${clientId}`;
  if (Buffer.byteLength(whole) <= MAX_BROKER_ID_BYTES) return whole;
  return `${tenantId}.${deviceId}.${createHash('sha256').update(clientId).digest('hex')}`;
};

/** Whether the broker is to keep its session when it has gone. */
export const keepsSession = ({
  clean,
  protocolVersion,
  properties,
}: Pick<IConnectPacket, 'clean' | 'protocolVersion' | 'properties'>): boolean =>
  protocolVersion === 5 ? (properties?.sessionExpiryInterval ?? 0) > 0 : clean !== true;

export const protocolOf = ({ protocolVersion }: Pick<IConnectPacket, 'protocolVersion'>): Protocol =>
  protocolVersion === 5 ? '5' : protocolVersion === 3 ? '3.1' : '3.1.1';
