import { createHash } from 'node:crypto';
import { AppError, howManyFit } from '@muster/contracts';

/**
 * Where the next page begins, as clients get it: opaque, and bound to the list, its order and its filter by `list`, so
 * that a cursor cannot be carried to another one, where it would silently skip items.
 */
export const encodeCursor = (list: string, position: readonly string[]): string =>
  Buffer.from(JSON.stringify([list, ...position])).toString('base64url');

/**
 * Undefined: the first page. Throws `invalid-request` for a cursor that this list, in this order, did not make; each part
 * of the position must match its rule, so that a forged one cannot reach the database as something else.
 */
export const decodeCursor = (
  list: string,
  cursor: string | null | undefined,
  rules: readonly Rule[],
): readonly string[] | undefined => {
  if (cursor === undefined || cursor === null) return undefined;
  const [made, ...position] = parse(cursor) ?? [];
  if (
    made !== list ||
    position.length !== rules.length ||
    !rules.every((rule, index) => rule.test(position[index] ?? ''))
  ) {
    throw new AppError(
      'invalid-request',
      'The cursor is not one of this list in this order with this filter.',
      {
        errors: [
          {
            path: 'cursor',
            message: 'cursor must be the nextCursor of the page before, with the same sort and filter',
          },
        ],
      },
    );
  }
  return position;
};

/**
 * A page of `found`, which holds one more than `limit` where there is another page: as many as fit in a message of the bus, of
 * which one is there. `of`: by what the list is ordered.
 */
export const pageBy = <Item>(
  list: string,
  found: readonly Item[],
  limit: number,
  of: (item: Item) => readonly string[],
): { items: Item[]; nextCursor: string | null } => {
  const items = found.slice(0, Math.min(limit, howManyFit(found)));
  const last = items.at(-1);
  const isLast = found.length <= items.length || last === undefined;
  return { items, nextCursor: isLast ? null : encodeCursor(list, of(last)) };
};

/** Stands for a filter in the name of a list: a filter may be longer than a cursor. */
export const digestOf = (filter: string): string =>
  createHash('sha256').update(filter).digest('base64url').slice(0, 22);

/** For one part of a position. */
interface Rule {
  test(part: string): boolean;
}

export const TEXT: Rule = /^[^\0]{1,128}$/su;
/** A position in PostgreSQL's `integer`. */
export const COUNT: Rule = /^\d{1,9}$/;
/** Only a time that exists comes back as it was: PostgreSQL refuses the others with an error of its own. */
export const TIME: Rule = {
  test: (part) =>
    /^[12]\d{3}-/.test(part) && !Number.isNaN(Date.parse(part)) && new Date(part).toISOString() === part,
};

const parse = (cursor: string): string[] | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) && value.every((part) => typeof part === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
};
