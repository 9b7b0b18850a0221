import { AppError, NAME_RULE } from '@muster/contracts';

/** Where the next page begins, as clients get it: opaque. */
export const cursorOf = (name: string): string =>
  Buffer.from(JSON.stringify(['integrations', name])).toString('base64url');

/** Undefined: the first page. Throws `invalid-request` for a cursor this list did not make. */
export const afterName = (cursor: string | null | undefined): string | undefined => {
  if (cursor === undefined || cursor === null) return undefined;
  const name = nameIn(cursor);
  if (name === undefined) {
    throw new AppError('invalid-request', 'The cursor is not one of this list.', {
      errors: [{ path: 'cursor', message: 'cursor must be the nextCursor of the page before' }],
    });
  }
  return name;
};

const nameIn = (cursor: string): string | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    const [list, name] = Array.isArray(value) ? (value as unknown[]) : [];
    return list === 'integrations' && typeof name === 'string' && NAME_RULE.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
};
