import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Until when a claimed command counts as on its way to the device. Null: what became of it is known. Not of the events, as
 * `pushed_at` is not.
 */
export class CommandsUnderWay1763600300005 implements MigrationInterface {
  readonly name = 'CommandsUnderWay1763600300005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands ADD COLUMN under_way_until timestamptz');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
