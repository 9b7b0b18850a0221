import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Read model of the device types. Constraints are deferrable so that the tables can be rebuilt from the events. */
export class DeviceTypes1763600200001 implements MigrationInterface {
  readonly name = 'DeviceTypes1763600200001';

  async up(runner: QueryRunner): Promise<void> {
    // COLLATE "C": the order of a page's cursor must not change with the operating system's locale data.
    await runner.query(`
      CREATE TABLE device_types (
        tenant_id   text             NOT NULL,
        id          text             NOT NULL,
        name        text COLLATE "C" NOT NULL,
        description text,
        settings    jsonb            NOT NULL,
        version     integer          NOT NULL,
        created_at  timestamptz      NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT device_types_name UNIQUE (tenant_id, name) DEFERRABLE INITIALLY IMMEDIATE
      )`);
    // Unique in the whole system, not in the tenant: the name is a level of every topic, where no tenant stands.
    await runner.query(`
      CREATE TABLE app_versions (
        tenant_id      text    NOT NULL,
        device_type_id text    NOT NULL,
        id             text    NOT NULL,
        name           text COLLATE "C" NOT NULL,
        nth            integer NOT NULL,
        PRIMARY KEY (tenant_id, device_type_id, id),
        CONSTRAINT app_versions_name UNIQUE (name) DEFERRABLE INITIALLY IMMEDIATE
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
