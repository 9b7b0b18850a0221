import { streamName, type Aggregate, type DomainEvent, type RecordedEvent } from './aggregate.js';
import type { Database } from './database.js';
import { decodeEvent, EVENT_COLUMNS, type EventRow } from './decode-event.js';

export interface ReadOptions {
  /** Inclusive. */
  readonly fromVersion?: number | undefined;
  /** Inclusive. */
  readonly toVersion?: number | undefined;
  /** Newest first. */
  readonly backwards?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly types?: readonly string[] | undefined;
  /** Fields of the data that are not read, where they may be large; whoever leaves them out must not look at them. */
  readonly omit?: readonly string[] | undefined;
}

/** Events of one stream by version; empty when there is no such stream. */
export const readStream = async <Event extends DomainEvent>(
  database: Database,
  tenantId: string,
  aggregate: Pick<Aggregate<never, never, Event>, 'name' | 'upcast'>,
  id: string,
  { fromVersion, toVersion, backwards = false, limit, types, omit = [] }: ReadOptions = {},
): Promise<RecordedEvent<Event>[]> => {
  const { rows } = await database.query<EventRow>(
    `SELECT ${omit.length === 0 ? EVENT_COLUMNS : WITHOUT} FROM events e
     WHERE e.tenant_id = $1 AND e.stream = $2 AND e.version BETWEEN $3 AND $4
       AND ($5::text[] IS NULL OR e.type = ANY($5))
     ORDER BY e.version ${backwards ? 'DESC' : 'ASC'} LIMIT $6`,
    [
      tenantId,
      streamName(aggregate.name, id),
      fromVersion ?? 0,
      toVersion ?? MAX_VERSION,
      types ?? null,
      limit ?? null,
      ...(omit.length === 0 ? [] : [omit]),
    ],
  );
  return rows.map((row) => decodeEvent<Event>(row, aggregate.upcast?.bind(aggregate)));
};

const WITHOUT = EVENT_COLUMNS.replace('e.data', 'e.data - $7::text[] AS data');
const MAX_VERSION = 2_147_483_647;
