import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Answers kept for callers that repeat a request with its Idempotency-Key. */
export class Idempotency1763600000002 implements MigrationInterface {
  readonly name = 'Idempotency1763600000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE idempotency (
        tenant_id  text        NOT NULL,
        key        text        NOT NULL,
        body_hash  bytea       NOT NULL,
        reply      jsonb,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, key)
      )`);
    await runner.query('CREATE INDEX idempotency_by_age ON idempotency (created_at)');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
