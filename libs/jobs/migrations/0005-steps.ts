import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is to be done next for something, and jobs whose service works through them by itself. */
export class Steps1764300000005 implements MigrationInterface {
  readonly name = 'Steps1764300000005';

  async up(runner: QueryRunner): Promise<void> {
    // `at`: when it is due next; null: nothing more is asked. `begun`: somebody is at it, or died at it.
    await runner.query(`
      CREATE TABLE steps (
        tenant_id text        NOT NULL,
        name      text        NOT NULL,
        key       text        NOT NULL,
        at        timestamptz,
        begun     boolean     NOT NULL DEFAULT false,
        faults    integer     NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant_id, name, key)
      ) WITH (fillfactor = 50)`);
    await runner.query('CREATE INDEX steps_at ON steps (at)');
    // Of a driven job: what an operator is told who wants to cancel or retry it.
    await runner.query('ALTER TABLE job_work ADD driven text');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
