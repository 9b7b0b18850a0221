/** `callers` of them until all `items` are done, in no order; throws what `work` throws. */
export const callAll = async <Item, Result>(
  items: readonly Item[],
  callers: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index] as Item); // the index is within
    }
  };
  await Promise.all(Array.from({ length: callers }, one));
  return results;
};
