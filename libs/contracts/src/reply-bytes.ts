/**
 * How large a reply may become that holds many items of somebody else's size: a message of the bus takes 1 MB by default,
 * and a reply that is larger is none at all. One item alone may be larger than this: it came in a message of the bus.
 */
export const REPLY_BYTES = 700_000;

/** How many of these, from the first on, fit in a reply. Never none of some, so that whoever asks on gets on. */
export const howManyFit = (items: readonly unknown[]): number => {
  let bytes = 0;
  const tooMuch = items.findIndex((item, index) => {
    bytes += bytesOf(item);
    return index > 0 && bytes > REPLY_BYTES;
  });
  return tooMuch === -1 ? items.length : tooMuch;
};

/**
 * The reply to a question about many at once: in the order in which they were asked about, as many of them as fit, each
 * with all that is said of it. `askAgain` are the others, which were not looked at: ask again with these. Absent: none.
 */
export const whatFits = <Asked, Item>(
  asked: readonly Asked[],
  itemsOf: (one: Asked, index: number) => readonly Item[],
): { items: Item[]; askAgain?: Asked[] } => {
  const items: Item[] = [];
  let bytes = 0;
  for (const [index, one] of asked.entries()) {
    const own = itemsOf(one, index);
    for (const item of own) bytes += bytesOf(item);
    if (items.length > 0 && bytes > REPLY_BYTES) return { items, askAgain: asked.slice(index) };
    items.push(...own);
  }
  return { items };
};

/** Of JSON in UTF-8, with the comma. */
const bytesOf = (item: unknown): number => Buffer.byteLength(JSON.stringify(item)) + 1;
