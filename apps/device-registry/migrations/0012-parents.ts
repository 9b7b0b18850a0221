import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which device a device is behind. No foreign key: when a parent is deleted, its children lose it in the same transaction, and a
 * rebuild makes rows in the order of events, in which a parent may be gone before a child that named it.
 */
export class Parents1764330000012 implements MigrationInterface {
  readonly name = 'Parents1764330000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE devices ADD COLUMN parent_id text');
    await runner.query(
      'CREATE INDEX devices_by_parent ON devices (tenant_id, parent_id) WHERE parent_id IS NOT NULL',
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
