import type pg from 'pg';
import type { RecordedEvent, Upcasting } from './aggregate.js';
import type { Database } from './database.js';
import { decoderFor, EVENT_COLUMNS, type EventRow } from './decode-event.js';
import { allowStatements } from './statement-time.js';

/**
 * A read model that is written in the transaction of its events, so that whoever has the answer of a change also reads
 * it. `project` gets the events of one or many streams, each stream's in order, streams in the order of their names.
 * It may turn a unique violation into an AppError (`uniqueViolation` names the constraint): the change is then undone.
 */
export interface Projection {
  readonly name: string;
  readonly handles: readonly string[];
  project(tx: pg.PoolClient, events: readonly RecordedEvent[]): Promise<void>;
  /** Empties its tables, for `rebuildProjections`. */
  reset(tx: pg.PoolClient): Promise<void>;
}

/**
 * Empties the projections and projects every event again, in one transaction. Nobody can append meanwhile; readers see the
 * old rows until the end. Unique constraints must be DEFERRABLE: where a name went from one stream to another, the order
 * of positions need not be the order of the two commits.
 */
export const rebuildProjections = async (
  database: Database,
  projections: readonly Projection[],
  aggregates: readonly Upcasting[],
): Promise<number> => {
  const decode = decoderFor(aggregates);
  return database.transaction(async (tx) => {
    await allowStatements(tx, 0);
    // Waits for open appends and keeps new ones out; without it an event appended meanwhile would be projected twice.
    await tx.query('LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE');
    await tx.query('SET CONSTRAINTS ALL DEFERRED');
    for (const projection of projections) await projection.reset(tx);
    const types = [...new Set(projections.flatMap((projection) => projection.handles))];
    let count = 0;
    for (let last = '0'; ;) {
      const { rows } = await tx.query<EventRow>(
        `SELECT ${EVENT_COLUMNS} FROM events e WHERE e.position > $1 AND e.type = ANY($2)
         ORDER BY e.position LIMIT 1000`,
        [last, types],
      );
      const final = rows.at(-1);
      if (final === undefined) return count;
      await projectInto(tx, projections, rows.map(decode));
      last = final.position;
      count += rows.length;
    }
  });
};

/** One after the other: a connection runs one statement at a time anyway. */
export const projectInto = async (
  tx: pg.PoolClient,
  projections: readonly Projection[],
  events: readonly RecordedEvent[],
): Promise<void> => {
  for (const projection of projections) {
    const handled = events.filter((event) => projection.handles.includes(event.type));
    if (handled.length > 0) await projection.project(tx, handled);
  }
};

export const isProjected = (
  projections: readonly Projection[],
  events: readonly { readonly type: string }[],
): boolean => projections.some(({ handles }) => events.some((event) => handles.includes(event.type)));
