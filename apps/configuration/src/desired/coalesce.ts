import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Makes batches of what comes while the batch before is under way: who comes to an idle one does not wait, and the busier
 * it gets the larger its batches. `run` answers one outcome per item, in their order; when it rejects, all items of the
 * batch do. Must be made outside of any request: its batches run without the deadline and trace of a caller.
 */
export const coalesce = <Item, Outcome>(
  run: (items: readonly Item[]) => Promise<readonly Outcome[]>,
  { most, atOnce }: { readonly most: number; readonly atOnce: number },
): ((item: Item) => Promise<Outcome>) => {
  const outside = AsyncLocalStorage.snapshot();
  let waiting: { item: Item; resolve: (outcome: Outcome) => void; reject: (error: unknown) => void }[] = [];
  let underWay = 0;

  const work = async (): Promise<void> => {
    underWay += 1;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, most);
      waiting = waiting.slice(most);
      try {
        const outcomes = await run(batch.map(({ item }) => item));
        batch.forEach(({ resolve, reject }, index) => {
          const outcome = outcomes[index];
          if (outcome === undefined) reject(new Error(`item ${index} of a batch has no outcome`));
          else resolve(outcome);
        });
      } catch (error) {
        batch.forEach(({ reject }) => reject(error));
      }
    }
    underWay -= 1;
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      // Those that arrived in the same turn of the loop share a batch also when nothing is under way.
      if (underWay < atOnce)
        outside(() => setImmediate(() => void (underWay < atOnce && waiting.length > 0 && work())));
    });
};
