import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which service runs a job, what it repeats, who cancelled it; and what is forgotten in which order. */
export class JobOwners1764300000002 implements MigrationInterface {
  readonly name = 'JobOwners1764300000002';

  async up(runner: QueryRunner): Promise<void> {
    // Until now only one service has had jobs; an older replica does not say which.
    await runner.query(`
      ALTER TABLE jobs
        ADD service      text NOT NULL DEFAULT 'configuration',
        ADD retry_of     text,
        ADD cancelled_by jsonb`);
    await runner.query('CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
