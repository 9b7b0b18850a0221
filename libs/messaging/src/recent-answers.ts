/** What is sent back: a body, and headers when it is an error. */
export interface Answer {
  readonly payload: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

interface Kept {
  readonly untilMs: number;
  readonly answer: Promise<Answer>;
}

const MAX_KEPT = 20_000;
/** Larger ones are lists that were read; reading them again does no harm, keeping them would take memory. */
const MAX_KEPT_CHARACTERS = 4_096;

/**
 * Answers of this process, by the id of the request, until nobody waits for them any more. A request that comes again, as
 * one does whose answer got lost with a connection, is answered and not worked on again: between the two another may have
 * changed the same thing, and "the same value again" would then undo an acknowledged change. Another replica does not
 * know them; there, idempotence is all that holds.
 */
export class RecentAnswers {
  private readonly kept = new Map<string, Kept>();

  constructor(private readonly now: () => number = Date.now) {}

  /** The answer of `work`, or of the work that a request with this id began before. `untilMs`: its deadline. */
  once(id: string, untilMs: number, work: () => Promise<Answer>): Promise<Answer> {
    const known = this.kept.get(id);
    if (known !== undefined) return known.answer;
    this.forgetExpired();
    const answer = work();
    this.kept.set(id, { untilMs, answer });
    void answer.then(
      ({ payload }) => {
        if (payload.length > MAX_KEPT_CHARACTERS) this.kept.delete(id);
      },
      () => this.kept.delete(id),
    );
    return answer;
  }

  /** From the oldest on; one with a long deadline keeps those behind it a little longer. */
  private forgetExpired(): void {
    for (const [id, { untilMs }] of this.kept) {
      if (untilMs > this.now() && this.kept.size < MAX_KEPT) return;
      this.kept.delete(id);
    }
  }
}
