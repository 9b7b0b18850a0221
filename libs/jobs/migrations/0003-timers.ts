import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is to happen at a time; and which ended jobs are forgotten next. */
export class Timers1764300000003 implements MigrationInterface {
  readonly name = 'Timers1764300000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE timers (
        tenant_id text        NOT NULL,
        name      text        NOT NULL,
        key       text        NOT NULL,
        at        timestamptz NOT NULL,
        payload   jsonb       NOT NULL,
        PRIMARY KEY (tenant_id, name, key)
      )`);
    await runner.query('CREATE INDEX timers_at ON timers (at)');
    await runner.query('DROP INDEX job_work_ended');
    await runner.query(
      'CREATE INDEX job_work_ended ON job_work (ended_at) WHERE ended_at IS NOT NULL AND parent IS NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
