import { AppError } from '@muster/contracts';

/** The keys of a query: `keys` with commas between, or `key`, one as it is; undefined: none are named. */
export const keysOf = ({
  key,
  keys,
}: {
  readonly key?: string | undefined;
  readonly keys?: string[] | undefined;
}): string[] | undefined => {
  if (key === undefined) return keys;
  if (keys === undefined) return [key];
  throw wrongQuery('key', 'must not be given beside keys');
};

export const wrongQuery = (path: string, message: string): AppError =>
  new AppError('invalid-request', `The query: ${path} ${message}`, { errors: [{ path, message }] });
