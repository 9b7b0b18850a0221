import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Read models of firmwares, uploads and what is known of devices; and the secrets, which are in no event. */
export class Firmware1763600200001 implements MigrationInterface {
  readonly name = 'Firmware1763600200001';

  async up(runner: QueryRunner): Promise<void> {
    // Constraints are DEFERRABLE for rebuilds; see `rebuildProjections`.
    await runner.query(`
      CREATE TABLE firmware_types (
        tenant_id      text        NOT NULL,
        id             text        NOT NULL,
        device_type_id text        NOT NULL,
        name           text        NOT NULL,
        version_key    text        NOT NULL,
        url_key        text        NOT NULL,
        token_key      text        NOT NULL,
        created_at     timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT firmware_types_name UNIQUE (tenant_id, device_type_id, name) DEFERRABLE INITIALLY IMMEDIATE
      )`);
    // A row per key, so that the database keeps a key from being used twice, whichever of the three it is.
    await runner.query(`
      CREATE TABLE firmware_type_keys (
        tenant_id        text NOT NULL,
        device_type_id   text NOT NULL,
        key              text NOT NULL,
        firmware_type_id text NOT NULL,
        CONSTRAINT firmware_type_keys_key PRIMARY KEY (tenant_id, device_type_id, key)
          DEFERRABLE INITIALLY IMMEDIATE
      )`);
    await runner.query(`
      CREATE TABLE firmwares (
        tenant_id        text        NOT NULL,
        id               text        NOT NULL,
        firmware_type_id text        NOT NULL,
        device_type_id   text        NOT NULL,
        version          text        NOT NULL,
        name             text        NOT NULL,
        file_key         text        NOT NULL,
        size             bigint      NOT NULL,
        sha256           text        NOT NULL,
        description      text,
        upgradable_from  text[]      NOT NULL,
        rollout          jsonb       NOT NULL,
        available_since  timestamptz NOT NULL,
        revision         integer     NOT NULL,
        created_at       timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CONSTRAINT firmwares_version UNIQUE (tenant_id, firmware_type_id, version) DEFERRABLE INITIALLY IMMEDIATE
      )`);
    // The token's text is kept, not only its hash: devices are given it again and again. Not a read model of events, and
    // not in any: who may read the stream of published events must not be able to download.
    await runner.query(`
      CREATE TABLE download_tokens (
        tenant_id   text  NOT NULL,
        firmware_id text  NOT NULL,
        token       text  NOT NULL,
        token_hash  bytea NOT NULL UNIQUE,
        PRIMARY KEY (tenant_id, firmware_id)
      )`);

    await runner.query(`
      CREATE TABLE uploads (
        tenant_id    text        NOT NULL,
        device_id    text        NOT NULL,
        id           text        NOT NULL,
        name         text        NOT NULL,
        file_key     text        NOT NULL,
        size         bigint      NOT NULL,
        sha256       text        NOT NULL,
        content_type text,
        stored_at    timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, device_id, id)
      )`);
    await runner.query('CREATE INDEX uploads_by_age ON uploads (stored_at)');
    await runner.query(`
      CREATE TABLE upload_tokens (
        token_hash        bytea       NOT NULL PRIMARY KEY,
        tenant_id         text        NOT NULL,
        device_id         text        NOT NULL,
        endpoint_token_id text        NOT NULL,
        expires_at        timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX upload_tokens_by_age ON upload_tokens (expires_at)');

    // Files that nobody may get any more. Written with the event, worked off until the store has removed them.
    await runner.query(`
      CREATE TABLE file_removals (
        file_key   text        NOT NULL PRIMARY KEY,
        not_before timestamptz NOT NULL DEFAULT now()
      )`);

    // device_type_id is null where a change was heard of before the device itself: the registry is asked then.
    await runner.query(`
      CREATE TABLE devices (
        tenant_id      text    NOT NULL,
        device_id      text    NOT NULL,
        device_type_id text,
        tags           text[]  NOT NULL,
        version        integer NOT NULL,
        deleted        boolean NOT NULL,
        PRIMARY KEY (tenant_id, device_id)
      )`);
    await runner.query(`
      CREATE TABLE endpoint_tokens (
        tenant_id text    NOT NULL,
        token_id  text    NOT NULL,
        status    text    NOT NULL,
        version   integer NOT NULL,
        PRIMARY KEY (tenant_id, token_id)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
