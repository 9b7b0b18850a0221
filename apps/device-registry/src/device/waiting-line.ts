import { AppError } from '@muster/contracts';
import { currentDeadline } from '@muster/messaging';

/**
 * Lets so many through at once; the others wait for their turn, in order. Who has waited past the deadline of its request,
 * or for 10 s without one, is refused with `unavailable`: nobody waits for the answer any more.
 */
export class WaitingLine {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(atOnce: number) {
    this.free = Math.max(1, Math.floor(atOnce));
  }

  /** How many wait. */
  get length(): number {
    return this.waiting.length;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const deadline = currentDeadline() ?? Date.now() + 10_000;
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      if (Date.now() >= deadline) {
        throw new AppError('unavailable', 'Too many others ask for the same.', { retryAfterSeconds: 1 });
      }
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
