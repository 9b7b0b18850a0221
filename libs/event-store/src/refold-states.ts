import type pg from 'pg';
import { streamName, type Aggregate, type DomainEvent } from './aggregate.js';
import type { Queryable } from './append.js';
import type { Database } from './database.js';
import { decodeEvent, EVENT_COLUMNS, type EventRow } from './decode-event.js';

/** What was found, in streams. The last three are those that were different, each in one of the ways. */
export interface Refolded {
  readonly streams: number;
  /** Another state, version or stateVersion was stored than the events make. */
  readonly altered: number;
  /** There were events and no state. */
  readonly missing: number;
  /** There was a state and no event: removed. */
  readonly orphaned: number;
}

type Folding<State, Event extends DomainEvent> = Pick<
  Aggregate<State, never, Event>,
  'name' | 'initial' | 'stateVersion' | 'evolve' | 'upcast'
>;

interface Key {
  readonly tenant_id: string;
  readonly stream: string;
}

interface Folded<State> {
  state: State;
  version: number;
}

/** Events in memory at once. */
const READ_AT_ONCE = 1_000;

/**
 * Makes the states beside the streams of `aggregate` again from their events, batch by batch in the order of their keys.
 * The service goes on meanwhile: the events are read without a lock, then the streams of a batch are locked, in the
 * order of all bulk work, only to fold what came in between and to write what is different. Safe to run twice, beside
 * another, and to be killed: what is done is done.
 */
export const refoldStates = async <State, Event extends DomainEvent>(
  database: Database,
  aggregate: Folding<State, Event>,
  { batchSize = 100 }: { readonly batchSize?: number } = {},
): Promise<Refolded> => {
  const total = { streams: 0, altered: 0, missing: 0, orphaned: 0 };
  for (let after: Key = { tenant_id: '', stream: '' }; ;) {
    const keys = await nextKeys(database, aggregate.name, after, batchSize);
    const last = keys.at(-1);
    if (last === undefined) return total;
    const folded = await fold(database, aggregate, keys, new Map());
    const batch = await database.transaction((tx) => correct(tx, aggregate, keys, folded));
    total.streams += batch.streams;
    total.altered += batch.altered;
    total.missing += batch.missing;
    total.orphaned += batch.orphaned;
    after = last;
  }
};

/**
 * Streams with events, and states without them. A state does not say of which aggregate it is, and one aggregate's name
 * may begin another's (`firmware`, `firmware-type`): a state that has events belongs to whom they belong to. The states
 * are looked through only as far as the streams with events go: else every batch would look through all that are left.
 */
const nextKeys = async (database: Database, name: string, after: Key, limit: number): Promise<Key[]> => {
  const { rows: begun } = await database.query<Key>(
    `SELECT e.tenant_id, e.stream FROM events e
     WHERE (e.tenant_id, e.stream) > ($1, $2) AND e.version = 1 AND e.aggregate = $3
     ORDER BY e.tenant_id, e.stream LIMIT $4`,
    [after.tenant_id, after.stream, name, limit],
  );
  const last = begun.length === limit ? begun.at(-1) : undefined;
  const { rows: all } = await database.query<Key>(
    `SELECT tenant_id, stream FROM unnest($6::text[], $7::text[]) AS b (tenant_id, stream)
     UNION
     SELECT s.tenant_id, s.stream FROM streams s
     WHERE (s.tenant_id, s.stream) > ($1, $2) AND starts_with(s.stream, $3)
       AND ($4::text IS NULL OR (s.tenant_id, s.stream) < ($4, $5))
       AND NOT EXISTS (SELECT 1 FROM events e WHERE e.tenant_id = s.tenant_id AND e.stream = s.stream)
     ORDER BY tenant_id, stream`,
    [
      after.tenant_id,
      after.stream,
      streamName(name, ''),
      last?.tenant_id ?? null,
      last?.stream ?? null,
      begun.map((key) => key.tenant_id),
      begun.map((key) => key.stream),
    ],
  );
  return all;
};

/** Takes `states` further, each from its version to the last event that can be seen now. Changes and returns it. */
const fold = async <State, Event extends DomainEvent>(
  queryable: Queryable,
  aggregate: Folding<State, Event>,
  keys: readonly Key[],
  states: Map<string, Folded<State>>,
): Promise<Map<string, Folded<State>>> => {
  const upcast = aggregate.upcast?.bind(aggregate);
  const from = keys.map((key) => states.get(mapKey(key))?.version ?? 0);
  let last: Key & { version: number } = { tenant_id: '', stream: '', version: 0 };
  for (;;) {
    const { rows } = await queryable.query<EventRow>({
      text: `SELECT ${EVENT_COLUMNS} FROM events e
             JOIN unnest($1::text[], $2::text[], $3::integer[]) AS k (tenant_id, stream, version)
               ON e.tenant_id = k.tenant_id AND e.stream = k.stream AND e.version > k.version
             WHERE (e.tenant_id, e.stream, e.version) > ($4, $5, $6)
             ORDER BY e.tenant_id, e.stream, e.version LIMIT $7`,
      values: [
        keys.map((key) => key.tenant_id),
        keys.map((key) => key.stream),
        from,
        last.tenant_id,
        last.stream,
        last.version,
        READ_AT_ONCE,
      ],
    });
    for (const row of rows) {
      const key = mapKey(row);
      const before = states.get(key)?.state ?? aggregate.initial;
      states.set(key, {
        state: aggregate.evolve(before, decodeEvent<Event>(row, upcast)),
        version: row.version,
      });
    }
    const end = rows.at(-1);
    if (end === undefined || rows.length < READ_AT_ONCE) return states;
    last = end;
  }
};

const correct = async <State, Event extends DomainEvent>(
  tx: pg.PoolClient,
  aggregate: Folding<State, Event>,
  keys: readonly Key[],
  folded: Map<string, Folded<State>>,
): Promise<Refolded> => {
  const names = [keys.map((key) => key.tenant_id), keys.map((key) => key.stream)];
  const { rows: locked } = await tx.query<Key>(
    `SELECT s.tenant_id, s.stream FROM streams s
     WHERE (s.tenant_id, s.stream) IN (SELECT * FROM unnest($1::text[], $2::text[]))
     ORDER BY s.tenant_id, s.stream FOR UPDATE OF s`,
    names,
  );
  // Asked again under the lock: a stream may have been erased since it was folded.
  const { rows: recorded } = await tx.query<Key>(
    `SELECT k.tenant_id, k.stream FROM unnest($1::text[], $2::text[]) AS k (tenant_id, stream)
     WHERE EXISTS (SELECT 1 FROM events e WHERE e.tenant_id = k.tenant_id AND e.stream = k.stream)`,
    names,
  );
  const stored = new Set(locked.map(mapKey));
  const withEvents = new Set(recorded.map(mapKey));
  await fold(tx, aggregate, recorded, folded);

  const states = recorded.flatMap((key) => {
    const now = folded.get(mapKey(key));
    return now === undefined ? [] : [{ ...key, ...now }];
  });
  const { rows: written } = await tx.query<Key>(
    `INSERT INTO streams AS s (tenant_id, stream, version, state_version, state, txid)
     SELECT n.tenant_id, n.stream, n.version, $5::integer, n.state::jsonb,
       (SELECT e.txid FROM events e WHERE e.tenant_id = n.tenant_id AND e.stream = n.stream AND e.version = n.version)
     FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[]) AS n (tenant_id, stream, version, state)
     ORDER BY n.tenant_id, n.stream
     ON CONFLICT (tenant_id, stream) DO UPDATE
       SET version = excluded.version, state_version = excluded.state_version, state = excluded.state
       WHERE (s.version, s.state_version, s.state) IS DISTINCT FROM
             (excluded.version, excluded.state_version, excluded.state)
     RETURNING s.tenant_id, s.stream`,
    [
      states.map((one) => one.tenant_id),
      states.map((one) => one.stream),
      states.map((one) => one.version),
      states.map((one) => JSON.stringify(one.state)),
      aggregate.stateVersion ?? 1,
    ],
  );
  const orphans = locked.filter((key) => !withEvents.has(mapKey(key)));
  await tx.query(
    'DELETE FROM streams WHERE (tenant_id, stream) IN (SELECT * FROM unnest($1::text[], $2::text[]))',
    [orphans.map((key) => key.tenant_id), orphans.map((key) => key.stream)],
  );
  const altered = written.filter((key) => stored.has(mapKey(key))).length;
  return {
    streams: states.length + orphans.length,
    altered,
    missing: written.length - altered,
    orphaned: orphans.length,
  };
};

const mapKey = ({ tenant_id, stream }: Key): string => `${tenant_id}\n${stream}`;
