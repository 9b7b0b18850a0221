import type pg from 'pg';
import { streamName, type Aggregate, type DomainEvent } from './aggregate.js';
import type { Queryable } from './append.js';
import { FEW } from './few.js';
import { decodeEvent, EVENT_COLUMNS, type EventRow } from './decode-event.js';

export interface StreamKey {
  readonly tenantId: string;
  readonly id: string;
}

export interface LoadedState<State> {
  readonly state: State;
  /** Number of events of the stream; 0: it does not exist. */
  readonly version: number;
}

interface StateRow<State> {
  tenant_id: string;
  stream: string;
  version: number;
  state_version: number;
  state: State;
}

/** The states in the order of `keys`, which may repeat. `lock` holds the streams that exist to the transaction's end. */
export const loadStates = async <State, Event extends DomainEvent>(
  queryable: Queryable,
  aggregate: Pick<Aggregate<State, never, Event>, 'name' | 'initial' | 'stateVersion' | 'evolve' | 'upcast'>,
  keys: readonly StreamKey[],
  { lock }: { readonly lock: boolean },
): Promise<LoadedState<State>[]> => {
  const names = keys.map((key) => streamName(aggregate.name, key.id));
  const { rows } = await queryable.query<StateRow<State>>(
    keys.length === 1
      ? { ...(lock ? LOAD_LOCKED : LOAD), values: [keys[0]?.tenantId, names[0]] }
      : {
          ...(keys.length <= FEW ? { name: lock ? 'load-few-locked' : 'load-few' } : {}),
          ...(lock ? LOAD_MANY_LOCKED : LOAD_MANY),
          values: [keys.map((key) => key.tenantId), names],
        },
  );
  const stale = rows.filter((row) => row.state_version !== (aggregate.stateVersion ?? 1));
  const refolded = stale.length === 0 ? new Map<string, State>() : await fold(queryable, aggregate, stale);
  const byKey = new Map(rows.map((row) => [mapKey(row.tenant_id, row.stream), row]));
  return keys.map((key, index) => {
    const found = mapKey(key.tenantId, names[index] ?? '');
    const row = byKey.get(found);
    if (row === undefined) return { state: aggregate.initial, version: 0 };
    return { state: refolded.get(found) ?? row.state, version: row.version };
  });
};

/** The states from the events, for streams whose stored state another version of `evolve` made. */
const fold = async <State, Event extends DomainEvent>(
  queryable: Queryable,
  aggregate: Pick<Aggregate<State, never, Event>, 'initial' | 'evolve' | 'upcast'>,
  streams: readonly StateRow<State>[],
): Promise<Map<string, State>> => {
  const { rows } = await queryable.query<EventRow>({
    text: `SELECT ${EVENT_COLUMNS} FROM events e
           JOIN unnest($1::text[], $2::text[], $3::integer[]) AS s (tenant_id, stream, version)
             ON e.tenant_id = s.tenant_id AND e.stream = s.stream AND e.version <= s.version
           ORDER BY e.tenant_id, e.stream, e.version`,
    values: [
      streams.map((one) => one.tenant_id),
      streams.map((one) => one.stream),
      streams.map((one) => one.version),
    ],
  });
  const states = new Map<string, State>();
  for (const row of rows) {
    const key = mapKey(row.tenant_id, row.stream);
    const event = decodeEvent<Event>(row, aggregate.upcast?.bind(aggregate));
    states.set(key, aggregate.evolve(states.get(key) ?? aggregate.initial, event));
  }
  return states;
};

const mapKey = (tenantId: string, stream: string): string => `${tenantId}\n${stream}`;

const ONE = `SELECT tenant_id, stream, version, state_version, state FROM streams
  WHERE tenant_id = $1 AND stream = $2`;
const MANY = `SELECT s.tenant_id, s.stream, s.version, s.state_version, s.state FROM streams s
  WHERE (s.tenant_id, s.stream) IN (SELECT * FROM unnest($1::text[], $2::text[]))`;

const LOAD: pg.QueryConfig = { name: 'load', text: ONE };
const LOAD_LOCKED: pg.QueryConfig = { name: 'load-locked', text: `${ONE} FOR UPDATE` };
const LOAD_MANY: pg.QueryConfig = { text: MANY };
// The order is that of append-many.ts: without it two transactions with streams in common would deadlock.
const LOAD_MANY_LOCKED: pg.QueryConfig = {
  text: `${MANY} ORDER BY s.tenant_id, s.stream FOR UPDATE OF s`,
};
