import type pg from 'pg';
import { streamName, type DomainEvent, type EventMetadata } from './aggregate.js';
import type { Database } from './database.js';

/** A fact that is told outside and kept for no longer than that takes: of something that is a row, not a history. */
export interface Announcement {
  readonly tenantId: string;
  /** Not the name of an aggregate with events: message ids are made of it, and `translate` tells by it. */
  readonly about: string;
  readonly id: string;
  /** Rises with every announcement about this id; the row that is told of keeps it. */
  readonly version: number;
  readonly event: DomainEvent;
  readonly metadata: EventMetadata;
}

/** Written with the change it tells of; the relay publishes it after the commit, each id's in order, at least once. */
export const announce = async (tx: pg.PoolClient, announcements: readonly Announcement[]): Promise<void> => {
  await tx.query({
    text: `INSERT INTO announcements (tenant_id, stream, version, aggregate, type, schema_version, data, metadata)
           SELECT a.tenant_id, a.stream, a.version, a.about, a.type, a.schema_version, a.data::jsonb, a.metadata::jsonb
           FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[])
             WITH ORDINALITY AS a (tenant_id, stream, version, about, type, schema_version, data, metadata, nth)
           ORDER BY a.nth`,
    values: [
      announcements.map(({ tenantId }) => tenantId),
      announcements.map(({ about, id }) => streamName(about, id)),
      announcements.map(({ version }) => version),
      announcements.map(({ about }) => about),
      announcements.map(({ event }) => event.type),
      announcements.map(({ event }) => event.schemaVersion ?? 1),
      announcements.map(({ event }) => JSON.stringify(event.data)),
      announcements.map(({ metadata }) => JSON.stringify(metadata)),
    ],
  });
};

/**
 * Removes what was published (it lies before the relay's cursor) and is as old as the stream it was published to, which
 * holds it no longer either; `most` of it. Returns how many went. SKIP LOCKED, so that replicas may do it at once.
 */
export const forgetOldAnnouncements = async (
  database: Database,
  relay: string,
  keptHours: number,
  most: number,
): Promise<number> => {
  const { rowCount } = await database.query(
    `DELETE FROM announcements WHERE ctid IN (
       SELECT a.ctid FROM announcements a JOIN relay_cursor c ON c.relay = $1 AND (a.txid, a.position) <= (c.txid, c.position)
       WHERE a.recorded_at < now() - make_interval(hours => $2) LIMIT $3 FOR UPDATE OF a SKIP LOCKED)`,
    [relay, keptHours, most],
  );
  return rowCount ?? 0;
};
