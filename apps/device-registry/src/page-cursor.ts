import { AppError } from '@muster/contracts';

/**
 * Where the next page begins, as clients get it: opaque, and bound to the list and its order by `list`, so that a cursor
 * cannot be carried to another sort, where it would silently skip items.
 */
export const encodeCursor = (list: string, position: readonly string[]): string =>
  Buffer.from(JSON.stringify([list, ...position])).toString('base64url');

/** Undefined: the first page. Throws `invalid-request` for a cursor that this list, in this order, did not make. */
export const decodeCursor = (
  list: string,
  cursor: string | undefined,
  length: number,
): readonly string[] | undefined => {
  if (cursor === undefined) return undefined;
  const parts = parse(cursor);
  if (parts?.[0] !== list || parts.length !== length + 1) {
    throw new AppError('invalid-request', 'The cursor is not one of this list in this order.', {
      errors: [
        { path: 'cursor', message: 'cursor must be the nextCursor of the page before, with the same sort' },
      ],
    });
  }
  return parts.slice(1);
};

const parse = (cursor: string): string[] | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
};
