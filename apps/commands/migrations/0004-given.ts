import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When a command was last pushed, or is about to be, and last given to a device that asked. Not of the events: what they
 * prevent is that one copy follows another within one connection of the device.
 */
export class CommandsGiven1763600300004 implements MigrationInterface {
  readonly name = 'CommandsGiven1763600300004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE commands ADD COLUMN pushed_at timestamptz, ADD COLUMN asked_at timestamptz',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
