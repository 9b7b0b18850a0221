import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * All that others need of a device. Changes come one field at a time and in any order, so each has the version of the device
 * at which it became so; `version` is that of `app_version`. Null and 0: not known yet, the registry is asked when it is
 * needed.
 */
export class KnownDeviceFacts1763600100003 implements MigrationInterface {
  readonly name = 'KnownDeviceFacts1763600100003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE known_devices
        ADD COLUMN interface      text,
        ADD COLUMN name           text,
        ADD COLUMN name_version   integer NOT NULL DEFAULT 0,
        ADD COLUMN tags           text[],
        ADD COLUMN tags_version   integer NOT NULL DEFAULT 0,
        ADD COLUMN folder         text,
        ADD COLUMN folder_version integer NOT NULL DEFAULT 0`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}
