import { AppError, howManyFit } from '@muster/contracts';

/** A list is read newest first by its ids, which are made in the order of time. The cursor is the last id of a page. */
export const cursorOf = (cursor: string | null | undefined): string | undefined => {
  // Null in an optional field passes the contract's rules and means the same as absent.
  if (cursor === undefined || cursor === null) return undefined;
  if (/^[0-9a-f-]{36}$/.test(cursor)) return cursor;
  const message = 'is not one of ours';
  throw new AppError('invalid-request', `cursor ${message}`, { errors: [{ path: 'cursor', message }] });
};

/** `found` holds one more than `limit` when there is another page. A page has what fits in a message, of which one is there. */
export const pageOf = <Item extends { readonly id: string }>(
  found: readonly Item[],
  limit: number,
): { items: Item[]; nextCursor: string | null } => {
  const items = found.slice(0, Math.min(limit, howManyFit(found)));
  return { items, nextCursor: found.length > items.length ? (items.at(-1)?.id ?? null) : null };
};
