import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When the device answered a command that was expired or cancelled already. */
export class LateAnswers1763600300003 implements MigrationInterface {
  readonly name = 'LateAnswers1763600300003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands ADD COLUMN late_at timestamptz');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
