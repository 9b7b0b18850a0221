import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Read model of the credentials, and the hashes of the secrets, which no event holds. */
export class DeviceSecrets1763600200003 implements MigrationInterface {
  readonly name = 'DeviceSecrets1763600200003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE device_credentials (
        tenant_id  text        NOT NULL,
        id         text        NOT NULL,
        device_id  text        NOT NULL,
        kind       text        NOT NULL,
        status     text        NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX device_credentials_by_device ON device_credentials (device_id)');
    // Not rebuilt from events: written by the handlers in the transaction of the event.
    await runner.query(`
      CREATE TABLE device_secrets (
        tenant_id text  NOT NULL,
        id        text  NOT NULL,
        device_id text  NOT NULL,
        sha256    bytea NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX device_secrets_by_device ON device_secrets (device_id)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
