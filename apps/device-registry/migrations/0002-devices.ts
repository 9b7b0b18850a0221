import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Read model of the devices and their tokens, and the one table that is not a read model: the texts of the tokens. */
export class Devices1763600200002 implements MigrationInterface {
  readonly name = 'Devices1763600200002';

  async up(runner: QueryRunner): Promise<void> {
    // The foreign key is the rule "a type in use is not deleted", also against a device that is provisioned meanwhile.
    await runner.query(`
      CREATE TABLE devices (
        tenant_id      text             NOT NULL,
        id             text             NOT NULL,
        name           text COLLATE "C" NOT NULL,
        device_type_id text             NOT NULL,
        app_version    text             NOT NULL,
        interface      text             NOT NULL,
        folder         text             NOT NULL,
        tags           text[]           NOT NULL,
        metadata       jsonb            NOT NULL,
        serial_number  text,
        position       jsonb,
        version        integer          NOT NULL,
        created_at     timestamptz      NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT devices_name UNIQUE (tenant_id, name) DEFERRABLE INITIALLY IMMEDIATE,
        CONSTRAINT devices_device_type FOREIGN KEY (tenant_id, device_type_id)
          REFERENCES device_types (tenant_id, id) DEFERRABLE INITIALLY IMMEDIATE
      ) WITH (fillfactor = 85)`);
    await runner.query('CREATE INDEX devices_by_age ON devices (tenant_id, created_at, id)');
    await runner.query('CREATE INDEX devices_by_type ON devices (tenant_id, device_type_id)');
    await runner.query(`
      CREATE TABLE device_tokens (
        tenant_id  text        NOT NULL,
        id         text        NOT NULL,
        device_id  text        NOT NULL,
        hint       text        NOT NULL,
        status     text        NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX device_tokens_by_device ON device_tokens (device_id)');
    // Not rebuilt from events, which hold no secrets: written by the handlers in the transaction of the event.
    await runner.query(`
      CREATE TABLE endpoint_tokens (
        tenant_id text             NOT NULL,
        id        text             NOT NULL,
        device_id text             NOT NULL,
        token     text COLLATE "C" NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT endpoint_tokens_token UNIQUE (token)
      )`);
    await runner.query('CREATE INDEX endpoint_tokens_by_device ON endpoint_tokens (device_id)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
