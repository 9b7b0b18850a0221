import { hash, randomBytes } from 'node:crypto';
import { Allowance } from './allowance.js';
import { networkOf } from './client-address.js';

export interface GuessLimitOptions {
  /** Wrong credentials that an address may show at once. */
  readonly burst: number;
  /** And how many a minute afterwards. */
  readonly perMinute: number;
}

/** What was right is remembered so often; the oldest gives way. */
const MOST_PROOFS = 200_000;

/**
 * Slows whoever tries credentials, per address (of IPv6 its /64, which one household has). Over the limit an address is
 * refused whatever it shows, right or wrong, because an answer to a right one is what a guesser waits for. Only what was right
 * from there before goes on: the devices behind the same router do not stop because one of them guesses.
 *
 * In memory: each replica counts what comes to itself. Proofs are kept as keyed digests; the key is of this process alone.
 */
export class GuessLimit {
  private readonly wrong: Allowance;
  private readonly proofs = new Set<string>();
  private readonly key = randomBytes(32).toString('base64');

  constructor({ burst, perMinute }: GuessLimitOptions, now?: () => number) {
    this.wrong = new Allowance({ burst, perSecond: perMinute / 60 }, now);
  }

  /**
   * Undefined: what was shown may be looked at. Otherwise the seconds after which the address may try again. `proof` is all that
   * was shown: token, secret, key.
   */
  secondsToWait(address: string | undefined, proof: string): number | undefined {
    const network = networkOf(address);
    const seconds = this.wrong.secondsToWait(network);
    return seconds === undefined || this.proofs.has(this.digestOf(network, proof)) ? undefined : seconds;
  }

  /** What was shown was wrong. */
  wasWrong(address: string | undefined): void {
    this.wrong.charge(networkOf(address));
  }

  /** What was shown was right: it may come again from there, whatever else comes. */
  wasRight(address: string | undefined, proof: string): void {
    const digest = this.digestOf(networkOf(address), proof);
    if (this.proofs.has(digest)) return;
    // A Set keeps the order of insertion, so the first is the oldest.
    const oldest = this.proofs.values().next();
    if (this.proofs.size >= MOST_PROOFS && oldest.done !== true) this.proofs.delete(oldest.value);
    this.proofs.add(digest);
  }

  private digestOf(network: string, proof: string): string {
    return hash('sha256', `${this.key}\n${network}\n${proof}`, 'base64');
  }
}
