import { AppError } from '@muster/contracts';

/** Where the next page begins, as clients get it: opaque, and bound to its list. Null: there is none. */
export const cursorAt = (list: string, position: string | undefined): string | null =>
  position === undefined ? null : Buffer.from(JSON.stringify([list, position])).toString('base64url');

/** Undefined: the first page. Throws `invalid-request` for a cursor that this list did not make. */
export const positionOf = (list: string, cursor: string | null | undefined): string | undefined => {
  if (cursor === undefined || cursor === null) return undefined;
  const [made, position] = parsed(cursor);
  if (made === list && typeof position === 'string' && /^[^\0]{1,512}$/su.test(position)) return position;
  throw new AppError('invalid-request', 'The cursor is not one of this list.', {
    errors: [{ path: 'cursor', message: 'must be the nextCursor of the page before' }],
  });
};

const parsed = (cursor: string): readonly unknown[] => {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
};
