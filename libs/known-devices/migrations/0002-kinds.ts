import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What kind of device it is. Null and 0 in rows from before, and where a change was heard of before the device itself: the
 * registry is asked when it is needed.
 */
export class KnownDeviceKinds1763600100002 implements MigrationInterface {
  readonly name = 'KnownDeviceKinds1763600100002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE known_devices
        ADD COLUMN device_type_id text,
        ADD COLUMN app_version    text,
        ADD COLUMN version        integer NOT NULL DEFAULT 0`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
