import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Duplicates1763600200002 implements MigrationInterface {
  readonly name = 'Duplicates1763600200002';

  async up(runner: QueryRunner): Promise<void> {
    // Beside `redelivered_at`: arrival of the client's duplicate that this row was recognised in. The eighth column: the
    // null bits still fit in the padding of the row header. No default, so no row is rewritten.
    await runner.query('ALTER TABLE samples ADD COLUMN duplicate_at timestamptz');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
