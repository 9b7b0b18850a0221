import { AppError } from '@muster/contracts';

/** Lets so many through at once; the others wait, in the order in which they came, each until its deadline. */
export class Turns {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(atOnce: number) {
    this.free = atOnce;
  }

  /** Throws `unavailable` where the deadline (milliseconds since 1970) has passed before its turn came, and what `run` throws. */
  async run<T>(deadline: number, run: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      if (Date.now() >= deadline) {
        throw new AppError('unavailable', 'too many others come in at the same time', {
          retryAfterSeconds: 1,
        });
      }
      return await run();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
