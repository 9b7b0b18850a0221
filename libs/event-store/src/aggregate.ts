import type { ActorKind } from '@muster/contracts';

/** A past-tense fact. `data` must survive JSON: no `undefined` that means something, no Date, no bigint. */
export interface DomainEvent {
  /** Unique among the event types of a service. */
  readonly type: string;
  /** Default 1. Raised when the shape of `data` changes; the aggregate's `upcast` then reads the older ones. */
  readonly schemaVersion?: number;
  readonly data: object;
}

export interface EventMetadata {
  readonly actor: { readonly kind: ActorKind; readonly id: string };
  /** W3C trace context of the request that caused the event. */
  readonly traceparent?: string;
  /** It is a part of this job; see `withinJob`. */
  readonly job?: string;
  /** It follows by itself from what happened elsewhere, by the name of that event; `actor` did that. */
  readonly follows?: string;
}

/** An event as it lies in the table, before `upcast`. */
export interface StoredEvent {
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: object;
}

/** Where and when an event was recorded. */
export interface Recorded {
  /** Unique and rising within a stream; not gapless. Across streams its order is not the order of commits. */
  readonly position: number;
  readonly tenantId: string;
  readonly aggregate: string;
  /** The id of the entity: the stream's name without the aggregate in front. */
  readonly streamId: string;
  /** `<aggregate>-<id>` */
  readonly stream: string;
  /** 1 for the first event of the stream, then one more each; no gaps. */
  readonly version: number;
  readonly schemaVersion: number;
  readonly metadata: EventMetadata;
  /** ISO 8601, milliseconds, the database's clock. */
  readonly recordedAt: string;
}

export type RecordedEvent<Event extends DomainEvent = DomainEvent> = Event & Recorded;

/**
 * A pure decider with its name. `decide` gets time and ids with the command, returns no events when the command is already
 * satisfied and throws only AppError. `State` must survive JSON, and not be null: it is stored beside the stream.
 */
export interface Aggregate<State, Command, Event extends DomainEvent> {
  readonly name: string;
  readonly initial: State;
  /** Raise it when `evolve` changes what it makes of the same events: stored states are then folded again. Default 1. */
  readonly stateVersion?: number;
  evolve(state: State, event: Event): State;
  decide(command: Command, state: State): readonly Event[];
  /** Turns an event of an older schema version into the newest. Default: events are read as they are. */
  upcast?(stored: StoredEvent): Event;
}

/** The part of an aggregate that reads stored events. */
export type Upcasting = Pick<Aggregate<never, never, DomainEvent>, 'name' | 'upcast'>;

export const streamName = (aggregate: string, id: string): string => `${aggregate}-${id}`;
