/**
 * Arrival times in Unix microseconds, strictly rising within the process: two equal readings in one millisecond stay two
 * samples, and a clock that is set back never gives a device's later message an earlier time.
 */
export const arrivalClock = (now: () => number = Date.now): (() => number) => {
  let last = 0;
  return () => {
    last = Math.max(last + 1, now() * 1_000);
    return last;
  };
};
