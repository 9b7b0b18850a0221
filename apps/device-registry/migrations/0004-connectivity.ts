import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which devices are connected, and by which connections. None of it is rebuilt from events: what is open now is known to
 * the broker alone, and what was open yesterday to nobody.
 */
export class Connectivity1763600200004 implements MigrationInterface {
  readonly name = 'Connectivity1763600200004';

  async up(runner: QueryRunner): Promise<void> {
    // Written with each connection and once a minute while a device speaks: no index holds a column that changes, and the
    // pages keep room, so that PostgreSQL can update in place (HOT). `version` counts the changes of `connected`.
    await runner.query(`
      CREATE TABLE device_connectivity (
        tenant_id    text        NOT NULL,
        device_id    text        NOT NULL,
        connected    boolean,
        since        timestamptz,
        last_seen_at timestamptz,
        version      integer     NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant_id, device_id)
      ) WITH (fillfactor = 70)`);
    // A connection has no tenant: it opens before its client has used any token. Closed ones stay for an hour, so that a
    // report of their opening that comes again does not open them again.
    await runner.query(`
      CREATE TABLE connections (
        connection  text        NOT NULL PRIMARY KEY,
        client_id   text        NOT NULL,
        broker      text        NOT NULL,
        incarnation bigint      NOT NULL,
        nth         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
        closed_at   timestamptz
      )`);
    await runner.query(
      'CREATE INDEX connections_of_client ON connections (client_id) WHERE closed_at IS NULL',
    );
    await runner.query(
      'CREATE INDEX connections_closed ON connections (closed_at) WHERE closed_at IS NOT NULL',
    );
    await runner.query(`
      CREATE TABLE device_connections (
        connection text NOT NULL,
        tenant_id  text NOT NULL,
        device_id  text NOT NULL,
        PRIMARY KEY (connection, tenant_id, device_id)
      )`);
    await runner.query(
      'CREATE INDEX device_connections_by_device ON device_connections (tenant_id, device_id)',
    );
    await runner.query(`
      CREATE TABLE client_devices (
        client_id text        NOT NULL,
        tenant_id text        NOT NULL,
        device_id text        NOT NULL,
        noted_at  timestamptz NOT NULL,
        PRIMARY KEY (client_id, tenant_id, device_id)
      ) WITH (fillfactor = 70)`);
    await runner.query(`
      CREATE TABLE brokers (
        broker      text        NOT NULL PRIMARY KEY,
        incarnation bigint      NOT NULL,
        since       timestamptz NOT NULL
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
