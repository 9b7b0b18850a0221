import type { Actor } from '@muster/contracts';
import type pg from 'pg';

/** A job as its kind sees it. */
export interface JobOf<Params extends object> {
  readonly tenantId: string;
  readonly jobId: string;
  readonly params: Params;
  /** Who wanted it. */
  readonly actor: Actor;
}

export interface PlanPage {
  readonly items: readonly string[];
  /** Where the next page begins; null: this was the last. */
  readonly next: string | null;
}

/** Empty: done. Otherwise a code of the error catalogue and a sentence for the operator. */
export interface JobItemOutcome {
  readonly code?: string;
  readonly detail?: string;
}

/**
 * What a service can do as a job. Each method may be called again with the same arguments, by any replica, after a
 * fault or a kill. A fault that passes (`isPassing` of the contracts), thrown or as an outcome, makes the job wait and try again
 * for as long as it takes. Anything else that is thrown is tried a few times, and is then the error of each item of the chunk.
 */
export interface JobKind<Params extends object = object> {
  readonly kind: string;
  /**
   * True: of two jobs of a tenant the one that was committed later begins when the other has ended, so that of two that do
   * the same to an item the later has the last word. Default: jobs run side by side.
   */
  readonly inOrder?: boolean;
  /** False: once it is asked for, nobody can stop it half way. Default: it can be cancelled. */
  readonly cancel?: boolean;
  /** False: what failed cannot be tried again by asking for it. Default: it can, with the same parameters. */
  readonly retry?: boolean;
  /**
   * The items, page by page, each item once; `cursor` is null at first. Nothing is done before the last page is here, so
   * a plan that fails has changed nothing. Not asked when the items were given with `start`. An AppError that
   * does not pass ends the job with that reason.
   */
  plan?(job: JobOf<Params>, cursor: string | null): Promise<PlanPage>;
  /** Before the transaction of a chunk: whatever asks others, so that it does not hold locks while it waits. */
  prepare?(job: JobOf<Params>, items: readonly string[]): Promise<void>;
  /**
   * Does one chunk inside the transaction that also records that it is done: all of it happens once or not at all. One
   * outcome per item, in their order. Must not ask others: see `prepare`.
   */
  run(tx: pg.PoolClient, job: JobOf<Params>, items: readonly string[]): Promise<readonly JobItemOutcome[]>;
}
