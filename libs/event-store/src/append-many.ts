import type { DomainEvent, RecordedEvent } from './aggregate.js';
import { recorded, TXID, type Append, type Queryable } from './append.js';
import { FEW } from './few.js';

interface AppendedRow {
  tenant_id: string;
  stream: string;
  version: number;
  position: string;
  recorded_at: Date;
}

/**
 * Appends to many streams in one statement; each stream moves only from its own `expectedVersion`. Returns, per change,
 * its recorded events, or undefined where the stream was elsewhere. The streams must be distinct. `held`: the transaction
 * holds the locks of those that exist already, taken in the order of their keys.
 */
export const appendMany = async <Event extends DomainEvent>(
  queryable: Queryable,
  changes: readonly Append<Event>[],
  { held = false }: { readonly held?: boolean } = {},
): Promise<(RecordedEvent<Event>[] | undefined)[]> => {
  const { rows } = await queryable.query<AppendedRow>({
    ...(changes.length <= FEW ? { name: held ? 'append-few-held' : 'append-few' } : {}),
    text: held ? APPEND_MANY_HELD : APPEND_MANY,
    // Parameters of JSON: pg looks through every element of an array of texts for what is to be escaped. As `json` PostgreSQL
    // would parse the states and the data of the events twice.
    values: [JSON.stringify(changes.map(rowOfChange)), JSON.stringify(changes.flatMap(rowsOfEvents))],
  });
  const byKey = new Map(rows.map((row) => [key(row.tenant_id, row.stream, row.version), row]));
  return changes.map((change) => {
    const rowOf = (version: number) => byKey.get(key(change.tenantId, change.stream, version));
    return rowOf(change.expectedVersion + 1) === undefined ? undefined : recorded(change, rowOf);
  });
};

/** As `statement` reads it: `null` would be no state, and is refused by the table. */
const rowOfChange = (change: Append, nth: number): object => ({
  nth,
  tenant_id: change.tenantId,
  stream: change.stream,
  expected: change.expectedVersion,
  next: change.expectedVersion + change.events.length,
  state_version: change.stateVersion,
  state: change.state,
});

const rowsOfEvents = (change: Append, nth: number): readonly object[] =>
  change.events.map(({ event, metadata }, index) => ({
    nth,
    tenant_id: change.tenantId,
    stream: change.stream,
    version: change.expectedVersion + index + 1,
    aggregate: change.aggregate,
    type: event.type,
    schema_version: event.schemaVersion ?? 1,
    data: event.data,
    metadata,
  }));

const key = (tenantId: string, stream: string, version: number): string =>
  `${tenantId}\n${stream}\n${version}`;

/**
 * `locked` takes the row locks in the order of the keys, whatever plan the UPDATE gets: two bulk appends with streams in
 * common wait for each other instead of deadlocking. The INSERT of new streams is ordered too, and comes after the locks
 * (it asks `locked` for its count), so that nobody holds a new row while waiting for an old one.
 *
 * The events are a list of their own: read out of each change, one call of a function for each stream, they took a sixth of the
 * statement. `IS TRUE` makes the question which streams have moved a hash table; as a join it may become a loop in a loop. So the `txid`
 * of each is looked up only where one is not this transaction's, which is seldom.
 */
const statement = (held: boolean): string => `
  WITH change AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS c (nth integer, tenant_id text, stream text, expected integer,
      next integer, state_version integer, state jsonb)
  ), ${held ? '' : LOCKED} updated AS (
    UPDATE streams SET version = c.next, state_version = c.state_version, state = c.state, txid = ${TXID}
    FROM change c ${held ? '' : 'JOIN locked l USING (tenant_id, stream)'}
    WHERE streams.tenant_id = c.tenant_id AND streams.stream = c.stream AND streams.version = c.expected
    RETURNING c.nth, streams.txid
  ), inserted AS (
    INSERT INTO streams (tenant_id, stream, version, state_version, state, txid)
    SELECT c.tenant_id, c.stream, c.next, c.state_version, c.state, pg_current_xact_id() FROM change c
    WHERE c.expected = 0 ${held ? '' : 'AND (SELECT count(*) FROM locked) >= 0'}
    ORDER BY c.tenant_id, c.stream
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, stream, txid
  ), moved AS (
    SELECT nth, txid FROM updated UNION ALL SELECT c.nth, i.txid FROM change c JOIN inserted i USING (tenant_id, stream)
  )
  INSERT INTO events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata, txid)
  SELECT e.tenant_id, e.stream, e.version, e.aggregate, e.type, e.schema_version, e.data, e.metadata,
    CASE WHEN EXISTS (SELECT FROM moved WHERE txid > pg_current_xact_id())
      THEN (SELECT m.txid FROM moved m WHERE m.nth = e.nth) ELSE pg_current_xact_id() END
  FROM jsonb_to_recordset($2::jsonb) AS e (nth integer, tenant_id text, stream text, version integer, aggregate text,
    type text, schema_version integer, data jsonb, metadata jsonb)
  WHERE (e.nth IN (SELECT nth FROM moved)) IS TRUE
  ORDER BY e.nth, e.version
  RETURNING tenant_id, stream, version, position, recorded_at`;

const LOCKED = `locked AS MATERIALIZED (
    SELECT s.tenant_id, s.stream FROM streams s JOIN change c USING (tenant_id, stream)
    WHERE c.expected > 0 ORDER BY s.tenant_id, s.stream FOR UPDATE OF s
  ),`;

const APPEND_MANY = statement(false);
const APPEND_MANY_HELD = statement(true);
