import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { PacketReader } from './packet-reader.js';
import { forBroker, willFor } from './passed-on.js';

const MESSAGE = { topic: 'kp1/a/dcx/t', payload: Buffer.from('{}'), dup: false, retain: false };
const SUBSCRIPTION = { topic: 'a/b', qos: 1 } as const;
const WILL = { topic: 'w', payload: Buffer.from('x'), qos: 1, retain: true } as const;

/** The packets that are passed on, and all of MQTT 5 that they may have. */
const said = (protocolVersion: 3 | 4 | 5): readonly Packet[] => {
  const protocolId = protocolVersion === 3 ? 'MQIsdp' : 'MQTT';
  const connect = { protocolId, protocolVersion, clientId: 'abc', clean: true, keepalive: 10 } as const;
  if (protocolVersion !== 5) {
    return [
      { cmd: 'connect', ...connect, will: WILL },
      { cmd: 'publish', qos: 1, messageId: 7, ...MESSAGE },
      { cmd: 'subscribe', messageId: 3, subscriptions: [SUBSCRIPTION] },
      { cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['a/b', 'c'] },
      { cmd: 'disconnect' },
    ];
  }
  const userProperties = { a: ['1', '2'], b: 'c' };
  const ofMessage = {
    ...{ payloadFormatIndicator: true, messageExpiryInterval: 5, contentType: 'c', userProperties },
    ...{ responseTopic: 'x/y', correlationData: Buffer.from('abc') },
  };
  const ofConnect = {
    ...{ sessionExpiryInterval: 10, receiveMaximum: 4, maximumPacketSize: 100, topicAliasMaximum: 5 },
    ...{ requestResponseInformation: true, requestProblemInformation: true, userProperties },
  };
  const will = { ...WILL, properties: { willDelayInterval: 4, ...ofMessage } };
  const subscriptions = [{ ...SUBSCRIPTION, nl: true, rap: true, rh: 1 }];
  return [
    { cmd: 'connect', ...connect, will, properties: ofConnect },
    { cmd: 'publish', qos: 1, messageId: 7, ...MESSAGE, properties: ofMessage },
    {
      cmd: 'subscribe',
      messageId: 3,
      subscriptions,
      properties: { subscriptionIdentifier: 145, userProperties },
    },
    { cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['a/b', 'c'], properties: { userProperties } },
    { cmd: 'disconnect', reasonCode: 4, properties: { sessionExpiryInterval: 5, reasonString: 'x' } },
  ];
};

/** As the front writes it to the broker. */
const written = (packet: Packet, protocolVersion: number): Buffer | undefined => {
  if (packet.cmd === 'connect') {
    const { will, properties, protocolId, clientId } = packet;
    const version = packet.protocolVersion ?? 4;
    const connect = { cmd: 'connect', clientId, clean: true, protocolVersion: version, protocolId } as const;
    return generate(
      {
        ...connect,
        ...(will === undefined ? {} : { will: willFor(will) }),
        properties: forBroker(properties),
      },
      { protocolVersion: version },
    );
  }
  if (packet.cmd === 'publish') return generate({ ...packet, properties: {} }, { protocolVersion });
  if (packet.cmd === 'unsubscribe') {
    if (packet.unsubscriptions.length === 0) return undefined;
    return generate({ ...packet, properties: {} }, { protocolVersion });
  }
  if (packet.cmd === 'subscribe' && packet.subscriptions.length === 0) return undefined;
  if (packet.cmd !== 'subscribe' && packet.cmd !== 'disconnect') return undefined;
  return generate({ ...packet, properties: forBroker<object>(packet.properties) }, { protocolVersion });
};

const change = fc.record({
  ...{ at: fc.nat(200), byte: fc.integer({ min: 0, max: 255 }) },
  how: fc.constantFrom('set', 'insert', 'end'),
});
type Change = typeof change extends fc.Arbitrary<infer One> ? One : never;

const changed = (bytes: Buffer, changes: readonly Change[]): Buffer =>
  changes.reduce((now, { at, byte, how }) => {
    const place = at % now.length;
    if (how === 'end') return now.length > 3 ? now.subarray(0, -1) : now;
    const rest = now.subarray(how === 'insert' ? place : place + 1);
    return Buffer.concat([now.subarray(0, place), Buffer.from([byte]), rest]);
  }, bytes);

/** Its length says how much there is, whatever became of its bytes. */
const fitted = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, 1), Buffer.from([Math.min(127, bytes.length - 2)]), bytes.subarray(2)]);

describe('what is passed on', () => {
  it('is one whole packet, whatever a client has sent', () => {
    fc.assert(
      fc.property(
        ...[fc.constantFrom(3, 4, 5), fc.nat(4), fc.array(change, { maxLength: 4 }), fc.boolean()],
        (protocolVersion, which, changes, isFitted) => {
          const bytes = said(protocolVersion).map((packet) => generate(packet, { protocolVersion }));
          const reader = new PacketReader(16_384);
          if (which > 0) reader.push(bytes[0] ?? Buffer.alloc(0));
          const sent = changed(bytes[which] ?? Buffer.alloc(0), changes);
          for (const packet of reader.push(isFitted ? fitted(sent) : sent)) {
            const again = written(packet, protocolVersion);
            if (again === undefined) continue;
            const broker = new PacketReader(16_384, protocolVersion);
            expect(broker.push(again)).toHaveLength(1);
            expect([broker.fault, broker.isWhole]).toEqual([undefined, true]);
          }
        },
      ),
      { numRuns: 4_000 },
    );
  });

  it('is nothing of what MQTT 5 lets a message carry besides its payload', () => {
    const properties = { contentType: 'c', userProperties: { a: 'b' }, willDelayInterval: 4 };
    expect(willFor({ topic: 'w', payload: Buffer.from(''), qos: 2, retain: true, properties })).toMatchObject(
      {
        ...{ qos: 1, retain: false },
        properties: { willDelayInterval: 4 },
      },
    );
    expect(
      Object.keys(forBroker({ sessionExpiryInterval: 5, topicAliasMaximum: 9, userProperties: {} })),
    ).toEqual(['sessionExpiryInterval']);
  });
});
