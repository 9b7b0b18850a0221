import { describe, expect, it } from '@jest/globals';
import type { ConsumeMessage } from 'amqplib';
import { stamped } from '@muster/uplink';
import { headersOf, inboundOf } from './uplink-consumer.js';

/** As RabbitMQ delivers a publish of MQTT; of a delivery only what is read. */
const delivery = (properties: Partial<ConsumeMessage['properties']>, redelivered = false): ConsumeMessage =>
  ({
    content: Buffer.from('{}'),
    fields: { routingKey: 'kp1.v1.dcx.tok1.json', redelivered, deliveryTag: 7 },
    properties,
  }) as ConsumeMessage;

const NOW = 1_795_868_948_000_000;

describe('a delivery', () => {
  it('arrived when we had it first, also after it was handed on to another queue', () => {
    const first = inboundOf(delivery({}), 0, NOW);
    expect(first.arrivedAt).toBe(NOW);
    const later = inboundOf(delivery({ headers: headersOf(first) }), 0, NOW + 5_000_000);
    expect(later.arrivedAt).toBe(NOW);
  });

  it('arrived when the door had it, which has said so, however long it waited since', () => {
    const content = stamped('{"t":1}', NOW - 5_000_000);
    const first = inboundOf({ ...delivery({}), content }, 7_000, NOW);
    expect(first).toMatchObject({ arrivedAt: NOW - 5_000_000, waitedMs: 0, payload: Buffer.from('{"t":1}') });
    const { payload } = first;
    const later = inboundOf({ ...delivery({ headers: headersOf(first) }), content: payload }, 0, NOW + 1);
    expect(later).toMatchObject({ arrivedAt: NOW - 5_000_000, waitedMs: 0, payload });
  });

  it('with the time of the door is told by that when it is delivered again, also from another queue', () => {
    const content = stamped('{"t":1}', NOW - 5_000_000);
    const again = inboundOf(
      { ...delivery({ headers: { 'x-mqtt-dup': true } }, true), content },
      Infinity,
      NOW,
    );
    expect(again).toMatchObject({ arrivedAt: NOW - 5_000_000, redelivered: false, duplicate: true });
    const later = { ...delivery({ headers: headersOf(again) }, true), content: again.payload };
    expect(inboundOf(later, 0, NOW + 1)).toMatchObject({ arrivedAt: NOW - 5_000_000, redelivered: false });
  });

  it('is a duplicate where the door says so, also from another queue', () => {
    const first = inboundOf({ ...delivery({}), content: stamped('{"t":1}', NOW, true) }, 0, NOW);
    expect(first).toMatchObject({ duplicate: true, arrivedAt: NOW, payload: Buffer.from('{"t":1}') });
    const later = { ...delivery({ headers: headersOf(first) }), content: first.payload };
    expect(inboundOf(later, 0, NOW)).toMatchObject({ duplicate: true });
    expect(inboundOf({ ...delivery({}), content: stamped('{}', NOW) }, 0, NOW)).toMatchObject({
      duplicate: false,
    });
  });

  it('waited before that, and no longer because it was handed on; what is not known stays so', () => {
    const again = (waitedMs: number) =>
      inboundOf(delivery({ headers: headersOf(inboundOf(delivery({}), waitedMs, NOW)) }), 0, NOW + 5_000_000);
    expect(again(1_500.2)).toMatchObject({ arrivedAt: NOW, waitedMs: 1_501 });
    expect(again(Infinity)).toMatchObject({ arrivedAt: NOW, waitedMs: Infinity });
  });

  it.each([
    ['3.10, QoS 1', { deliveryMode: 2, headers: { 'x-mqtt-publish-qos': 1, 'x-mqtt-dup': false } }, 1],
    ['3.10, QoS 0', { deliveryMode: 1, headers: { 'x-mqtt-publish-qos': 0, 'x-mqtt-dup': false } }, 0],
    ['4.x, QoS 1', { deliveryMode: 2 }, 1],
    ['4.x, QoS 0', { deliveryMode: 1 }, 0],
  ])('of %s has its quality of service and no mark', (_what, properties, qos) => {
    expect(inboundOf(delivery(properties), 0, NOW)).toMatchObject({
      qos,
      redelivered: false,
      duplicate: false,
    });
  });

  it.each([
    [true, false],
    [false, true],
    [true, true],
  ])("tells the broker's redelivery (%s) from the client's duplicate (%s)", (redelivered, duplicate) => {
    const headers = { 'x-mqtt-publish-qos': 1, 'x-mqtt-dup': duplicate };
    expect(inboundOf(delivery({ headers }, redelivered), 0, NOW)).toMatchObject({ redelivered, duplicate });
  });
});
