import { AppError } from '@muster/contracts';
import { currentTrace } from '@muster/observability';
import type pg from 'pg';
import {
  streamName,
  type Aggregate,
  type DomainEvent,
  type EventMetadata,
  type RecordedEvent,
} from './aggregate.js';
import { announce, type Announcement } from './announce.js';
import { append, type Append } from './append.js';
import { concurrentChange, TRIES } from './concurrent-change.js';
import type { Database } from './database.js';
import { asAppError, isConflict } from './database-fault.js';
import { createDoorbell } from './doorbell.js';
import type { BulkItem, BulkOutcome } from './bulk-items.js';
import { eraseStream } from './erase.js';
import { executeMany } from './execute-many.js';
import { executeManyWithin } from './execute-many-within.js';
import { loadStates, type LoadedState, type StreamKey } from './load.js';
import { isProjected, projectInto, type Projection } from './projection.js';
import { readStream, type ReadOptions } from './read-stream.js';
import { currentJob } from './within-job.js';

export interface Within {
  /** A transaction of `database.transaction` or `idempotently` to take part in: to read what it has done, to be undone with it. */
  readonly within?: pg.PoolClient | undefined;
}

export interface WithinMany extends Within {
  /**
   * Of streams that somebody else has begun meanwhile, or a deadlock. `give-up`: the call rejects with `concurrent-change`
   * and leaves the transaction useless, for callers that run the whole of it again. Default: `try-again`, three times.
   */
  readonly onConflict?: 'try-again' | 'give-up';
}

export interface ExecuteRequest<Command> extends Within {
  readonly tenantId: string;
  readonly id: string;
  readonly command: Command;
  /** `traceparent` is filled in from the current trace, `job` from `withinJob`. */
  readonly metadata: EventMetadata;
  /** What the caller has seen (`If-Match`); another stored version: AppError('version-mismatch'). */
  readonly expectedVersion?: number | null | undefined;
}

export interface Executed<State, Event extends DomainEvent> {
  readonly state: State;
  readonly version: number;
  /** Empty: the command was already satisfied. */
  readonly events: readonly RecordedEvent<Event>[];
}

export interface EventStore {
  /**
   * Load, decide, append and project; all or nothing. Run again up to three times when somebody else was faster, then
   * AppError('concurrent-change'). AppErrors of `decide` and of projections come through.
   */
  execute<State, Command, Event extends DomainEvent>(
    aggregate: Aggregate<State, Command, Event>,
    request: ExecuteRequest<Command>,
  ): Promise<Executed<State, Event>>;
  /**
   * Many commands, set-based: one load, one append, one call of each projection. One outcome per item in the order of the
   * items; an item's AppError is its own. Items of one stream are decided one after the other. Not one transaction in the
   * eyes of the caller: when it rejects (database away), some items may have been done.
   *
   * `within` a transaction it is all or nothing with it: the streams are locked, in the order of their keys, until that
   * transaction ends, and the relay is told after its commit. When it rejects, AppError('concurrent-change') and
   * ('unavailable') included, nothing of it is left in the transaction; see `onConflict` for where that is not wanted.
   */
  executeMany<State, Command, Event extends DomainEvent>(
    aggregate: Aggregate<State, Command, Event>,
    items: readonly BulkItem<Command>[],
    options?: WithinMany,
  ): Promise<BulkOutcome<State, Event>[]>;
  /** A stream without events: the initial state, version 0. */
  load<State, Event extends DomainEvent>(
    aggregate: Aggregate<State, never, Event>,
    tenantId: string,
    id: string,
    options?: Within,
  ): Promise<LoadedState<State>>;
  /**
   * One statement; the states in the order of the keys, which may repeat. `lock`, with `within`: nobody else changes the
   * streams that exist until that transaction ends.
   */
  loadMany<State, Event extends DomainEvent>(
    aggregate: Aggregate<State, never, Event>,
    keys: readonly StreamKey[],
    options?: Within & { readonly lock?: boolean },
  ): Promise<LoadedState<State>[]>;
  /**
   * Tells outside what is a row's change and no stream's event, within the transaction that changes the row: connections
   * come and go by the thousand, and their history is nobody's. `translate` of the relay gets it as a recorded event.
   */
  announce(tx: pg.PoolClient, announcements: readonly Announcement[]): Promise<void>;
  readStream<State, Event extends DomainEvent>(
    tenantId: string,
    aggregate: Aggregate<State, never, Event>,
    id: string,
    options?: ReadOptions,
  ): Promise<RecordedEvent<Event>[]>;
  /**
   * Removes an entity's events and its state for good, and returns how many events there were; 0: nothing was there. For
   * what the law or a person wants forgotten: whether it may be is the caller's to check, and tables of projections are
   * the caller's to clear. What was published stays where it went. Events that are not published yet would never be:
   * waits up to a second for the relay, `within` a transaction not at all, then AppError('unavailable'). `also` is run in
   * the transaction that erases, and only where there was something.
   */
  erase<State, Event extends DomainEvent>(
    aggregate: Aggregate<State, never, Event>,
    tenantId: string,
    id: string,
    options?: Within & { readonly also?: (tx: pg.PoolClient) => Promise<void> },
  ): Promise<number>;
}

export const createEventStore = (
  database: Database,
  options: { readonly projections?: readonly Projection[] } = {},
): EventStore => {
  const { projections = [] } = options;
  const doorbell = createDoorbell(database);

  /** Undefined: the stream has moved since it was loaded, or the database gave up one of two transactions. */
  const attempt = async <State, Command, Event extends DomainEvent>(
    aggregate: Aggregate<State, Command, Event>,
    request: ExecuteRequest<Command>,
    tx: pg.PoolClient | undefined,
  ): Promise<Executed<State, Event> | undefined> => {
    const { tenantId, id, command } = request;
    const [loaded] = await loadStates(tx ?? database, aggregate, [{ tenantId, id }], {
      lock: tx !== undefined,
    });
    if (loaded === undefined) throw new Error('nothing was loaded');
    const events = aggregate.decide(command, loaded.state);
    // After decide: "no such device" is the better answer to a caller who has an outdated version of nothing.
    const expected = request.expectedVersion ?? loaded.version;
    if (expected !== loaded.version) {
      throw versionMismatch(expected, loaded.version);
    }
    if (events.length === 0) return { ...loaded, events: [] };

    const metadata = stamped(request.metadata);
    const state = events.reduce((before, event) => aggregate.evolve(before, event), loaded.state);
    const change: Append<Event> = {
      tenantId,
      aggregate: aggregate.name,
      streamId: id,
      stream: streamName(aggregate.name, id),
      expectedVersion: loaded.version,
      events: events.map((event) => ({ event, metadata })),
      state,
      stateVersion: aggregate.stateVersion ?? 1,
    };
    const written = await write(change, tx);
    if (written === undefined) return undefined;
    return { state, version: loaded.version + written.length, events: written };
  };

  const write = async <Event extends DomainEvent>(
    change: Append<Event>,
    tx: pg.PoolClient | undefined,
  ): Promise<RecordedEvent<Event>[] | undefined> => {
    const events = change.events.map(({ event }) => event);
    if (tx === undefined && !isProjected(projections, events)) {
      const written = await append(database, change);
      if (written !== undefined) doorbell.ring();
      return written;
    }
    const appendAndProject = async (own: pg.PoolClient) => {
      const written = await append(own, change);
      if (written === undefined) return undefined;
      await projectInto(own, projections, written);
      database.afterCommit(own, () => doorbell.ring());
      return written;
    };
    return tx === undefined ? database.transaction(appendAndProject) : appendAndProject(tx);
  };

  return {
    execute: async (aggregate, request) => {
      for (let tries = 1; tries <= TRIES; tries += 1) {
        try {
          const { within } = request;
          // The first try takes no lock, which is one round trip less and right nearly always. The others lock the
          // stream before they load it, so that a busy stream cannot starve a caller.
          const done =
            within !== undefined || tries === 1
              ? await attempt(aggregate, request, within)
              : await database.transaction((tx) => attempt(aggregate, request, tx));
          if (done !== undefined) return done;
        } catch (error) {
          // Inside somebody's transaction there is nothing left to try in: PostgreSQL has aborted it.
          if (!isConflict(error)) throw asAppError(error);
          if (request.within !== undefined) throw concurrentChange(error);
        }
      }
      throw concurrentChange();
    },
    executeMany: async (aggregate, items, { within, onConflict = 'try-again' } = {}) => {
      const traced = items.map((item) => ({ ...item, metadata: stamped(item.metadata) }));
      const context = { database, projections, ring: () => doorbell.ring() };
      return within === undefined
        ? executeMany(context, aggregate, traced)
        : executeManyWithin(context, within, aggregate, traced, onConflict);
    },
    load: async (aggregate, tenantId, id, { within } = {}) => {
      const [loaded] = await loadStates(within ?? database, aggregate, [{ tenantId, id }], { lock: false });
      if (loaded === undefined) throw new Error('nothing was loaded');
      return loaded;
    },
    loadMany: (aggregate, keys, { within, lock = false } = {}) =>
      loadStates(within ?? database, aggregate, keys, { lock: lock && within !== undefined }),
    announce: async (tx, announcements) => {
      if (announcements.length === 0) return;
      await announce(
        tx,
        announcements.map((one) => ({ ...one, metadata: stamped(one.metadata) })),
      );
      database.afterCommit(tx, () => doorbell.ring());
    },
    readStream: (tenantId, aggregate, id, readOptions) =>
      readStream(database, tenantId, aggregate, id, readOptions),
    erase: (aggregate, tenantId, id, options = {}) =>
      eraseStream(database, aggregate, { tenantId, id }, options),
  };
};

const versionMismatch = (expected: number, stored: number): AppError =>
  new AppError('version-mismatch', `The version is ${stored}, not ${expected}.`);

const stamped = (metadata: EventMetadata): EventMetadata => {
  const traceparent = metadata.traceparent ?? currentTrace()?.traceparent;
  const job = metadata.job ?? currentJob();
  return {
    ...metadata,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(job === undefined ? {} : { job }),
  };
};
