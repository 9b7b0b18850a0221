export type EventuallyOptions = {
  /** How long to keep trying, in milliseconds. Default 5000. */
  readonly deadlineMs?: number;
  /** What is awaited, for the error: "the device is online". */
  readonly what?: string;
  /** Pause between two tries, in milliseconds. Default 20. */
  readonly everyMs?: number;
};

/**
 * Calls `attempt` until it neither throws nor returns `false`, `null` or
 * `undefined`, and resolves with what it returned. An attempt that asserts
 * (`expect(...)`) and returns nothing would never end, so return `true` after
 * the assertions. After the deadline it rejects and tells the last failure.
 */
export const eventually = async <T>(
  attempt: () => T | Promise<T>,
  { deadlineMs = 5_000, what = 'the condition', everyMs = 20 }: EventuallyOptions = {},
): Promise<Exclude<T, false | null | undefined>> => {
  const deadline = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await within(attempt, deadline);
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>; // the three are excluded by the line above
      }
      last = `it returned ${String(value)}`;
    } catch (error) {
      // An attempt cut off by the deadline says less than the one before it.
      if (error !== CUT_OFF || last === undefined) last = error;
    }
    if (Date.now() >= deadline) {
      throw new Error(`${what}: not within ${deadlineMs} ms; last: ${describe(last)}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
};

const CUT_OFF = new Error('the attempt did not answer');

/** An attempt that hangs must not outlive the deadline, or the test would time out without saying why. */
const within = async <T>(attempt: () => T | Promise<T>, deadline: number): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(CUT_OFF), Math.max(1, deadline - Date.now()));
  });
  try {
    return await Promise.race([Promise.resolve(attempt()), late]);
  } finally {
    clearTimeout(timer);
  }
};

const describe = (failure: unknown): string => (failure instanceof Error ? failure.message : String(failure));
