/** Rows of a list by their place in it. */
export type Rows<Row> = ReadonlyMap<number, Row>;

/**
 * Rows that were read anew, each at the place where it was shown before: nothing moves under the pointer. What is not in the list
 * any more stays as it was; places that were not shown yet are as they are now, and those that are not loaded any more are let
 * go. `fresh`: how many there are besides.
 */
export const heldRows = <Row extends { readonly id: string }>(
  shown: Rows<Row>,
  now: Rows<Row>,
): { readonly rows: Rows<Row>; readonly fresh: number } => {
  const byId = new Map([...now.values()].map((row) => [row.id, row]));
  const rows = new Map(now);
  for (const [place, row] of shown) if (now.has(place)) rows.set(place, byId.get(row.id) ?? row);
  const held = new Set([...rows.values()].map(({ id }) => id));
  return { rows, fresh: [...byId.keys()].filter((id) => !held.has(id)).length };
};
