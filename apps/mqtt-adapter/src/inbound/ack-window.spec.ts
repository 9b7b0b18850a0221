import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AckWindow } from './ack-window.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const windowOf = () => {
  const acked: number[] = [];
  return { acked, window: new AckWindow((tag) => acked.push(tag)) };
};

describe('the ack window', () => {
  it('acks up to the last message before the first unfinished one', async () => {
    const { acked, window } = windowOf();
    for (const tag of [3, 1, 2, 5]) window.finish(tag);
    await turn();
    expect(acked).toEqual([3]);
    expect(window.unfinished(5)).toBe(1);
    window.finish(4);
    await turn();
    expect(acked).toEqual([3, 5]);
    expect(window.unfinished(5)).toBe(0);
  });

  it('acks all that finish in one turn at once', async () => {
    const { acked, window } = windowOf();
    for (let tag = 1; tag <= 500; tag += 1) window.finish(tag);
    await turn();
    expect(acked).toEqual([500]);
  });

  it('acks nothing on a channel that is gone', async () => {
    const { acked, window } = windowOf();
    window.finish(1);
    window.close();
    window.finish(2);
    await turn();
    expect(acked).toEqual([]);
    expect(window.isOpen).toBe(false);
  });

  it('in whatever order messages finish: never acks an unfinished one, and in the end all', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: 40 }, (_, index) => index + 1),
          { minLength: 40 },
        ),
        (order) => {
          const { acked, window } = windowOf();
          const finished = new Set<number>();
          for (const tag of order) {
            finished.add(tag);
            window.finish(tag);
            window.flush();
            const upTo = acked.at(-1) ?? 0;
            for (let one = 1; one <= upTo; one += 1) expect(finished.has(one)).toBe(true);
          }
          expect(acked.at(-1)).toBe(40);
          expect(acked).toEqual([...acked].sort((a, b) => a - b));
        },
      ),
    );
  });
});
