import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The tables of an event-sourced service. They live in the service's own schema, which `search_path` names. */
export class Events1763600000001 implements MigrationInterface {
  // TypeORM sorts by the timestamp at the end of the name and stores the name: neither may ever change.
  readonly name = 'Events1763600000001';

  async up(runner: QueryRunner): Promise<void> {
    // tenant_id stands first in every key, so that the tables can be distributed by it.
    await runner.query(`
      CREATE TABLE events (
        tenant_id      text        NOT NULL,
        stream         text        NOT NULL,
        version        integer     NOT NULL,
        position       bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
        aggregate      text        NOT NULL,
        type           text        NOT NULL,
        schema_version integer     NOT NULL,
        data           jsonb       NOT NULL,
        metadata       jsonb       NOT NULL,
        recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
        txid           xid8        NOT NULL DEFAULT pg_current_xact_id(),
        PRIMARY KEY (tenant_id, stream, version)
      )`);
    await runner.query('CREATE INDEX events_in_order ON events (txid, position)');

    // The state of a stream after its last event. A cache: it can be folded again from the events, and is, when the
    // aggregate's stateVersion is another one. fillfactor leaves room for updates within the page (HOT).
    await runner.query(`
      CREATE TABLE streams (
        tenant_id     text    NOT NULL,
        stream        text    NOT NULL,
        version       integer NOT NULL,
        state_version integer NOT NULL,
        state         jsonb   NOT NULL,
        PRIMARY KEY (tenant_id, stream)
      ) WITH (fillfactor = 80)`);

    await runner.query(`
      CREATE TABLE relay_cursor (
        relay    text   NOT NULL PRIMARY KEY,
        txid     xid8   NOT NULL,
        position bigint NOT NULL,
        moved_at timestamptz NOT NULL DEFAULT now()
      )`);
    // Events that cannot be published whatever is tried: kept with the reason, so that they block nothing and are not lost.
    await runner.query(`
      CREATE TABLE relay_parked (
        tenant_id text        NOT NULL,
        stream    text        NOT NULL,
        version   integer     NOT NULL,
        reason    text        NOT NULL,
        parked_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, stream, version)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
