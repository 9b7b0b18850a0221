/** What graphile-worker knows of a task besides its payload. */
export interface Attempt {
  /** 1 at first. Higher without an error: the process died at it. */
  readonly attempts: number;
  readonly last_error: string | null;
}

/** The highest graphile-worker takes: it is we who give up, and say so. */
export const MAX_ATTEMPTS = 32_767;

/** Of a task during which the process dies every time, without ever an error. */
const DEATHS = 10;
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;

/** The process ended again and again at the same task. */
export class Deadly extends Error {
  override readonly name = 'Deadly';
}

export const assertAlive = ({ attempts, last_error }: Attempt): void => {
  if (attempts > DEATHS && last_error === null)
    throw new Deadly(`the process ended ${attempts - 1} times while it worked on this`);
};

/** Before what failed for the nth time is tried again. */
export const backoffMs = (failures: number, firstDelayMs = FIRST_DELAY_MS): number =>
  Math.min(firstDelayMs * 2 ** (failures - 1), MAX_DELAY_MS);
