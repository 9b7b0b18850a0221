import { AppError } from '@muster/contracts';

/**
 * SQLSTATE of PostgreSQL, `ECONNREFUSED` and the like of the socket, or undefined. Looks at the fields and not at
 * `instanceof Error`: errors of Node's own modules are of another realm where modules run in a VM context, as in Jest.
 */
export const faultCode = (error: unknown): string | undefined => textField(error, 'code');

const textField = (error: unknown, field: 'code' | 'message' | 'constraint'): string | undefined => {
  if (typeof error !== 'object' || error === null || !(field in error)) return undefined;
  const value: unknown = Reflect.get(error, field);
  return typeof value === 'string' ? value : undefined;
};

/** The constraint that a unique violation names, so that a projection can tell the caller which rule it broke. */
export const uniqueViolation = (error: unknown): string | undefined =>
  faultCode(error) === '23505' ? textField(error, 'constraint') : undefined;

/** The same for a foreign key: what is referred to is gone, or what shall go is referred to. */
export const foreignKeyViolation = (error: unknown): string | undefined =>
  faultCode(error) === '23503' ? textField(error, 'constraint') : undefined;

/** Two transactions were in each other's way; the whole load, decide, append may succeed when run again. */
export const isConflict = (error: unknown): boolean =>
  faultCode(error) === '40001' || faultCode(error) === '40P01';

/**
 * A fault that passes by itself becomes `unavailable`, text that PostgreSQL cannot hold `invalid-request`; an AppError and
 * everything else stay as they are. After `unavailable` from a commit its outcome is unknown: only idempotent callers retry.
 */
export const asAppError = (error: unknown): unknown => {
  if (error instanceof AppError) return error;
  if (isTransient(error)) {
    return new AppError('unavailable', 'The database is not available.', {
      cause: error,
      retryAfterSeconds: 1,
    });
  }
  if (isUnstorableText(error)) {
    return new AppError('invalid-request', 'Texts must not hold U+0000 or half of a surrogate pair.', {
      cause: error,
    });
  }
  return error;
};

const isTransient = (error: unknown): boolean => {
  const code = faultCode(error);
  if (code !== undefined) return TRANSIENT.test(code);
  // pg gives no code to its own faults; these texts are all it has.
  return CONNECTION_FAULT.test(textField(error, 'message') ?? '');
};

/**
 * 08 connection, 53 out of connections, memory or disk, 57P0x shutting down or starting, 57014 statement_timeout,
 * 55P03 lock_timeout, 25006 read-only (a standby after a failover), 25P0x a transaction ended by a timeout.
 */
const TRANSIENT =
  /^(08...|53...|57P0.|57014|55P03|25006|25P0[34]|ECONN.*|EPIPE|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|EHOST.*|ENET.*)$/;
const CONNECTION_FAULT =
  /Connection terminated|timeout exceeded when trying to connect|not queryable|Client was closed|Query read timeout/;

const isUnstorableText = (error: unknown): boolean => {
  const code = faultCode(error);
  return (
    code === '22P05' ||
    code === '22021' ||
    (code === '22P02' && textField(error, 'message')?.includes('type json') === true)
  );
};
