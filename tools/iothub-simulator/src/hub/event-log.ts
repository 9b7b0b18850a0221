import { HubError } from './hub-error.js';

/** One event of the built-in endpoint, before it has its place in a partition. Bytes and annotations are as on the wire. */
export interface HubEvent {
  readonly body: Buffer;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly messageId?: string;
  readonly correlationId?: string;
  readonly userId?: string;
  readonly properties: Readonly<Record<string, string>>;
  /** `iothub-…`; the three of Event Hubs are added on reading. */
  readonly annotations: Readonly<Record<string, string | Date>>;
}

export interface StoredEvent extends HubEvent {
  readonly sequenceNumber: number;
  /** Bytes before it in its partition. */
  readonly offset: number;
  readonly enqueuedAt: number;
}

/** Where a reader begins. `after` and `from`: exclusive and inclusive. */
export type Position =
  | { readonly by: 'latest' }
  | {
      readonly by: 'offset' | 'sequenceNumber' | 'enqueuedAt';
      readonly value: number;
      readonly inclusive: boolean;
    };

/** A partition of an event hub: append only, read by place, forgotten by age and by number. */
export class EventLog {
  private events: StoredEvent[] = [];
  private nextSequenceNumber = 0;
  private nextOffset = 0;
  private lastEnqueuedAt = 0;

  append(event: HubEvent, now: number): StoredEvent {
    // Within a partition time does not go back, whatever the clock does.
    this.lastEnqueuedAt = Math.max(this.lastEnqueuedAt, now);
    const stored: StoredEvent = {
      ...event,
      sequenceNumber: this.nextSequenceNumber,
      offset: this.nextOffset,
      enqueuedAt: this.lastEnqueuedAt,
    };
    this.events.push(stored);
    this.nextSequenceNumber += 1;
    this.nextOffset += STORED_OVERHEAD_BYTES + event.body.length;
    return stored;
  }

  /** The sequence number from which on to read. A place that has been forgotten is the oldest that is left. */
  locate(position: Position): number {
    if (position.by === 'latest') return this.nextSequenceNumber;
    const { by, value, inclusive } = position;
    this.refuseBeyondEnd(by, value);
    const first = this.events.find((event) => (inclusive ? event[by] >= value : event[by] > value));
    return first?.sequenceNumber ?? this.nextSequenceNumber;
  }

  /** At most `count` events from `sequenceNumber` on. */
  read(sequenceNumber: number, count: number): readonly StoredEvent[] {
    const index = Math.max(0, sequenceNumber - this.firstSequenceNumber);
    return this.events.slice(index, index + count);
  }

  forget(before: number, maxEvents: number): void {
    const fresh = this.events.findIndex(({ enqueuedAt }) => enqueuedAt >= before);
    const old = fresh < 0 ? this.events.length : fresh;
    const surplus = Math.max(old, this.events.length - maxEvents);
    if (surplus > 0) this.events = this.events.slice(surplus);
  }

  get firstSequenceNumber(): number {
    return this.nextSequenceNumber - this.events.length;
  }

  /** −1 and 0 where there never was one, as Event Hubs says it. */
  get last(): Pick<StoredEvent, 'sequenceNumber' | 'offset' | 'enqueuedAt'> {
    return {
      sequenceNumber: this.nextSequenceNumber - 1,
      offset: this.events.at(-1)?.offset ?? (this.nextSequenceNumber === 0 ? -1 : this.nextOffset),
      enqueuedAt: this.lastEnqueuedAt,
    };
  }

  get isEmpty(): boolean {
    return this.events.length === 0;
  }

  /** A checkpoint of another hub, most often. */
  private refuseBeyondEnd(by: 'offset' | 'sequenceNumber' | 'enqueuedAt', value: number): void {
    if (by === 'enqueuedAt') return;
    const last = by === 'offset' ? Math.max(this.nextOffset - 1, -1) : this.nextSequenceNumber - 1;
    if (value <= last) return;
    const what = by === 'offset' ? 'offset' : 'sequence number';
    throw new HubError(
      'ArgumentInvalid',
      `The supplied ${what} '${value}' is invalid. The last ${what} in the system is '${last}'`,
    );
  }
}

/** What an event takes besides its body. Only that offsets grow by more than one matters. */
const STORED_OVERHEAD_BYTES = 64;
