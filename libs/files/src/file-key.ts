import { AppError } from '@muster/contracts';

/** A key is used as the name of a file: anything that is not one of ours would be a way out of the directory. */
export const checkedKey = (key: string): string => {
  if (!/^[0-9a-f-]{36}$/.test(key)) throw fileNotFound();
  return key;
};

export const fileNotFound = (cause?: unknown): AppError =>
  new AppError('file-not-found', 'The file is not in the store.', { cause });

export const storageFull = (cause: unknown): AppError =>
  new AppError('storage-full', 'There is no room left for files.', { cause, retryAfterSeconds: 60 });

export const storeUnavailable = (cause: unknown): AppError =>
  new AppError('unavailable', 'The file store cannot be used at the moment.', {
    cause,
    retryAfterSeconds: 5,
  });
