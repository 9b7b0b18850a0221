import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Imports and their rows, which are no read model: a row is what somebody wants, until its job has done it. Then its content goes,
 * because it may have a token in it, and what became of it stays.
 */
export class Imports1764330000011 implements MigrationInterface {
  readonly name = 'Imports1764330000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE imports (
        tenant_id  text        NOT NULL,
        id         text        NOT NULL,
        dry_run    boolean     NOT NULL DEFAULT false,
        started    boolean     NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, id)
      )`);
    await runner.query('CREATE INDEX imports_by_age ON imports (created_at)');
    await runner.query(`
      CREATE TABLE import_rows (
        tenant_id text    NOT NULL,
        import_id text    NOT NULL,
        line      integer NOT NULL,
        row       jsonb,
        outcome   text    NOT NULL DEFAULT 'waiting',
        device_id text,
        name      text,
        token_id  text,
        code      text,
        detail    text,
        PRIMARY KEY (tenant_id, import_id, line),
        FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
