import { describe, expect, it } from '@jest/globals';
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

describe('a packet that ends before what it must hold', () => {
  const connect = (protocolVersion: 4 | 5): Buffer =>
    generate({
      cmd: 'connect',
      protocolVersion,
      protocolId: 'MQTT',
      clientId: 'a',
      clean: true,
      keepalive: 0,
    });
  const faultOf = (protocolVersion: 4 | 5, ...bytes: readonly number[]): string | undefined => {
    const reader = new PacketReader(1_000);
    reader.push(connect(protocolVersion));
    expect([reader.fault, reader.push(Buffer.from(bytes))]).toEqual([undefined, []]);
    return reader.fault;
  };

  it('is a fault: written again it would announce more than it has, and take what comes next for its own', () => {
    // QoS 1, and nothing after the topic; then the same with the packet identifier in what follows.
    expect(faultOf(4, 0x32, 3, 0, 1, 0x61)).toBe('a publish that ends before what it must hold');
    expect(faultOf(4, 0x32, 3, 0, 1, 0x61, 0xc0, 0)).toBe('a publish that ends before what it must hold');
    expect(faultOf(4, 0x40, 0)).toBe('a puback that ends before what it must hold');
    expect(faultOf(4, 0x62, 1, 0)).toBe('a pubrel that ends before what it must hold');
  });

  it('is one in a property of MQTT 5, and so is a property that is there twice', () => {
    // A topic to answer to of 9 bytes where there is one; an interval of 4 bytes where there are 2; two of them.
    expect(faultOf(5, 0x30, 8, 0, 1, 0x61, 4, 0x08, 0, 9, 0x62)).toMatch(/property/);
    expect(faultOf(5, 0x30, 7, 0, 1, 0x61, 3, 0x02, 0, 1)).toMatch(/property/);
    expect(faultOf(5, 0x30, 14, 0, 1, 0x61, 10, 2, 0, 0, 0, 1, 2, 0, 0, 0, 1)).toMatch(/twice/);
    // A subscription identifier that goes on where all ends.
    expect(faultOf(5, 0x82, 5, 0, 1, 2, 0x0b, 0x80)).toMatch(/property/);
  });

  it.each(['receiveMaximum', 'maximumPacketSize'])(
    'is one with a %s of 0, which would let nothing through',
    (name) => {
      const faultWith = (value: number): string | undefined => {
        const reader = new PacketReader(1_000);
        reader.push(
          generate(
            {
              ...{ cmd: 'connect', protocolVersion: 5, protocolId: 'MQTT', clientId: 'a', clean: true },
              ...{ keepalive: 0, properties: { [name]: value } },
            },
            { protocolVersion: 5 },
          ),
        );
        return reader.fault;
      };
      expect(faultWith(1)).toBeUndefined();
      expect(faultWith(0)).toMatch(/a connect with a property that .* has no such value/);
    },
  );
});
