import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Firmware types can be changed. Those of before were never changed, and so have the revision of their creation. */
export class FirmwareTypeRevisions1763600200004 implements MigrationInterface {
  readonly name = 'FirmwareTypeRevisions1763600200004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE firmware_types ADD COLUMN revision integer NOT NULL DEFAULT 1');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
