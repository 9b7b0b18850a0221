import { expect, it } from '@jest/globals';
import { askOn } from './ask-on.js';

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

it('asks about 500 at a time', async () => {
  const asked: number[] = [];
  await askOn(
    numbers(1_200),
    async (some) => {
      asked.push(some.length);
      return {};
    },
    async () => [],
  );
  expect(asked).toEqual([500, 500, 200]);
});

it('asks about everybody once, about few where few fill an answer', async () => {
  const asked: number[] = [];
  const answered: number[] = [];
  await askOn(
    numbers(500),
    async (some) => {
      asked.push(some.length);
      return { items: some.slice(0, 20), askAgain: some.slice(20) };
    },
    async ({ items }) => {
      answered.push(...items);
      return [];
    },
  );
  expect(answered).toEqual(numbers(500));
  // Asked about all that are left each time, the service would have had to look at 6,500.
  expect(asked.reduce((sum, one) => sum + one, 0)).toBeLessThan(1_600);
});

it('asks once more about those of whom the answer was overtaken', async () => {
  const asked: number[][] = [];
  await askOn(
    [1, 2],
    async (some) => {
      asked.push(some);
      return {};
    },
    async () => (asked.length === 1 ? [2] : []),
  );
  expect(asked).toEqual([[1, 2], [2]]);
});
