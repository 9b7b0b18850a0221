/**
 * How long a message may have waited in the queue when it is delivered. RabbitMQ does not say when it came, so this is the
 * time since the queue was last seen empty. Before that was ever seen, nothing is known: a queue may have grown for hours
 * while no adapter was there.
 */
export class QueueLag {
  private emptyAt = -Infinity;
  /** Of what lay in the queue at the beginning: not delivered yet. */
  private backlog = Infinity;
  private openedAt = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** To be remembered until the queue has answered: what comes after the question is younger, what comes before the answer may not be. */
  asking(): number {
    return this.now();
  }

  /** A consumer begins; so many messages lay in the queue some time after it was asked. */
  opened(waiting: number, askedAt: number): void {
    this.backlog = waiting;
    this.openedAt = askedAt;
  }

  /** From time to time: so many messages lay in the queue and were not delivered. */
  seen(waiting: number, askedAt: number): void {
    if (waiting === 0) this.emptyAt = askedAt;
  }

  /** For each delivery, in order. Milliseconds; Infinity: nobody knows. */
  ofNext(redelivered: boolean): number {
    if (redelivered) return Infinity;
    // What comes after the backlog came after the beginning.
    if (this.backlog > 0) this.backlog -= 1;
    else if (this.emptyAt === -Infinity) this.emptyAt = this.openedAt;
    return this.now() - this.emptyAt;
  }
}
