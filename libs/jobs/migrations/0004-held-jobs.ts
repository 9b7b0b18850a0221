import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Jobs that begin only when somebody releases them. */
export class HeldJobs1764300000004 implements MigrationInterface {
  readonly name = 'HeldJobs1764300000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE job_work ADD held boolean NOT NULL DEFAULT false');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
