import type pg from 'pg';
import type { DomainEvent, EventMetadata, RecordedEvent } from './aggregate.js';

/** One stream's new events and the state after them. */
export interface Append<Event extends DomainEvent = DomainEvent> {
  readonly tenantId: string;
  readonly aggregate: string;
  readonly streamId: string;
  readonly stream: string;
  /** The version the decision was made on; 0: the stream must not exist. */
  readonly expectedVersion: number;
  readonly events: readonly { readonly event: Event; readonly metadata: EventMetadata }[];
  readonly state: unknown;
  readonly stateVersion: number;
}

/** Where a statement can be sent: a transaction's connection, or the database for a statement of its own. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
}

interface AppendedRow {
  version: number;
  position: string;
  recorded_at: Date;
}

/**
 * Appends to one stream in one statement, which alone is already atomic. Returns undefined, having written nothing, when
 * the stream is not at `expectedVersion` any more.
 *
 * The version check is the write to `streams`: an UPDATE waits for a concurrent one and then looks at the row again; of
 * two first events one INSERT finds the other's row. The primary key of `events` stands behind both.
 */
export const append = async <Event extends DomainEvent>(
  queryable: Queryable,
  change: Append<Event>,
): Promise<RecordedEvent<Event>[] | undefined> => {
  const { rows } = await queryable.query<AppendedRow>({
    ...(change.expectedVersion === 0 ? FIRST : NEXT),
    values: [
      change.tenantId,
      change.stream,
      change.expectedVersion,
      change.expectedVersion + change.events.length,
      change.stateVersion,
      JSON.stringify(change.state),
      change.aggregate,
      change.events.map(({ event }) => event.type),
      change.events.map(({ event }) => event.schemaVersion ?? 1),
      change.events.map(({ event }) => JSON.stringify(event.data)),
      change.events.map(({ metadata }) => JSON.stringify(metadata)),
    ],
  });
  if (rows.length === 0) return undefined;
  return recorded(change, (version) => rows.find((row) => row.version === version));
};

/** The events of `change` with what the database gave them. */
export const recorded = <Event extends DomainEvent>(
  change: Append<Event>,
  rowOf: (version: number) => AppendedRow | undefined,
): RecordedEvent<Event>[] =>
  change.events.map(({ event, metadata }, index) => {
    const version = change.expectedVersion + index + 1;
    const row = rowOf(version);
    if (row === undefined) throw new Error(`${change.stream} ${version} was not appended`);
    // Written out: see decode-event.ts.
    return {
      type: event.type,
      data: event.data,
      schemaVersion: event.schemaVersion ?? 1,
      position: Number(row.position),
      tenantId: change.tenantId,
      aggregate: change.aggregate,
      streamId: change.streamId,
      stream: change.stream,
      version,
      metadata,
      recordedAt: row.recorded_at.toISOString(),
    } as RecordedEvent<Event>; // as above
  });

/**
 * By which events are published (relay.ts). That of this transaction, or of a younger one that has written to the stream before: else
 * what came later would be told first. Never below this transaction's, so nothing appears behind the relay's cursor.
 */
export const TXID = 'greatest(streams.txid, pg_current_xact_id())';

const EVENTS = `
  INSERT INTO events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata, txid)
  SELECT $1, $2, $3 + e.nth, $7, e.type, e.schema_version, e.data::jsonb, e.metadata::jsonb, moved.txid
  FROM moved, unnest($8::text[], $9::integer[], $10::text[], $11::text[])
    WITH ORDINALITY AS e (type, schema_version, data, metadata, nth)
  ORDER BY e.nth
  RETURNING version, position, recorded_at`;

const FIRST = {
  name: 'append-first',
  text: `
    WITH moved AS (
      INSERT INTO streams (tenant_id, stream, version, state_version, state, txid)
      SELECT $1::text, $2::text, $4::integer, $5::integer, $6::jsonb, pg_current_xact_id() WHERE $3::integer = 0
      ON CONFLICT DO NOTHING
      RETURNING txid
    ) ${EVENTS}`,
};

const NEXT = {
  name: 'append-next',
  text: `
    WITH moved AS (
      UPDATE streams SET version = $4::integer, state_version = $5::integer, state = $6::jsonb, txid = ${TXID}
      WHERE tenant_id = $1::text AND stream = $2::text AND version = $3::integer
      RETURNING txid
    ) ${EVENTS}`,
};
