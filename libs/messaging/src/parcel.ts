import type { JsMsg } from '@nats-io/jetstream';

/**
 * A delivered message and how many of its events are still in hand. It is acknowledged when none is; where one is to be tried
 * again, the message is given back then, and all of them come again.
 */
export class Parcel {
  /** Ids of the events that are done with. */
  readonly settled: string[] = [];
  /** Id → why the event must be parked, which could not be done. */
  readonly unparked = new Map<string, string>();
  /** Acknowledged, or given back. */
  isOver = false;
  private againInMs: number | undefined;
  private aside = 0;

  constructor(
    readonly message: JsMsg,
    private inHand: number,
    private readonly onEnd: (parcel: Parcel, comesAgain: boolean) => void,
  ) {}

  done(id: string): void {
    this.settled.push(id);
    this.release();
  }

  /** The event is tried again with the next delivery, which comes after so long. */
  again(delayMs: number): void {
    this.againInMs = Math.min(delayMs, this.againInMs ?? delayMs);
    this.release();
  }

  /** One less in hand. */
  release(): void {
    this.inHand -= 1;
    this.endIfThrough();
  }

  /** One of those in hand waits for as long as it takes: it does not hold up those that are to be tried again. */
  setAside(): void {
    this.aside += 1;
    this.endIfThrough();
  }

  /** At once, to whoever is there. */
  giveBack(): void {
    if (!this.isOver) this.end(0);
  }

  private endIfThrough(): void {
    if (this.isOver || this.inHand > this.aside) return;
    if (this.inHand > 0 && this.againInMs === undefined) return;
    this.end(this.againInMs);
  }

  private end(againInMs: number | undefined): void {
    this.isOver = true;
    this.onEnd(this, againInMs !== undefined);
    if (againInMs === undefined) this.message.ack();
    else this.message.nak(againInMs);
  }
}
