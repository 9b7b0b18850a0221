import { describe, expect, it } from '@jest/globals';
import type { ConsumeMessage } from 'amqplib';
import { inboundOf } from './uplink-consumer.js';

/** As RabbitMQ delivers a publish of MQTT; of a delivery only what is read. */
const delivery = (properties: Partial<ConsumeMessage['properties']>, redelivered = false): ConsumeMessage =>
  ({
    content: Buffer.from('{}'),
    fields: { routingKey: 'kp1.v1.dcx.tok1.json', redelivered, deliveryTag: 7 },
    properties,
  }) as ConsumeMessage;

describe('a delivery', () => {
  it.each([
    ['3.10, QoS 1', { deliveryMode: 2, headers: { 'x-mqtt-publish-qos': 1, 'x-mqtt-dup': false } }, 1],
    ['3.10, QoS 0', { deliveryMode: 1, headers: { 'x-mqtt-publish-qos': 0, 'x-mqtt-dup': false } }, 0],
    ['4.x, QoS 1', { deliveryMode: 2 }, 1],
    ['4.x, QoS 0', { deliveryMode: 1 }, 0],
  ])('of %s has its quality of service and no mark', (_what, properties, qos) => {
    expect(inboundOf(delivery(properties), 0)).toMatchObject({ qos, redelivered: false, duplicate: false });
  });

  it.each([
    [true, false],
    [false, true],
    [true, true],
  ])("tells the broker's redelivery (%s) from the client's duplicate (%s)", (redelivered, duplicate) => {
    const headers = { 'x-mqtt-publish-qos': 1, 'x-mqtt-dup': duplicate };
    expect(inboundOf(delivery({ headers }, redelivered), 0)).toMatchObject({ redelivered, duplicate });
  });
});
