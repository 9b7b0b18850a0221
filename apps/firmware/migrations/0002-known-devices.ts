import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is known of devices is kept as all services keep it, in `known_devices`. Everything that was known stays known, so
 * that nobody has to be asked before devices are served. Runs after the migrations of known-devices.
 *
 * Replicas of the version before go on beside it during an update: `devices` stays, and they write what they hear to it. A
 * later version drops it, with IF EXISTS, as it is missing where an unreleased form of this migration has run.
 */
export class FirmwareKnownDevices1763600200002 implements MigrationInterface {
  readonly name = 'FirmwareKnownDevices1763600200002';

  async up(runner: QueryRunner): Promise<void> {
    // Waits for what is being written, which would be missing in the copy. What is written after it comes by events to
    // `firmware-known-devices`. Reading goes on, so that replicas of the version before answer meanwhile.
    await runner.query('LOCK TABLE devices IN SHARE MODE');
    await runner.query(`
      INSERT INTO known_devices (tenant_id, device_id, deleted, device_type_id, tags, tags_version)
      SELECT tenant_id, device_id, deleted, device_type_id, CASE WHEN version > 0 THEN tags END, version
      FROM devices
      ON CONFLICT DO NOTHING`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
