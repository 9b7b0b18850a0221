import type { Actor } from '@muster/contracts';
import {
  PARKED_STATES,
  type ParkedState,
  type ParkedView,
  type RecordParked,
  type ReplayMessage,
} from '@muster/contracts/parked/requests';
import { recordAct, type Database } from '@muster/event-store';
import { toSql, type Fields, type Filter } from '@muster/filter';
import { pack, unpack } from '@muster/messaging';

/** What the list can be filtered by. docs/running.md has the same names, for operators. */
export const PARKED_FIELDS = {
  state: { kind: 'text', column: 'state', values: PARKED_STATES },
  service: { kind: 'text', column: 'service' },
  stream: { kind: 'text', column: 'stream' },
  consumer: { kind: 'text', column: 'consumer' },
  code: { kind: 'text', column: 'code' },
  tries: { kind: 'number', column: 'tries' },
  firstParkedAt: { kind: 'time', column: 'first_parked_at' },
  lastParkedAt: { kind: 'time', column: 'last_parked_at' },
  traceId: { kind: 'text', column: 'trace_id' },
} as const satisfies Fields;

export interface ParkedKey {
  readonly tenantId: string;
  readonly parkedId: string;
}

/** Where a page ended: by the time of the first parking, and the id between equal ones. */
export interface Position {
  readonly at: string;
  readonly id: string;
}

export interface ParkedSearch {
  readonly tenantId: string;
  readonly filter: Filter | undefined;
  readonly state?: ParkedState;
  readonly order: 'newest' | 'oldest';
  readonly after: Position | undefined;
  readonly limit: number;
}

interface Row {
  id: string;
  state: ParkedState;
  service: string;
  stream: string;
  consumer: string;
  shown_subject: string;
  bytes: number;
  code: string | null;
  reason: string;
  tries: number;
  trace_id: string | null;
  first_parked_at: Date;
  last_parked_at: Date;
  decided_by: Actor | null;
  decided_at: Date | null;
}

interface ContentRow extends Row {
  subject: string;
  headers: Record<string, string>;
  payload: Buffer | null;
  sequence: string | null;
}

export interface ParkedContent {
  readonly view: ParkedView;
  readonly subject: string;
  readonly headers: Record<string, string>;
  /** Null: it is in the stream only. */
  readonly payload: Buffer | null;
  readonly sequence: number | null;
}

const FORGET_AT_ONCE = 1_000;

const COLUMNS = `id, state, service, stream, consumer, shown_subject, bytes, code, reason, tries, trace_id,
  first_parked_at, last_parked_at, decided_by, decided_at`;

/**
 * The one table of what could not be processed. `open` → `replayed` | `dropped`, and open again when the same message is
 * parked once more. Open ones are never removed.
 */
export class ParkedMessages {
  constructor(private readonly database: Database) {}

  /** The content of a known one stays: the same id means the same message. */
  async record(parked: RecordParked): Promise<void> {
    const { tenantId, id, service, stream, consumer, subject, shownSubject, headers, payload } = parked;
    await this.database.query({
      name: 'record-parked',
      text: `INSERT INTO parked_messages AS p (tenant_id, id, service, stream, consumer, subject, shown_subject, headers,
               payload, bytes, sequence, code, reason, tries, trace_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (tenant_id, id) DO UPDATE SET
               state = 'open', decided_by = NULL, decided_at = NULL, code = excluded.code, reason = excluded.reason,
               tries = p.tries + 1, trace_id = excluded.trace_id, last_parked_at = excluded.last_parked_at`,
      values: [
        tenantId,
        id,
        service,
        stream,
        consumer,
        storable(subject),
        storable(shownSubject),
        JSON.stringify(storableAll(headers)),
        payload === undefined ? null : unpack(payload),
        parked.bytes,
        parked.sequence ?? null,
        parked.code ?? null,
        storable(parked.reason),
        parked.tries,
        parked.traceId ?? null,
      ],
    });
  }

  async find({ tenantId, parkedId }: ParkedKey): Promise<ParkedContent | undefined> {
    const { rows } = await this.database.query<ContentRow>({
      name: 'find-parked',
      text: `SELECT ${COLUMNS}, subject, headers, payload, sequence FROM parked_messages WHERE tenant_id = $1 AND id = $2`,
      values: [tenantId, parkedId],
    });
    const [row] = rows;
    if (row === undefined) return undefined;
    const { subject, headers, payload, sequence } = row;
    return {
      view: viewOf(row),
      subject,
      headers,
      payload,
      sequence: sequence === null ? null : Number(sequence),
    };
  }

  async list({ tenantId, filter, state, order, after, limit }: ParkedSearch): Promise<ParkedView[]> {
    const values: unknown[] = [tenantId];
    const bind = (value: unknown): string => `$${values.push(value)}`;
    const [direction, beyond] = order === 'newest' ? ['DESC', '<'] : ['ASC', '>'];
    const conditions = [
      'tenant_id = $1',
      ...(state === undefined ? [] : [`state = ${bind(state)}`]),
      ...(filter === undefined ? [] : [toSql(filter, bind)]),
      ...(after === undefined
        ? []
        : [`(first_parked_at, id) ${beyond} (${bind(after.at)}::timestamptz, ${bind(after.id)})`]),
    ];
    const { rows } = await this.database.query<Row>(
      `SELECT ${COLUMNS} FROM parked_messages WHERE ${conditions.join(' AND ')}
       ORDER BY first_parked_at ${direction}, id ${direction} LIMIT ${bind(limit)}`,
      values,
    );
    return rows.map(viewOf);
  }

  async count({ tenantId, filter }: Pick<ParkedSearch, 'tenantId' | 'filter'>): Promise<number> {
    const values: unknown[] = [tenantId];
    const which = filter === undefined ? '' : `AND ${toSql(filter, (value) => `$${values.push(value)}`)}`;
    const { rows } = await this.database.query<{ total: number }>(
      `SELECT count(*)::integer AS total FROM parked_messages WHERE tenant_id = $1 ${which}`,
      values,
    );
    return rows[0]?.total ?? 0;
  }

  /** Changes nothing unless it is open. */
  async decide(
    { tenantId, parkedId }: ParkedKey,
    state: 'replayed' | 'dropped',
    actor: Actor,
  ): Promise<void> {
    await this.database.transaction(async (tx) => {
      const { rowCount } = await tx.query(
        `UPDATE parked_messages SET state = $3, decided_by = $4, decided_at = now(),
         tries = tries + CASE $3 WHEN 'replayed' THEN 1 ELSE 0 END
       WHERE tenant_id = $1 AND id = $2 AND state = 'open'`,
        [tenantId, parkedId, state, JSON.stringify(actor)],
      );
      if (rowCount === 0) return;
      const type = state === 'dropped' ? 'ParkedMessageDropped' : 'ParkedMessageReplayed';
      await recordAct(tx, { tenantId, aggregate: 'parked', id: parkedId, type, actor });
    });
  }

  /** A replay that failed. */
  async failed(
    { tenantId, parkedId }: ParkedKey,
    { code, reason }: { readonly code: string; readonly reason: string },
  ): Promise<void> {
    await this.database.query(
      `UPDATE parked_messages SET code = $3, reason = $4, tries = tries + 1, last_parked_at = now()
       WHERE tenant_id = $1 AND id = $2 AND state = 'open'`,
      [tenantId, parkedId, code, storable(reason.slice(0, 4_096))],
    );
  }

  async openByOrigin(): Promise<{ stream: string; consumer: string; open: number }[]> {
    const { rows } = await this.database.query<{ stream: string; consumer: string; open: number }>(
      `SELECT stream, consumer, count(*)::integer AS open FROM parked_messages WHERE state = 'open'
       GROUP BY stream, consumer`,
    );
    return rows;
  }

  /** Removes what was decided long ago, a thousand at a time, so that none takes long. True: there is more. */
  async forgetDecided(keepDays: number): Promise<boolean> {
    const { rowCount } = await this.database.query(
      `DELETE FROM parked_messages WHERE (tenant_id, id) IN (
         SELECT tenant_id, id FROM parked_messages WHERE decided_at < now() - $1 * interval '1 day'
         ORDER BY decided_at LIMIT ${FORGET_AT_ONCE} FOR UPDATE SKIP LOCKED)`,
      [keepDays],
    );
    return rowCount === FORGET_AT_ONCE;
  }
}

/** What its origin is asked to handle again. */
export const messageOf = (
  tenantId: string,
  { view, subject, headers, payload, sequence }: ParkedContent,
): ReplayMessage => ({
  tenantId,
  parkedAt: view.firstParkedAt,
  stream: view.stream,
  consumer: view.consumer,
  subject,
  headers,
  ...(payload === null ? {} : { payload: pack(payload) }),
  ...(sequence === null ? {} : { sequence }),
});

export const positionOf = ({ firstParkedAt, id }: ParkedView): Position => ({ at: firstParkedAt, id });

const viewOf = (row: Row): ParkedView => ({
  id: row.id,
  state: row.state,
  service: row.service,
  stream: row.stream,
  consumer: row.consumer,
  subject: row.shown_subject,
  ...(row.code === null ? {} : { code: row.code }),
  reason: row.reason,
  tries: row.tries,
  bytes: row.bytes,
  firstParkedAt: row.first_parked_at.toISOString(),
  lastParkedAt: row.last_parked_at.toISOString(),
  ...(row.trace_id === null ? {} : { traceId: row.trace_id }),
  ...(row.decided_by === null ? {} : { decidedBy: row.decided_by }),
  ...(row.decided_at === null ? {} : { decidedAt: row.decided_at.toISOString() }),
});

/** PostgreSQL holds neither U+0000 nor half of a surrogate pair: what failed because of one must not fail here again. */
const storable = (text: string): string =>
  Buffer.from(text, 'utf8').toString('utf8').replaceAll('\0', '\u{fffd}');

const storableAll = (texts: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [storable(name), storable(text)]));
