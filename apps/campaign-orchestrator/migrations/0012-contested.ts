import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which campaign a device is left to. */
export class Contested1764300000012 implements MigrationInterface {
  readonly name = 'Contested1764300000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE campaign_candidates ADD COLUMN contested_by text');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
