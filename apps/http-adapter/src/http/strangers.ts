import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '@muster/contracts';
import { GuessLimit } from '@muster/limits';

export interface StrangersOptions {
  readonly guessesAtOnce: number;
  readonly guessesPerMinute: number;
  readonly refusalDelayMs: number;
}

/** What somebody shows at the door, and from where. */
export interface Shown {
  readonly address: string | undefined;
  /** All that was shown: token, secret. */
  readonly proof: string;
}

/** The one place that slows whoever tries tokens and secrets. */
export class Strangers {
  private readonly guesses: GuessLimit;

  constructor(private readonly options: StrangersOptions) {
    this.guesses = new GuessLimit({ burst: options.guessesAtOnce, perMinute: options.guessesPerMinute });
  }

  /** Before anything is looked up. Throws `too-many-requests` for an address that was wrong too often. */
  refuseGuesser({ address, proof }: Shown): void {
    const seconds = this.guesses.secondsToWait(address, proof);
    if (seconds === undefined) return;
    throw new AppError('too-many-requests', 'too many wrong tokens or secrets from this address', {
      retryAfterSeconds: seconds,
    });
  }

  wasRight({ address, proof }: Shown): void {
    this.guesses.wasRight(address, proof);
  }

  /** Resolves when the refusal may be told: always as late, so that its time does not say what was wrong. */
  async wasWrong({ address }: Shown): Promise<void> {
    this.guesses.wasWrong(address);
    await pause(this.options.refusalDelayMs, undefined, { ref: false });
  }

  /** For tokens of files, which are all the proof there is. Throws what `resolve` throws. */
  async known<Grant>(shown: Shown, resolve: () => Promise<Grant>): Promise<Grant> {
    this.refuseGuesser(shown);
    try {
      const grant = await resolve();
      this.wasRight(shown);
      return grant;
    } catch (error) {
      if (error instanceof AppError && error.code === 'not-allowed') await this.wasWrong(shown);
      throw error;
    }
  }
}
