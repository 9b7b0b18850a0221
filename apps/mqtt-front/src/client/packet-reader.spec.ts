import { expect, it } from '@jest/globals';
import { generate, type Packet } from 'mqtt-packet';
import { PacketReader } from './packet-reader.js';

const publish = (bytes: number): Buffer =>
  generate({
    ...{ cmd: 'publish', topic: 'a', payload: Buffer.alloc(bytes), qos: 0, dup: false, retain: false },
  });

it('gives packets as they become whole, and says what is awaited', () => {
  const reader = new PacketReader(1_000);
  const bytes = Buffer.concat([publish(100), publish(200)]);
  expect(reader.push(bytes.subarray(0, 150)).map(({ cmd }) => cmd)).toEqual(['publish']);
  expect(reader.isWhole).toBe(false);
  expect(reader.awaited).toBeGreaterThan(200);
  expect(reader.push(bytes.subarray(150))).toHaveLength(1);
  expect([reader.isWhole, reader.fault]).toEqual([true, undefined]);
});

it('knows one that is too large by its first bytes, and keeps none of it', () => {
  const reader = new PacketReader(1_000);
  expect(reader.push(publish(60_000_000).subarray(0, 5))).toEqual([]);
  expect(reader.fault).toBe('a packet has more than 1000 bytes');
  const small = new PacketReader(1_000);
  expect(small.push(Buffer.concat([publish(10), publish(2_000)]))).toHaveLength(1);
  expect(small.fault).toBe('a packet has more than 1000 bytes');
});

it('takes whatever the codec throws for a fault of the client', () => {
  for (const bytes of [
    [0xf0, 0],
    [0x30, 1, 0],
    [0x82, 0],
    [0x10, 0],
    [0x36, 0],
  ]) {
    const reader = new PacketReader(1_000);
    expect(reader.push(Buffer.from(bytes))).toEqual([]);
    expect([bytes, reader.fault]).toEqual([bytes, expect.any(String)]);
  }
});

it('takes a packet identifier of 0 for a fault, where the answer would name it', () => {
  const fault = (packet: Packet): string | undefined => {
    const reader = new PacketReader(1_000);
    reader.push(generate(packet));
    return reader.fault;
  };
  const message = { cmd: 'publish', topic: 'a', payload: 'x', dup: false, retain: false } as const;
  expect(fault({ ...message, qos: 0 })).toBeUndefined();
  expect(fault({ ...message, qos: 1, messageId: 1 })).toBeUndefined();
  for (const [bytes, cmd] of [
    [[0x32, 0x06, 0, 1, 0x61, 0, 0, 0x78], 'publish'],
    [[0x34, 0x06, 0, 1, 0x61, 0, 0, 0x78], 'publish'],
    [[0x82, 0x06, 0, 0, 0, 1, 0x61, 1], 'subscribe'],
    [[0xa2, 0x05, 0, 0, 0, 1, 0x61], 'unsubscribe'],
  ] as const) {
    const reader = new PacketReader(1_000);
    expect(reader.push(Buffer.from(bytes))).toEqual([]);
    expect(reader.fault).toBe(`a ${cmd} whose packet identifier is 0`);
  }
});
