import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is signed in. Not from events: a session is over within hours, and signing in again makes another. */
export class Sessions1763600700003 implements MigrationInterface {
  readonly name = 'Sessions1763600700003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE sessions (
        digest    bytea       PRIMARY KEY,
        id        text        NOT NULL,
        tenant_id text        NOT NULL,
        actor     jsonb       NOT NULL,
        opened_at timestamptz NOT NULL,
        used_at   timestamptz NOT NULL,
        ends_at   timestamptz NOT NULL
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
