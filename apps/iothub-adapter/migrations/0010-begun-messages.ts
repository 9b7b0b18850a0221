import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A message is on record before it is sent: what its hub tells of it may come before the hub's answer is written down. */
export class BegunMessages1763600800010 implements MigrationInterface {
  readonly name = 'BegunMessages1763600800010';

  async up(runner: QueryRunner): Promise<void> {
    // Until now a message was put on record when its hub had taken it.
    await runner.query('ALTER TABLE hub_messages ADD COLUMN in_hub boolean NOT NULL DEFAULT true');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
