import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How far the relay is with bundles. It moves with the cursor; behind it is where a version that knows no bundles has published
 * meanwhile. Null: only such a version has published yet.
 */
export class Bundles1763600000008 implements MigrationInterface {
  readonly name = 'Bundles1763600000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE relay_cursor ADD COLUMN bundled_txid xid8, ADD COLUMN bundled_position bigint',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
