import { AppError } from '@muster/contracts';
import { isConflict } from './database-fault.js';

/** How often a whole load, decide, append is run before the caller is told. */
export const TRIES = 3;

export const concurrentChange = (cause?: unknown): AppError =>
  new AppError('concurrent-change', 'Somebody else changed it at the same time; try again.', { cause });

/**
 * Runs a whole transaction again when another one was in its way, be it at a stream, at a row, or by a deadlock; three times,
 * then `concurrent-change`. `work` begins anew: it does nothing outside of its transaction that may not be done twice.
 */
export const againOnConflict = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const isOurs = isConflict(error) || (error instanceof AppError && error.code === 'concurrent-change');
      if (!isOurs) throw error;
      if (tries === TRIES) throw concurrentChange(error);
    }
  }
};
