import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What the doors tell of connections, and for how long they are believed. None of it is rebuilt from events: what is open now
 * is known to the doors alone.
 */
export class Doors1764380000014 implements MigrationInterface {
  readonly name = 'Doors1764380000014';

  async up(runner: QueryRunner): Promise<void> {
    // A row is one life of a door. `lapsed`: over; `emptied`: all its connections are closed as well. Written by every door
    // every few seconds: no index holds a column that changes.
    await runner.query(`
      CREATE TABLE doors (
        door          text        NOT NULL PRIMARY KEY,
        lease_seconds integer     NOT NULL,
        lapses_at     timestamptz NOT NULL,
        lapsed        boolean     NOT NULL DEFAULT false,
        emptied       boolean     NOT NULL DEFAULT false
      ) WITH (fillfactor = 50)`);
    // One row: since when whoever watches over leases could hear doors without a gap.
    await runner.query(`
      CREATE TABLE door_watch (
        one        boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
        since      timestamptz NOT NULL,
        watched_at timestamptz NOT NULL
      ) WITH (fillfactor = 50)`);
    // A connection without opened_at is known by its end or by a use alone, as long as its beginning has not been told.
    await runner.query(`
      CREATE TABLE live_connections (
        connection text        NOT NULL PRIMARY KEY,
        door       text        NOT NULL,
        tenant_id  text,
        device_id  text,
        client_id  text,
        transport  text,
        protocol   text,
        address    text,
        opened_at  timestamptz,
        closed_at  timestamptz,
        reason     text,
        changed_at timestamptz NOT NULL
      ) WITH (fillfactor = 70)`);
    await runner.query(
      'CREATE INDEX live_connections_of_door ON live_connections (door) WHERE opened_at IS NOT NULL AND closed_at IS NULL',
    );
    await runner.query(
      'CREATE INDEX live_connections_over ON live_connections (changed_at) WHERE opened_at IS NULL OR closed_at IS NOT NULL',
    );
    // Which devices speak by a connection: its own, and those behind it. Only of connections that are not closed.
    await runner.query(`
      CREATE TABLE connection_devices (
        connection text NOT NULL,
        tenant_id  text NOT NULL,
        device_id  text NOT NULL,
        PRIMARY KEY (connection, tenant_id, device_id)
      )`);
    await runner.query(
      'CREATE INDEX connection_devices_by_device ON connection_devices (tenant_id, device_id)',
    );
    await runner.query(`
      ALTER TABLE device_connectivity
        ADD COLUMN ended_at        timestamptz,
        ADD COLUMN ended_reason    text,
        ADD COLUMN ended_client_id text`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
