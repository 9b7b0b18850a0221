import { describe, expect, it } from '@jest/globals';
import { FrameReader, publishOf, replyOfDelivery } from './nats-frames.js';

const wire = Buffer.from(
  'PING\r\n' +
    'PUB orders 5\r\nhe\r\nl\r\n' +
    'hpub orders _INBOX.1 12 14\r\nNATS/1.0\r\n\r\nok\r\n' +
    'HMSG orders 7 $JS.ACK.S.my-consumer.1.2.3.4.5 12 12\r\nNATS/1.0\r\n\r\n\r\n' +
    'MSG orders 7 0\r\n\r\n',
);

describe('the frames of a connection', () => {
  it.each([1, 2, 7, wire.length])('are the same in pieces of %i bytes, and lose nothing', (size) => {
    const reader = new FrameReader();
    const frames = [];
    for (let from = 0; from < wire.length; from += size)
      frames.push(...reader.read(wire.subarray(from, from + size)));
    expect(frames.map(({ verb }) => verb)).toEqual(['PING', 'PUB', 'HPUB', 'HMSG', 'MSG']);
    expect(Buffer.concat(frames.map(({ bytes }) => bytes))).toEqual(wire);
    expect(frames.map(publishOf)).toEqual([
      undefined,
      { subject: 'orders', reply: undefined },
      { subject: 'orders', reply: '_INBOX.1' },
      undefined,
      undefined,
    ]);
    expect(frames.map(replyOfDelivery)).toEqual([
      undefined,
      undefined,
      undefined,
      '$JS.ACK.S.my-consumer.1.2.3.4.5',
      undefined,
    ]);
  });
});
