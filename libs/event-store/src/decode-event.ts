import type { DomainEvent, EventMetadata, RecordedEvent, StoredEvent, Upcasting } from './aggregate.js';

/** A row of `events`, as pg reads it: bigint comes as text. */
export interface EventRow {
  tenant_id: string;
  stream: string;
  version: number;
  position: string;
  aggregate: string;
  type: string;
  schema_version: number;
  data: object;
  metadata: EventMetadata;
  recorded_at: Date;
}

export const EVENT_COLUMNS =
  'e.tenant_id, e.stream, e.version, e.position, e.aggregate, e.type, e.schema_version, e.data, e.metadata, e.recorded_at';

/** `upcast` of the aggregate the event belongs to; without one the event is taken as it is. */
export const decodeEvent = <Event extends DomainEvent = DomainEvent>(
  row: EventRow,
  upcast?: (stored: StoredEvent) => Event,
): RecordedEvent<Event> => {
  const stored: StoredEvent = { type: row.type, schemaVersion: row.schema_version, data: row.data };
  // Without an upcast the aggregate says that every stored version is its Event type.
  const event = upcast === undefined ? (stored as Event) : upcast(stored);
  // Written out: to copy an event by `...` and add to it costs 2 µs, more than the rest of this.
  return {
    type: event.type,
    data: event.data,
    schemaVersion: event.schemaVersion ?? 1,
    position: Number(row.position),
    tenantId: row.tenant_id,
    aggregate: row.aggregate,
    streamId: row.stream.slice(row.aggregate.length + 1),
    stream: row.stream,
    version: row.version,
    metadata: row.metadata,
    recordedAt: row.recorded_at.toISOString(),
  } as RecordedEvent<Event>; // an event has no more than type, version and data
};

/** A decoder for events of several aggregates. */
export const decoderFor = (aggregates: readonly Upcasting[]): ((row: EventRow) => RecordedEvent) => {
  const upcasts = new Map(aggregates.map((one) => [one.name, one.upcast?.bind(one)]));
  return (row) => decodeEvent(row, upcasts.get(row.aggregate));
};
