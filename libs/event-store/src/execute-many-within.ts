import type pg from 'pg';
import type { Aggregate, DomainEvent } from './aggregate.js';
import {
  appendAndProject,
  decide,
  inKeyOrder,
  Outcomes,
  refusalIn,
  type BulkContext,
  type BulkItem,
  type BulkOutcome,
  type Decided,
  type Group,
} from './bulk-items.js';
import { concurrentChange, TRIES } from './concurrent-change.js';
import { asAppError, isConflict } from './database-fault.js';
import { loadStates } from './load.js';
import { isProjected } from './projection.js';

/**
 * EventStore.executeMany inside the caller's transaction. Existing streams are locked first, in the order of their keys, and the new
 * ones are inserted after that in the same order, as `appendMany` alone does it: so two transactions with streams in
 * common wait for each other. A stream that somebody else began meanwhile could only be locked out of that order;
 * instead all locks of the call are given back (ROLLBACK TO SAVEPOINT) and everything is loaded again.
 *
 * Rejected, it has left nothing behind: the transaction is as it was before the call, unless the connection is gone. But
 * not where the caller says `give-up`: then there is no savepoint to go back to, which is two round trips less.
 */
export const executeManyWithin = async <State, Command, Event extends DomainEvent>(
  { database, projections, ring }: BulkContext,
  tx: pg.PoolClient,
  aggregate: Aggregate<State, Command, Event>,
  items: readonly BulkItem<Command>[],
  onConflict: 'try-again' | 'give-up',
): Promise<BulkOutcome<State, Event>[]> => {
  const groups = inKeyOrder(items);

  /** Writes what was decided, halving what a projection refuses; returns the groups whose stream somebody else began. */
  const write = async (
    decided: readonly Decided<State, Command, Event>[],
    outcomes: Outcomes<State, Event>,
  ): Promise<Group<Command>[]> => {
    const changes = decided.map(({ change }) => change);
    const append = () => appendAndProject(tx, projections, changes, { held: true });
    const events = changes.flatMap((change) => change.events.map(({ event }) => event));
    // Only a projection refuses one for all: what else fails here ends the call.
    if (!isProjected(projections, events)) return outcomes.settleAll(decided, await append());
    try {
      return outcomes.settleAll(decided, await inSavepoint(tx, 'muster_bulk_write', append));
    } catch (error) {
      if (isConflict(error)) throw error;
      const refusal = refusalIn(error);
      if (decided.length === 1) {
        decided.forEach(({ group }) => outcomes.fail(group, refusal));
        return [];
      }
      const half = Math.ceil(decided.length / 2);
      const moved = await write(decided.slice(0, half), outcomes);
      return [...moved, ...(await write(decided.slice(half), outcomes))];
    }
  };

  const attempt = async (): Promise<Outcomes<State, Event>> => {
    const outcomes = new Outcomes<State, Event>();
    const decided = decide(aggregate, groups, await loadStates(tx, aggregate, groups, { lock: true }));
    const changing = outcomes.settleUnchanged(decided);
    if (changing.length > 0 && (await write(changing, outcomes)).length > 0) throw new StreamsBegun();
    return outcomes;
  };

  if (groups.length === 0) return [];
  for (let tries = 1; ; tries += 1) {
    try {
      const outcomes = await (onConflict === 'give-up' ? attempt() : inSavepoint(tx, 'muster_bulk', attempt));
      database.afterCommit(tx, ring);
      return outcomes.of(items);
    } catch (error) {
      if (!isConflict(error) && !(error instanceof StreamsBegun)) throw asAppError(error);
      if (onConflict === 'give-up' || tries === TRIES) throw concurrentChange(error);
    }
  }
};

/** Not for callers: a stream that did not exist when it was loaded does now. */
class StreamsBegun extends Error {}

/** Undoes what `work` did in the transaction when it rejects, and only that; the locks it took are given back too. */
const inSavepoint = async <Result>(
  tx: pg.PoolClient,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> => {
  await tx.query(`SAVEPOINT ${name}`);
  try {
    const result = await work();
    await tx.query(`RELEASE SAVEPOINT ${name}`);
    return result;
  } catch (error) {
    // On a connection that is gone this fails as well, and the transaction with it: the first error says why.
    await tx.query(`ROLLBACK TO SAVEPOINT ${name}`).catch(() => undefined);
    await tx.query(`RELEASE SAVEPOINT ${name}`).catch(() => undefined);
    throw error;
  }
};
