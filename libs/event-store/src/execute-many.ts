import { AppError } from '@muster/contracts';
import {
  streamName,
  type Aggregate,
  type DomainEvent,
  type EventMetadata,
  type RecordedEvent,
} from './aggregate.js';
import type { Append } from './append.js';
import { appendMany } from './append-many.js';
import { concurrentChange, TRIES } from './concurrent-change.js';
import type { Database } from './database.js';
import { asAppError, isConflict } from './database-fault.js';
import { loadStates } from './load.js';
import { isProjected, projectInto, type Projection } from './projection.js';

export interface BulkItem<Command> {
  readonly tenantId: string;
  readonly id: string;
  readonly command: Command;
  readonly metadata: EventMetadata;
}

export type BulkOutcome<State, Event extends DomainEvent> =
  | {
      readonly state: State;
      readonly version: number;
      readonly events: readonly RecordedEvent<Event>[];
      readonly error?: undefined;
    }
  | { readonly error: AppError };

/** The items of one stream, with their places in the request. */
interface Group<Command> {
  readonly tenantId: string;
  readonly id: string;
  readonly items: readonly { readonly index: number; readonly item: BulkItem<Command> }[];
}

/** What one item of a group would do; the events are numbered within the group's append. */
type Decision<State> =
  | { readonly index: number; readonly error: AppError }
  | {
      readonly index: number;
      readonly state: State;
      readonly version: number;
      readonly first: number;
      readonly count: number;
    };

interface Decided<State, Command, Event extends DomainEvent> {
  readonly group: Group<Command>;
  readonly decisions: readonly Decision<State>[];
  readonly change: Append<Event>;
}

/** See EventStore.executeMany. */
export const executeMany = async <State, Command, Event extends DomainEvent>(
  database: Database,
  projections: readonly Projection[],
  ring: () => void,
  aggregate: Aggregate<State, Command, Event>,
  items: readonly BulkItem<Command>[],
): Promise<BulkOutcome<State, Event>[]> => {
  const outcomes = new Map<number, BulkOutcome<State, Event>>();

  const settle = (decided: Decided<State, Command, Event>, events: readonly RecordedEvent<Event>[]): void => {
    for (const decision of decided.decisions) {
      if ('error' in decision) outcomes.set(decision.index, { error: decision.error });
      else {
        const { index, state, version, first, count } = decision;
        outcomes.set(index, { state, version, events: events.slice(first, first + count) });
      }
    }
  };
  const fail = (group: Group<Command>, error: AppError): void =>
    group.items.forEach(({ index }) => outcomes.set(index, { error }));

  /** Writes what was decided; returns the groups whose stream has moved since it was loaded. */
  const write = async (decided: readonly Decided<State, Command, Event>[]): Promise<Group<Command>[]> => {
    const changes = decided.map(({ change }) => change);
    const written = await (isProjected(
      projections,
      changes.flatMap((change) => change.events.map(({ event }) => event)),
    )
      ? database.transaction(async (tx) => {
          const appended = await appendMany(tx, changes);
          await projectInto(
            tx,
            projections,
            appended.flatMap((events) => events ?? []),
          );
          return appended;
        })
      : appendMany(database, changes));
    ring();
    return decided.flatMap((one, index) => {
      const events = written[index];
      if (events === undefined) return [one.group];
      settle(one, events);
      return [];
    });
  };

  /**
   * Every stream of `groups` gets its outcomes. A projection that refuses (a name is taken) undoes the whole statement and
   * does not say for which stream: the groups are halved until the refused one stands alone.
   */
  const run = async (groups: readonly Group<Command>[]): Promise<void> => {
    let waiting = groups;
    for (let tries = 1; waiting.length > 0; tries += 1) {
      const decided = await decide(database, aggregate, waiting);
      for (const one of decided) if (one.change.events.length === 0) settle(one, []);
      const changing = decided.filter((one) => one.change.events.length > 0);
      if (changing.length === 0) return;
      const again = changing.map(({ group }) => group);
      try {
        waiting = await write(changing);
        if (tries === TRIES) {
          waiting.forEach((group) => fail(group, concurrentChange()));
          return;
        }
      } catch (error) {
        if (isConflict(error)) {
          if (tries === TRIES) {
            again.forEach((group) => fail(group, concurrentChange(error)));
            return;
          }
          waiting = again;
          continue;
        }
        const known = asAppError(error);
        if (!(known instanceof AppError) || known.code === 'unavailable') throw known;
        if (again.length === 1) {
          again.forEach((group) => fail(group, known));
          return;
        }
        const half = Math.ceil(again.length / 2);
        await run(again.slice(0, half));
        return run(again.slice(half));
      }
    }
  };

  if (items.length > 0) await run(inKeyOrder(items));
  return items.map((_item, index) => {
    const outcome = outcomes.get(index);
    if (outcome === undefined) throw new Error(`item ${index} has no outcome`);
    return outcome;
  });
};

/** One load, then every item's decision; a later item of a stream sees the earlier one's state. */
const decide = async <State, Command, Event extends DomainEvent>(
  database: Database,
  aggregate: Aggregate<State, Command, Event>,
  groups: readonly Group<Command>[],
): Promise<Decided<State, Command, Event>[]> => {
  const loaded = await loadStates(database, aggregate, groups, { lock: false });
  return groups.map((group, index) => {
    const { state: stored, version: expectedVersion } = loaded[index] ?? {
      state: aggregate.initial,
      version: 0,
    };
    let state = stored;
    const events: { event: Event; metadata: EventMetadata }[] = [];
    const decisions = group.items.map(({ index: place, item }): Decision<State> => {
      try {
        const first = events.length;
        const own = aggregate.decide(item.command, state);
        state = own.reduce((before, event) => aggregate.evolve(before, event), state);
        events.push(...own.map((event) => ({ event, metadata: item.metadata })));
        return { index: place, state, version: expectedVersion + events.length, first, count: own.length };
      } catch (error) {
        if (error instanceof AppError) return { index: place, error };
        throw error;
      }
    });
    const { tenantId, id } = group;
    const change: Append<Event> = {
      tenantId,
      aggregate: aggregate.name,
      streamId: id,
      stream: streamName(aggregate.name, id),
      expectedVersion,
      events,
      state,
      stateVersion: aggregate.stateVersion ?? 1,
    };
    return { group, decisions, change };
  });
};

/** Projections lock rows of their own in the order they get the events: always the same, or two bulks would deadlock. */
const inKeyOrder = <Command>(items: readonly BulkItem<Command>[]): Group<Command>[] => {
  const groups = new Map<
    string,
    { tenantId: string; id: string; items: { index: number; item: BulkItem<Command> }[] }
  >();
  items.forEach((item, index) => {
    const key = `${item.tenantId}\n${item.id}`;
    const group = groups.get(key);
    if (group === undefined)
      groups.set(key, { tenantId: item.tenantId, id: item.id, items: [{ index, item }] });
    else group.items.push({ index, item });
  });
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
};
