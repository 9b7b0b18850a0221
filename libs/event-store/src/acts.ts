import type { Actor } from '@muster/contracts';
import { currentTrace } from '@muster/observability';
import { streamName, type EventMetadata } from './aggregate.js';
import type { Queryable } from './append.js';
import type { Database } from './database.js';

/**
 * What a person or a key of theirs did, and not what devices, campaigns, defaults and the platform do; neither the parts of a
 * job, which is one act, nor what follows by itself. The condition of the index `events_acts`, word for word.
 */
export const IS_ACT = `metadata -> 'actor' ->> 'kind' IN ('user', 'api-key', 'service-account')
        AND NOT metadata ? 'job' AND NOT metadata ? 'follows'`;
/** Of a single thing: all that was done to it, also as a part of something larger. */
const IS_DONE_TO_IT = `metadata -> 'actor' ->> 'kind' NOT IN ('device', 'system') AND NOT metadata ? 'follows'`;

/** Of one page with a filter: what it leaves out costs, too. */
export const MOST_ACTS_READ = 5_000;

/** Where an act is in the order: the newest first; unique within a service. */
export interface ActPlace {
  /** Unix microseconds. */
  readonly at: number;
  readonly position: number;
}

export interface RecordedAct extends ActPlace {
  readonly aggregate: string;
  readonly streamId: string;
  /** As its events are called. */
  readonly type: string;
  readonly metadata: EventMetadata;
  /** As its state has it now; null where it has none, or is gone. */
  readonly name: string | null;
}

export interface ReadActs {
  readonly tenantId: string;
  /** Undefined: from the newest on. */
  readonly before?: ActPlace | undefined;
  /** Unix microseconds; inclusive, exclusive. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit: number;
  /** Only what was done to these. */
  readonly streams?: readonly string[] | undefined;
  /** A condition over `a`: the columns of `events` but `data`. */
  readonly where?: ((bind: (value: unknown) => string) => string) | undefined;
  /** False: the service keeps no events. */
  readonly hasEvents: boolean;
}

/**
 * Acts of a service by the time they were recorded, the newest first. `readTo`: up to where it was read; null: there is
 * nothing further back. Where a filter leaves out much, a page has fewer than `limit` and goes on.
 */
export const readActs = async (
  database: Database,
  { tenantId, before, from, to, limit, streams, where, hasEvents }: ReadActs,
): Promise<{ readonly acts: readonly RecordedAct[]; readonly readTo: ActPlace | null }> => {
  const values: unknown[] = [tenantId];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const time = (micros: number): string =>
    `'epoch'::timestamptz + ${bind(micros)} * interval '1 microsecond'`;
  const bounds = [
    'tenant_id = $1',
    ...(before === undefined
      ? []
      : [`(recorded_at, position) < (${time(before.at)}, ${bind(before.position)}::bigint)`]),
    ...(from === undefined ? [] : [`recorded_at >= ${time(from)}`]),
    ...(to === undefined ? [] : [`recorded_at < ${time(to)}`]),
    ...(streams === undefined ? [] : [`stream = ANY(${bind(streams)}::text[])`]),
  ].join(' AND ');
  // One more than is asked for tells whether there are more. Only of what a filter leaves out more must be read.
  const most = where === undefined ? limit + 1 : MOST_ACTS_READ;
  const newest = 'ORDER BY recorded_at DESC, position DESC';
  const part = (table: string, which: string): string =>
    `(SELECT ${COLUMNS} FROM ${table} WHERE ${bounds} AND ${which} ${newest} LIMIT ${most})`;
  const parts = [
    part('acts', 'true'),
    ...(hasEvents ? [part('events', streams === undefined ? IS_ACT : IS_DONE_TO_IT)] : []),
  ];
  const condition = where === undefined ? 'true' : where(bind);
  const { rows } = await database.query<ActRow>({
    text: `
      WITH read AS MATERIALIZED (
        SELECT kept.*, row_number() OVER (${newest}) AS nth FROM (${parts.join(' UNION ALL ')}) AS kept
        ${newest} LIMIT ${most}),
      found AS MATERIALIZED (
        SELECT * FROM (SELECT a.*, (${condition}) IS TRUE AS matches FROM read a) AS f
        WHERE f.matches OR f.nth = ${most}
        ORDER BY f.nth LIMIT ${bind(limit + 1)}::integer)
      SELECT f.aggregate, f.stream, f.type, f.metadata, f.matches, f.nth, f.position,
             (extract(epoch FROM f.recorded_at) * 1000000)::bigint AS at,
             ${hasEvents ? NAME : 'NULL'} AS name
      FROM found f ${hasEvents ? 'LEFT JOIN streams s ON s.tenant_id = $1 AND s.stream = f.stream' : ''}
      ORDER BY f.nth`,
    values,
  });
  const found = rows.filter(({ matches }) => matches);
  const acts = found.slice(0, limit).map(actOf);
  const end =
    found.length > limit ? acts.at(-1) : rows.filter(({ nth }) => nth === String(most)).map(actOf)[0];
  return { acts, readTo: end === undefined ? null : { at: end.at, position: end.position } };
};

const COLUMNS = 'aggregate, stream, type, metadata, recorded_at, position';
/** Of a campaign its definition has it; a job has none but its kind. */
const NAME =
  "coalesce(s.state ->> 'name', s.state -> 'definition' ->> 'name', s.state -> 'standing' ->> 'kind')";

interface ActRow {
  readonly aggregate: string;
  readonly stream: string;
  readonly type: string;
  readonly metadata: EventMetadata;
  readonly position: string;
  readonly at: string;
  readonly name: string | null;
  readonly nth: string;
  readonly matches: boolean;
}

const actOf = ({ aggregate, stream, type, metadata, position, at, name }: ActRow): RecordedAct => ({
  at: Number(at),
  position: Number(position),
  aggregate,
  streamId: stream.slice(aggregate.length + 1),
  type,
  metadata,
  name,
});

export interface Act {
  readonly tenantId: string;
  /** What it was done to, as an aggregate and its id. */
  readonly aggregate: string;
  readonly id: string;
  /** As an event would be called. */
  readonly type: string;
  readonly actor: Actor;
}

/** Writes down an act that is no event, in the transaction or the statement that does it. */
export const recordAct = async (
  tx: Queryable,
  { tenantId, aggregate, id, type, actor }: Act,
): Promise<void> => {
  const traceparent = currentTrace()?.traceparent;
  const metadata: EventMetadata = { actor, ...(traceparent === undefined ? {} : { traceparent }) };
  await tx.query({
    text: 'INSERT INTO acts (tenant_id, aggregate, stream, type, metadata) VALUES ($1, $2, $3, $4, $5)',
    values: [tenantId, aggregate, streamName(aggregate, id), type, JSON.stringify(metadata)],
  });
};

/** Before a stream is erased: who did what when stays, and nothing of what it was. */
export const keepActs = async (tx: Queryable, tenantId: string, stream: string): Promise<void> => {
  await tx.query({
    text: `INSERT INTO acts (tenant_id, recorded_at, position, aggregate, stream, type, metadata)
           SELECT tenant_id, recorded_at, position, aggregate, stream, type, metadata FROM events
           WHERE tenant_id = $1 AND stream = $2 AND ${IS_ACT}
           ON CONFLICT DO NOTHING`,
    values: [tenantId, stream],
  });
};

/** Streams whose acts are on record beside their events, erased ones among them: those that begin with `prefix`. */
export const streamsWithActs = async (
  database: Queryable,
  { tenantId, prefix }: { readonly tenantId: string; readonly prefix: string },
): Promise<readonly string[]> => {
  const { rows } = await database.query<{ stream: string }>({
    text: 'SELECT DISTINCT stream FROM acts WHERE tenant_id = $1 AND stream LIKE $2',
    values: [tenantId, `${prefix.replace(/[\\%_]/g, '\\$&')}%`],
  });
  return rows.map(({ stream }) => stream);
};
