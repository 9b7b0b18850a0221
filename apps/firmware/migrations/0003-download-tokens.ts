import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Download tokens of devices are signed and not stored (ADR 18); those of operators are listed. `download_tokens`, one for
 * all devices and without an end, stays for replicas of the version before, which join it: what was handed out from it opens
 * its firmware for seven days more, so that no update under way breaks off. A later version drops it.
 */
export class DownloadTokens1763600200003 implements MigrationInterface {
  readonly name = 'DownloadTokens1763600200003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE download_tokens ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days'`,
    );
    // A device names the firmware in the path, and no tenant.
    await runner.query('CREATE INDEX firmwares_by_id ON firmwares (id)');

    // One row: what signs the tokens of devices, made here so that all replicas have the same.
    await runner.query(`
      CREATE TABLE download_key (
        the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
        key     bytea   NOT NULL
      )`);
    // Each uuid has 122 bits of the server's strong random numbers.
    await runner.query(`
      INSERT INTO download_key (key)
      SELECT sha256(convert_to(string_agg(gen_random_uuid()::text, ''), 'UTF8')) FROM generate_series(1, 4)`);

    // How often something that lets the device in was suspended or revoked; what was given out before opens nothing more.
    await runner.query(`
      CREATE TABLE device_revocations (
        tenant_id text    NOT NULL,
        device_id text    NOT NULL,
        version   integer NOT NULL,
        PRIMARY KEY (tenant_id, device_id)
      )`);
    // Null: issued by a replica of the version before, which does not know of it.
    await runner.query('ALTER TABLE upload_tokens ADD COLUMN revocation integer');

    await runner.query(`
      CREATE TABLE operator_tokens (
        tenant_id   text        NOT NULL,
        id          text        NOT NULL,
        firmware_id text        NOT NULL,
        name        text,
        created_by  jsonb       NOT NULL,
        created_at  timestamptz NOT NULL,
        expires_at  timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query(
      'CREATE INDEX operator_tokens_of_firmware ON operator_tokens (tenant_id, firmware_id, id)',
    );
    await runner.query('CREATE INDEX operator_tokens_by_age ON operator_tokens (expires_at)');
    // Beside it, because it is in no event and a rebuild must leave it alone.
    await runner.query(`
      CREATE TABLE operator_token_hashes (
        token_hash bytea NOT NULL PRIMARY KEY,
        tenant_id  text  NOT NULL,
        token_id   text  NOT NULL
      )`);
    await runner.query(
      'CREATE UNIQUE INDEX operator_token_hashes_of_token ON operator_token_hashes (tenant_id, token_id)',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
