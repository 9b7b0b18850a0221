import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is known of devices is kept as all services keep it, in `known_devices`. Everything that was known stays known, so
 * that nobody has to be asked before devices are served. Runs after the migrations of known-devices.
 */
export class FirmwareKnownDevices1763600200002 implements MigrationInterface {
  readonly name = 'FirmwareKnownDevices1763600200002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      INSERT INTO known_devices (tenant_id, device_id, deleted, device_type_id, tags, tags_version)
      SELECT tenant_id, device_id, deleted, device_type_id, CASE WHEN version > 0 THEN tags END, version
      FROM devices
      ON CONFLICT DO NOTHING`);
    await runner.query('DROP TABLE devices');
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
