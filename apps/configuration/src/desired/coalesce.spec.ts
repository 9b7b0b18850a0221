import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { coalesce } from './coalesce.js';

/** Batches that end when they are told to. */
const gate = (limits: { most: number; atOnce: number }) => {
  const batches: { items: readonly number[]; end(): void; fail(error: Error): void }[] = [];
  const take = coalesce<number, string>(
    (items) =>
      new Promise((resolve, reject) =>
        batches.push({ items, end: () => resolve(items.map((item) => `${item} done`)), fail: reject }),
      ),
    limits,
  );
  return { batches, take };
};
const turn = () => new Promise((resolve) => setImmediate(resolve));
const settle = async () => {
  for (let n = 0; n < 5; n += 1) await turn();
};

describe('what is coalesced', () => {
  it('begins at once, and gathers while a batch is under way', async () => {
    const { batches, take } = gate({ most: 10, atOnce: 1 });
    const first = take(1);
    await settle();
    const others = [take(2), take(3), take(4)];
    await settle();
    expect(batches.map(({ items }) => items)).toEqual([[1]]);
    batches[0]?.end();
    await settle();
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]);
    batches[1]?.end();
    expect(await Promise.all([first, ...others])).toEqual(['1 done', '2 done', '3 done', '4 done']);
  });

  it('shares a batch when it comes together, up to the largest', async () => {
    const { batches, take } = gate({ most: 2, atOnce: 2 });
    const all = [1, 2, 3, 4, 5].map(take);
    await settle();
    expect(batches.map(({ items }) => items)).toEqual([
      [1, 2],
      [3, 4],
    ]);
    batches.forEach(({ end }) => end());
    await settle();
    batches[2]?.end();
    expect(await Promise.all(all)).toHaveLength(5);
  });

  it('fails with its batch, and not with the next', async () => {
    const { batches, take } = gate({ most: 1, atOnce: 1 });
    const outcomes = Promise.allSettled([take(1), take(2)]);
    await settle();
    batches[0]?.fail(new Error('away'));
    await settle();
    batches[1]?.end();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  });

  it('runs outside of the request of whoever began the batch', async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const take = coalesce<number, number>(
      (items) => {
        seen.push(request.getStore());
        return Promise.resolve(items);
      },
      { most: 1, atOnce: 1 },
    );
    await request.run('a deadline', () => Promise.all([take(1), take(2)]));
    expect(seen).toEqual([undefined, undefined]);
  });
});
