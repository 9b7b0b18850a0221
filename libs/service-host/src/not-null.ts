import { AppError } from '@muster/contracts';

/**
 * In an edit null means "remove", which these fields do not allow; the rules of the contract let it through, because they
 * treat null like absent. Throws `invalid-request` naming them.
 */
export const refuseNulls = <T extends object>(
  path: string,
  edit: T,
  fields: readonly (keyof T & string)[],
): void => {
  const errors = fields
    .filter((field) => edit[field] === null)
    .map((field) => ({ path: `${path}.${field}`, message: `${field} must not be null` }));
  if (errors.length > 0) throw new AppError('invalid-request', 'A field cannot be removed.', { errors });
};
