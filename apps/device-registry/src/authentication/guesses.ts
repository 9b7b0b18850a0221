import { AppError } from '@muster/contracts';
import { Allowance } from '@muster/limits';

/** Slows who guesses: after so many wrong tries at once, one more each part of a minute. */
export class Guesses {
  private readonly allowance: Allowance;

  constructor(perMinute: number) {
    this.allowance = new Allowance({ perSecond: perMinute / 60, burst: perMinute });
  }

  /** Throws `too-many-requests` where one more would be too many. Counts nothing. */
  check(key: string): void {
    const retryAfterSeconds = this.allowance.secondsToWait(key);
    if (retryAfterSeconds === undefined) return;
    throw new AppError('too-many-requests', 'Too many wrong tries; wait before the next one.', {
      retryAfterSeconds,
    });
  }

  wrong(key: string): void {
    this.allowance.charge(key);
  }
}
