import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Passwords and certificates of devices with their times; devices that wait for an approval or are suspended. */
export class Credentials1764350000013 implements MigrationInterface {
  readonly name = 'Credentials1764350000013';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE devices
        ADD COLUMN status     text    NOT NULL DEFAULT 'active',
        ADD COLUMN token_only boolean NOT NULL DEFAULT true,
        ADD COLUMN enrolled_by text`);
    await runner.query(`UPDATE devices SET token_only = false WHERE interface = 'http'`);
    // Few: what waits for an operator, and what he has suspended.
    await runner.query(
      `CREATE INDEX devices_not_active ON devices (tenant_id, status) WHERE status <> 'active'`,
    );
    await runner.query(`
      ALTER TABLE device_credentials
        ADD COLUMN valid_from   timestamptz,
        ADD COLUMN valid_until  timestamptz,
        ADD COLUMN username     text COLLATE "C",
        ADD COLUMN sha256       text COLLATE "C",
        ADD COLUMN subject      text COLLATE "C",
        ADD COLUMN authority_id text,
        ADD CONSTRAINT device_credentials_sha256 UNIQUE (sha256) DEFERRABLE INITIALLY IMMEDIATE,
        ADD CONSTRAINT device_credentials_subject UNIQUE (tenant_id, subject) DEFERRABLE INITIALLY IMMEDIATE`);
    // One row for each name of a device, whatever the number of its passwords: no two devices have the same.
    await runner.query(`
      CREATE TABLE device_usernames (
        tenant_id text             NOT NULL,
        device_id text             NOT NULL,
        username  text COLLATE "C" NOT NULL,
        PRIMARY KEY (tenant_id, device_id, username),
        CONSTRAINT device_usernames_username UNIQUE (username) DEFERRABLE INITIALLY IMMEDIATE
      )`);
    // Not rebuilt from events, which hold no hashes: written by the handlers in the transaction of the event.
    await runner.query(`
      CREATE TABLE device_passwords (
        tenant_id text NOT NULL,
        id        text NOT NULL,
        device_id text NOT NULL,
        hash      text NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX device_passwords_by_device ON device_passwords (tenant_id, device_id)');
    // When a credential or an authority was last used: no event, and lost by nobody who rebuilds.
    await runner.query(`
      CREATE TABLE last_uses (
        tenant_id text        NOT NULL,
        id        text        NOT NULL,
        used_at   timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      ) WITH (fillfactor = 70)`);
    await runner.query(`
      CREATE TABLE certificate_authorities (
        tenant_id          text             NOT NULL,
        id                 text             NOT NULL,
        name               text             NOT NULL,
        status             text             NOT NULL,
        certificate        text             NOT NULL,
        sha256             text             NOT NULL,
        distinguished_name text COLLATE "C" NOT NULL,
        certified          jsonb            NOT NULL,
        validity           jsonb            NOT NULL,
        verification_code  text             NOT NULL,
        subject_rule       jsonb            NOT NULL,
        enrolment          jsonb,
        enrolled           integer          NOT NULL,
        version            integer          NOT NULL,
        created_at         timestamptz      NOT NULL,
        verified_sha256    text,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT certificate_authorities_name UNIQUE (tenant_id, name) DEFERRABLE INITIALLY IMMEDIATE,
        CONSTRAINT certificate_authorities_sha256 UNIQUE (tenant_id, sha256) DEFERRABLE INITIALLY IMMEDIATE,
        -- Of those who have shown that they have the key, one: a connection must lead to one tenant.
        CONSTRAINT certificate_authorities_verified UNIQUE (verified_sha256) DEFERRABLE INITIALLY IMMEDIATE
      )`);
    await runner.query(
      'CREATE INDEX certificate_authorities_by_subject ON certificate_authorities (distinguished_name)',
    );
    await runner.query(`
      CREATE TABLE claim_keys (
        tenant_id      text        NOT NULL,
        id             text        NOT NULL,
        name           text        NOT NULL,
        hint           text        NOT NULL,
        status         text        NOT NULL,
        device_type_id text        NOT NULL,
        app_version    text,
        interface      text        NOT NULL,
        folder         text        NOT NULL,
        tags           text[]      NOT NULL,
        most           integer     NOT NULL,
        enrolled       integer     NOT NULL,
        valid_from     timestamptz,
        valid_until    timestamptz NOT NULL,
        version        integer     NOT NULL,
        created_at     timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT claim_keys_name UNIQUE (tenant_id, name) DEFERRABLE INITIALLY IMMEDIATE
      )`);
    // As of device_secrets.
    await runner.query(`
      CREATE TABLE claim_key_hashes (
        tenant_id text  NOT NULL,
        id        text  NOT NULL,
        sha256    bytea NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT claim_key_hashes_sha256 UNIQUE (sha256)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
