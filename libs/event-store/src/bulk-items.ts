import { AppError, isPassing } from '@muster/contracts';
import type pg from 'pg';
import {
  streamName,
  type Aggregate,
  type DomainEvent,
  type EventMetadata,
  type RecordedEvent,
} from './aggregate.js';
import { append, type Append } from './append.js';
import { appendMany } from './append-many.js';
import type { Database } from './database.js';
import { asAppError } from './database-fault.js';
import type { LoadedState } from './load.js';
import { projectInto, type Projection } from './projection.js';

export interface BulkItem<Command> {
  readonly tenantId: string;
  readonly id: string;
  readonly command: Command;
  readonly metadata: EventMetadata;
}

export type BulkOutcome<State, Event extends DomainEvent> =
  | {
      /** As it was decided on. */
      readonly before: State;
      readonly state: State;
      readonly version: number;
      readonly events: readonly RecordedEvent<Event>[];
      readonly error?: undefined;
    }
  | { readonly error: AppError };

/** The items of one stream, with their places in the request. */
export interface Group<Command> {
  readonly tenantId: string;
  readonly id: string;
  readonly items: readonly { readonly index: number; readonly item: BulkItem<Command> }[];
}

/** What one item of a group would do; the events are numbered within the group's append. */
type Decision<State> =
  | { readonly index: number; readonly error: AppError }
  | {
      readonly index: number;
      readonly before: State;
      readonly state: State;
      readonly version: number;
      readonly first: number;
      readonly count: number;
    };

export interface Decided<State, Command, Event extends DomainEvent> {
  readonly group: Group<Command>;
  readonly decisions: readonly Decision<State>[];
  readonly change: Append<Event>;
}

/** What `executeMany` works with, beside the items. */
export interface BulkContext {
  readonly database: Database;
  readonly projections: readonly Projection[];
  readonly ring: () => void;
}

/** Every item's decision; a later item of a stream sees the earlier one's state. */
export const decide = <State, Command, Event extends DomainEvent>(
  aggregate: Aggregate<State, Command, Event>,
  groups: readonly Group<Command>[],
  loaded: readonly LoadedState<State>[],
): Decided<State, Command, Event>[] =>
  groups.map((group, index) => {
    const { state: stored, version: expectedVersion } = loaded[index] ?? {
      state: aggregate.initial,
      version: 0,
    };
    let state = stored;
    const events: { event: Event; metadata: EventMetadata }[] = [];
    const decisions = group.items.map(({ index: place, item }): Decision<State> => {
      try {
        const first = events.length;
        const before = state;
        const own = aggregate.decide(item.command, before);
        state = own.reduce((evolved, event) => aggregate.evolve(evolved, event), before);
        events.push(...own.map((event) => ({ event, metadata: item.metadata })));
        return {
          index: place,
          before,
          state,
          version: expectedVersion + events.length,
          first,
          count: own.length,
        };
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

/** Projections lock rows of their own in the order they get the events: always the same, or two bulks would deadlock. */
export const inKeyOrder = <Command>(items: readonly BulkItem<Command>[]): Group<Command>[] => {
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

export const appendAndProject = async <Event extends DomainEvent>(
  tx: pg.PoolClient,
  projections: readonly Projection[],
  changes: readonly Append<Event>[],
  options?: { readonly held: boolean },
): Promise<(RecordedEvent<Event>[] | undefined)[]> => {
  const [only, another] = changes;
  // Alone it takes the statement that is planned once; the one for many is planned each time.
  const appended =
    only !== undefined && another === undefined
      ? [await append(tx, only)]
      : await appendMany(tx, changes, options);
  await projectInto(
    tx,
    projections,
    appended.flatMap((events) => events ?? []),
  );
  return appended;
};

/** The AppError that says why one of the items cannot be written; a fault that passes, or is ours, is thrown. */
export const refusalIn = (error: unknown): AppError => {
  const known = asAppError(error);
  if (!(known instanceof AppError) || isPassing(known)) throw known;
  return known;
};

/** What has come of the items so far, by their places in the request. */
export class Outcomes<State, Event extends DomainEvent> {
  private readonly byIndex = new Map<number, BulkOutcome<State, Event>>();

  /** Those that are to be written; the others have their outcomes. */
  settleUnchanged<Command>(
    decided: readonly Decided<State, Command, Event>[],
  ): Decided<State, Command, Event>[] {
    for (const one of decided) if (one.change.events.length === 0) this.settle(one, []);
    return decided.filter((one) => one.change.events.length > 0);
  }

  /** Returns the groups whose stream was not where it had been loaded. */
  settleAll<Command>(
    decided: readonly Decided<State, Command, Event>[],
    written: readonly (RecordedEvent<Event>[] | undefined)[],
  ): Group<Command>[] {
    return decided.flatMap((one, index) => {
      const events = written[index];
      if (events === undefined) return [one.group];
      this.settle(one, events);
      return [];
    });
  }

  fail(group: Group<unknown>, error: AppError): void {
    group.items.forEach(({ index }) => this.byIndex.set(index, { error }));
  }

  of(items: readonly unknown[]): BulkOutcome<State, Event>[] {
    return items.map((_item, index) => {
      const outcome = this.byIndex.get(index);
      if (outcome === undefined) throw new Error(`item ${index} has no outcome`);
      return outcome;
    });
  }

  private settle(decided: Decided<State, unknown, Event>, events: readonly RecordedEvent<Event>[]): void {
    for (const decision of decided.decisions) {
      if ('error' in decision) this.byIndex.set(decision.index, { error: decision.error });
      else {
        const { index, before, state, version, first, count } = decision;
        this.byIndex.set(index, { before, state, version, events: events.slice(first, first + count) });
      }
    }
  }
}
