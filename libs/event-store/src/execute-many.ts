import type { Aggregate, DomainEvent } from './aggregate.js';
import { appendMany } from './append-many.js';
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
import { isConflict } from './database-fault.js';
import { loadStates } from './load.js';
import { isProjected } from './projection.js';

/** See EventStore.executeMany. */
export const executeMany = async <State, Command, Event extends DomainEvent>(
  { database, projections, ring }: BulkContext,
  aggregate: Aggregate<State, Command, Event>,
  items: readonly BulkItem<Command>[],
): Promise<BulkOutcome<State, Event>[]> => {
  const outcomes = new Outcomes<State, Event>();

  /** Writes what was decided; returns the groups whose stream has moved since it was loaded. */
  const write = async (decided: readonly Decided<State, Command, Event>[]): Promise<Group<Command>[]> => {
    const changes = decided.map(({ change }) => change);
    const written = await (isProjected(
      projections,
      changes.flatMap((change) => change.events.map(({ event }) => event)),
    )
      ? database.transaction((tx) => appendAndProject(tx, projections, changes))
      : appendMany(database, changes));
    ring();
    return outcomes.settleAll(decided, written);
  };

  /**
   * Every stream of `groups` gets its outcomes. A projection that refuses (a name is taken) undoes the whole statement and
   * does not say for which stream: the groups are halved until the refused one stands alone.
   */
  const run = async (groups: readonly Group<Command>[]): Promise<void> => {
    let waiting = groups;
    for (let tries = 1; waiting.length > 0; tries += 1) {
      const decided = decide(
        aggregate,
        waiting,
        await loadStates(database, aggregate, waiting, { lock: false }),
      );
      const changing = outcomes.settleUnchanged(decided);
      if (changing.length === 0) return;
      const again = changing.map(({ group }) => group);
      try {
        waiting = await write(changing);
        if (tries === TRIES) {
          waiting.forEach((group) => outcomes.fail(group, concurrentChange()));
          return;
        }
      } catch (error) {
        if (isConflict(error)) {
          if (tries === TRIES) {
            again.forEach((group) => outcomes.fail(group, concurrentChange(error)));
            return;
          }
          waiting = again;
          continue;
        }
        const refusal = refusalIn(error);
        if (again.length === 1) {
          again.forEach((group) => outcomes.fail(group, refusal));
          return;
        }
        const half = Math.ceil(again.length / 2);
        await run(again.slice(0, half));
        return run(again.slice(half));
      }
    }
  };

  if (items.length > 0) await run(inKeyOrder(items));
  return outcomes.of(items);
};
