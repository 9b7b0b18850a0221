import type { MigrationInterface, QueryRunner } from 'typeorm';

/** IoT Hubs, which device types are in which, and their sealed keys. */
export class Hubs1763600800001 implements MigrationInterface {
  readonly name = 'Hubs1763600800001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE hubs (
        tenant_id  text        NOT NULL,
        id         text        NOT NULL,
        name       text        COLLATE "C" NOT NULL,
        host_name  text        NOT NULL,
        settings   jsonb       NOT NULL,
        version    integer     NOT NULL,
        created_at timestamptz NOT NULL,
        created_by jsonb       NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT hubs_name UNIQUE (tenant_id, name),
        -- Of all tenants: who has the key of a hub reads the events of all its devices.
        CONSTRAINT hubs_host_name UNIQUE (host_name)
      )`);
    // '' stands for all types that no hub names.
    await runner.query(`
      CREATE TABLE hub_device_types (
        tenant_id      text NOT NULL,
        device_type_id text NOT NULL,
        hub_id         text NOT NULL,
        CONSTRAINT hub_device_types_type PRIMARY KEY (tenant_id, device_type_id),
        FOREIGN KEY (tenant_id, hub_id) REFERENCES hubs (tenant_id, id) ON DELETE CASCADE
      )`);
    // Not from events: what is secret is in none. No reference to hubs, which can be made anew from events.
    await runner.query(`
      CREATE TABLE hub_keys (
        tenant_id text  NOT NULL,
        hub_id    text  NOT NULL,
        sealed    bytea NOT NULL,
        PRIMARY KEY (tenant_id, hub_id)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
