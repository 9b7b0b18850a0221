import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What filters of devices are answered from. Each index costs every new device something, and one on a column that changes
 * costs every change: docs/performance.md has the figures. None on device_connectivity, whose columns change all the time.
 */
export class DeviceFilters1763600200005 implements MigrationInterface {
  readonly name = 'DeviceFilters1763600200005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX devices_by_tag ON devices USING gin (tags)');
    // For @> alone, at half the size of the default operators.
    await runner.query('CREATE INDEX devices_by_metadata ON devices USING gin (metadata jsonb_path_ops)');
    // The operators of LIKE, whatever the collation of the database.
    await runner.query('CREATE INDEX devices_by_folder ON devices (tenant_id, folder text_pattern_ops)');
    await runner.query(
      `CREATE INDEX devices_by_serial_number ON devices (tenant_id, serial_number text_pattern_ops)
       WHERE serial_number IS NOT NULL`,
    );
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
