import { expect, it } from '@jest/globals';
import { BufferRoom, COUNTED_BYTES, RoomShare } from './buffer-room.js';

const KB = 1_024;
const scene = () => {
  const room = new BufferRoom(4_000 * KB, 100 * KB);
  const asked: string[] = [];
  const share = (name: string, deviceId?: string): RoomShare => {
    const connection = {};
    if (deviceId !== undefined) room.isOf(connection, deviceId);
    return new RoomShare(room, connection, () => asked.push(name));
  };
  return { room, asked, share };
};

it('has no more for one device than a quarter, however many connections it has, nor for all strangers', () => {
  const { share } = scene();
  for (const owner of ['greedy', undefined]) {
    expect(share('one', owner).take(600 * KB)).toBe(true);
    expect(share('two', owner).take(600 * KB)).toBe(false);
    expect(share('three', owner).take(400 * KB)).toBe(true);
  }
  expect(share('another', 'honest').take(600 * KB)).toBe(true);
});

it('has no more for all than there is, and asks who waits when something is given back', () => {
  const { asked, share } = scene();
  const first = share('first', 'a');
  for (const [name, own] of [
    ['b', share('b', 'b')],
    ['c', share('c', 'c')],
    ['d', share('d', 'd')],
  ] as const) {
    expect([name, own.take(1_000 * KB)]).toEqual([name, true]);
  }
  expect(first.take(1_000 * KB)).toBe(true);
  const late = share('late', 'e');
  expect(late.take(500 * KB)).toBe(false);
  first.take(400 * KB);
  expect(asked).toEqual(['late']);
  expect(late.take(500 * KB)).toBe(true);
  first.end();
  late.end();
});

it('counts what a stranger has begun as a stranger until it is whole, and nothing that is small', () => {
  const { room, share } = scene();
  const connection = {};
  const own = new RoomShare(room, connection, () => undefined);
  expect(own.take(1_000 * KB)).toBe(true);
  room.isOf(connection, 'device');
  expect(share('stranger').take(100 * KB)).toBe(false);
  own.take(0);
  expect(share('stranger').take(1_000 * KB)).toBe(true);
  expect(own.take(1_000 * KB)).toBe(true);
  expect(share('other', 'device').take(COUNTED_BYTES)).toBe(true);
});

it('has room for the largest packet, however little there is', () => {
  const room = new BufferRoom(100 * KB, 100 * KB);
  expect(new RoomShare(room, {}, () => undefined).take(100 * KB)).toBe(true);
});
