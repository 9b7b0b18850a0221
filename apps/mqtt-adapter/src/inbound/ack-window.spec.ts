import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AckWindow } from './ack-window.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const windowOf = ({ delivered, most = 100 }: { delivered: number; most?: number }) => {
  const acked: number[] = [];
  const alone: number[] = [];
  const window = new AckWindow({ upTo: (tag) => acked.push(tag), one: (tag) => alone.push(tag) }, most);
  for (let tag = 1; tag <= delivered; tag += 1) window.delivered(tag);
  return { acked, alone, window };
};

describe('the ack window', () => {
  it('acks up to the last message before the first unfinished one', async () => {
    const { acked, window } = windowOf({ delivered: 5 });
    for (const tag of [3, 1, 2, 5]) window.finish(tag);
    await turn();
    expect(acked).toEqual([3]);
    expect(window.unfinished).toBe(1);
    window.finish(4);
    await turn();
    expect(acked).toEqual([3, 5]);
    expect(window.unfinished).toBe(0);
  });

  it('acks all that finish in one turn at once', async () => {
    const { acked, alone, window } = windowOf({ delivered: 500 });
    for (let tag = 1; tag <= 500; tag += 1) window.finish(tag);
    await turn();
    expect(acked).toEqual([500]);
    expect(alone).toEqual([]);
  });

  it('acks each alone when many are finished behind one that is not, and never that one', async () => {
    const { acked, alone, window } = windowOf({ delivered: 6, most: 3 });
    for (const tag of [1, 3, 4]) window.finish(tag);
    await turn();
    expect([acked, alone]).toEqual([[1], []]);
    window.finish(6);
    await turn();
    expect([acked, alone]).toEqual([[1], [3, 4, 6]]);
    window.finish(5);
    window.finish(2);
    await turn();
    // Not up to 6: the broker takes a tag that it does not wait for as an error, and closes the channel.
    expect([acked, alone]).toEqual([
      [1, 5],
      [3, 4, 6],
    ]);
  });

  it('acks nothing on a channel that is gone', async () => {
    const { acked, window } = windowOf({ delivered: 2 });
    window.finish(1);
    window.close();
    window.finish(2);
    await turn();
    expect(acked).toEqual([]);
    expect(window.isOpen).toBe(false);
  });

  it('in whatever order messages finish: never acks an unfinished one, none twice, and in the end all', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: 40 }, (_, index) => index + 1),
          { minLength: 40 },
        ),
        fc.integer({ min: 1, max: 50 }),
        (order, most) => {
          const outstanding = new Set(order);
          const finished = new Set<number>();
          const take = (tag: number): void => {
            expect(finished.has(tag)).toBe(true);
            expect(outstanding.delete(tag)).toBe(true);
          };
          const window = new AckWindow(
            {
              one: take,
              upTo: (last) => {
                expect(outstanding.has(last)).toBe(true);
                for (const tag of [...outstanding].filter((one) => one <= last)) take(tag);
              },
            },
            most,
          );
          for (let tag = 1; tag <= 40; tag += 1) window.delivered(tag);
          for (const tag of order) {
            finished.add(tag);
            window.finish(tag);
            window.flush();
          }
          expect(outstanding.size).toBe(0);
        },
      ),
    );
  });
});
