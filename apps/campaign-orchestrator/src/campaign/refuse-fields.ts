import { AppError, type FieldError } from '@muster/contracts';

/** Throws with every fault, each by its field; without any, nothing. */
export const refuseFields = (
  errors: readonly FieldError[],
  code: 'invalid-request' | 'invalid-configuration' = 'invalid-request',
): void => {
  if (errors.length === 0) return;
  throw new AppError(code, errors.map(({ path, message }) => `${path} ${message}`).join('; '), { errors });
};
