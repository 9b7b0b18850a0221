import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * By what a stream's last events are published. A transaction that began earlier and writes to the stream later takes that for its own
 * events, too, or they would be published before those that they follow.
 */
export class OrderWithinAStream1763600000007 implements MigrationInterface {
  readonly name = 'OrderWithinAStream1763600000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE streams ADD COLUMN txid xid8 NOT NULL DEFAULT '0'`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
