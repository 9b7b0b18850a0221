import { AppError } from '@muster/contracts';

/** How often a whole load, decide, append is run before the caller is told. */
export const TRIES = 3;

export const concurrentChange = (cause?: unknown): AppError =>
  new AppError('concurrent-change', 'Somebody else changed it at the same time; try again.', { cause });
