import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a command was first sent to a device that was there. Null in rows from before: it is sent once more. */
export class CommandsSent1763600300002 implements MigrationInterface {
  readonly name = 'CommandsSent1763600300002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands ADD COLUMN sent_at timestamptz');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
